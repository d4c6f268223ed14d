/**
 * An initial access token (RFC 7591 section 1.2): lets a gateway or portal register clients of one application, with
 * rights up to a ceiling. Shown once; what is kept proves it.
 */

import { z } from 'zod';
import { scopeReference } from '../apis/apis.ts';
import { asPermissions } from '../apis/told-apis.ts';
import { asRoles } from '../apis/told-roles.ts';
import { Environment, Name, recordShape, StoredPermission } from '../record.ts';
import type { StoredRecord, Table } from '../store.ts';

/** Who made it, whose rights are asked about again at each use. */
export const Maker = z.object({ kind: z.enum(['member', 'client']), id: z.string() });
export type Maker = z.infer<typeof Maker>;

export const InitialAccessToken = z.object({
  ...recordShape,
  name: Name,
  application_id: z.string(),
  environment: Environment,
  permissions: z.array(StoredPermission).max(500),
  role_ids: z.array(z.string()).max(100),
  /** null: any number. */
  max_uses: z.int().min(1).max(1_000_000).nullable(),
  expires_at: z.iso.datetime(),
  enabled: z.boolean(),
  /** The SHA-256 of the token, base64url. It has 260 random bits, which no guessing reaches. */
  hash: z.string(),
  hint: z.string(),
  made_by: Maker,
});
export type InitialAccessToken = z.infer<typeof InitialAccessToken>;

// `expires_at` is no table expiry: one that is over stays to be seen, and can be extended.
export const initialAccessTokens: Table<InitialAccessToken> = {
  name: 'initial_access_tokens',
  indexes: ['application_id'],
  search: (token) => [token.id, token.name],
  references: (token) => [
    token.application_id,
    ...token.permissions.flatMap(({ api_id, scope }) => [api_id, scopeReference(api_id, scope)]),
    ...token.role_ids,
  ],
  audit: {
    noun: 'initial_access_token',
    members: {
      name: 'shown',
      application_id: 'shown',
      environment: 'shown',
      permissions: asPermissions,
      role_ids: asRoles,
      max_uses: 'shown',
      expires_at: 'shown',
      enabled: 'shown',
      hash: 'hidden',
      hint: 'shown',
      made_by: 'shown',
    },
    belongsTo: (token) => token.application_id,
  },
};

/** How often a token was used, by the token's own id. Apart from it, for a use is no change of the token. */
export interface InitialAccessTokenUses extends StoredRecord {
  readonly uses: number;
}

export const initialAccessTokenUses: Table<InitialAccessTokenUses> = { name: 'initial_access_token_uses' };
