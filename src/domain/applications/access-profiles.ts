/** An access profile: how clients and keys of an application may call. It only ever narrows what they may do. */
import { z } from 'zod';
import { AllowedAddresses } from '../access/addresses.ts';
import { PublicJwks } from '../clients/clients.ts';
import type { Place } from '../installation/sealing.ts';
import { Name, recordShape } from '../record.ts';
import type { Table } from '../store.ts';

/** The algorithms with which clients may sign their own JWTs (RFC 7518 section 3.1, RFC 8037). */
export const ClientJwtAlgorithm = z.enum([
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'ES256',
  'ES384',
  'EdDSA',
]);
export type ClientJwtAlgorithm = z.infer<typeof ClientJwtAlgorithm>;

/** How holders prove themselves to APIs: with what Latchkey gave them, or with JWTs that they sign. */
export const StoredAuthentication = z.discriminatedUnion('method', [
  z.object({ method: z.literal('token') }),
  z.object({
    method: z.literal('jwt'),
    algorithm: ClientJwtAlgorithm,
    /** HS only: sealed for this record and the field `authentication.secret`. */
    sealed_secret: z.string().nullable(),
    /** The others: PEM (SPKI). Exactly one of this and `jwks`. */
    public_key: z.string().nullable(),
    jwks: PublicJwks.nullable(),
    /** Whether each JWT is good for one use; then it needs a `jti`. */
    single_use: z.boolean(),
  }),
]);
export type StoredAuthentication = z.infer<typeof StoredAuthentication>;

export const AccessProfile = z.object({
  ...recordShape,
  application_id: z.string(),
  name: Name,
  collection_ids: z.array(z.string()).min(1).max(100),
  policy_id: z.string().nullable(),
  allowed_ips: AllowedAddresses,
  authentication: StoredAuthentication,
  enabled: z.boolean(),
});
export type AccessProfile = z.infer<typeof AccessProfile>;

function withoutSecret(authentication: StoredAuthentication): object {
  if (authentication.method === 'token') return authentication;
  const { sealed_secret: _, ...shown } = authentication;
  return shown;
}

export const accessProfiles: Table<AccessProfile> = {
  name: 'access_profiles',
  indexes: ['application_id', 'policy_id'],
  search: (profile) => [profile.name],
  references: ({ application_id, collection_ids, policy_id }) => [
    application_id,
    ...collection_ids,
    ...(policy_id === null ? [] : [policy_id]),
  ],
  parent: (profile) => profile.application_id,
  feed: true,
  audit: {
    noun: 'access_profile',
    members: {
      application_id: 'shown',
      name: 'shown',
      collection_ids: { as: 'collections', value: async (ids) => ids },
      policy_id: 'shown',
      allowed_ips: 'shown',
      authentication: withoutSecret,
      enabled: 'shown',
    },
    belongsTo: (profile) => profile.application_id,
  },
};

/** @returns where the secret of a profile is sealed to */
export function secretPlace(profileId: string): Place {
  return { table: accessProfiles.name, id: profileId, field: 'authentication.secret' };
}
