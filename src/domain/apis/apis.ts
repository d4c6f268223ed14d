/** An API: a resource server. Its identifier is the audience of its tokens; it says how they are made. */
import { z } from 'zod';
import { Description, Environment, LifetimeSeconds, Name, recordShape, ScopeName } from '../record.ts';
import type { Table } from '../store.ts';

export const SigningAlgorithm = z.enum(['RS256', 'ES256', 'EdDSA', 'PS256']);
export type SigningAlgorithm = z.infer<typeof SigningAlgorithm>;

export const ApiScope = z.object({
  name: ScopeName,
  description: Description.default(''),
  access: z.enum(['read', 'write']).default('write'),
});

export const Api = z.object({
  ...recordShape,
  identifier: z.string(),
  name: Name,
  scopes: z.array(ApiScope).max(500),
  signing_algorithm: SigningAlgorithm,
  token_format: z.enum(['jwt', 'opaque']),
  token_type_header: z.enum(['at+jwt', 'JWT']),
  token_lifetime_seconds: LifetimeSeconds,
  /** null: clients of any environment. */
  environments: z.array(Environment).min(1).nullable(),
  /** What the consoles offer to restrict keys to; not a rule. */
  resources: z.array(z.object({ id: z.string().min(1).max(200), name: Name })).max(1000),
  /** Whether a token without any scope is worth something here. */
  allow_no_scope: z.boolean(),
  enabled: z.boolean(),
  /** The admin API, and the own ones of gateways: made by Latchkey, read-only. */
  built_in: z.boolean(),
  /** Whose own it is; missing for all others. */
  gateway_id: z.string().optional(),
});
export type Api = z.infer<typeof Api>;

export const apis: Table<Api> = {
  name: 'apis',
  unique: [['identifier']],
  search: (api) => [api.identifier, api.name],
  feed: true,
  audit: {
    noun: 'api',
    members: {
      identifier: 'shown',
      name: 'shown',
      scopes: 'shown',
      signing_algorithm: 'shown',
      token_format: 'shown',
      token_type_header: 'shown',
      token_lifetime_seconds: 'shown',
      environments: 'shown',
      resources: 'shown',
      allow_no_scope: 'shown',
      enabled: 'shown',
      built_in: 'shown',
      gateway_id: 'shown',
    },
  },
};

/** @returns the name under which others refer to a scope of an API. */
export function scopeReference(apiId: string, scope: string): string {
  return `${apiId}#${scope}`;
}
