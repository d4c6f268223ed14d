/** An API key: what is sent as `x-api-key`. The key itself is shown once; what is kept proves it. */

import { z } from 'zod';
import { AllowedAddresses } from '../access/addresses.ts';
import { scopeReference } from '../apis/apis.ts';
import { asPermissions } from '../apis/told-apis.ts';
import { asRoles } from '../apis/told-roles.ts';
import { CONTROL_CHARACTERS } from '../control-characters.ts';
import { Environment, Name, recordShape, StoredPermission } from '../record.ts';
import type { Table } from '../store.ts';

export const ApiKeyKind = z.enum(['personal', 'query', 'index', 'application']);
export type ApiKeyKind = z.infer<typeof ApiKeyKind>;

/** Where a personal key is good: at the admin API, or at APIs. */
export const ApiKeyPurpose = z.enum(['admin', 'apis']);

/** What an API calls one of its things: a corpus, an application, a cluster. */
export const ResourceId = z
  .string()
  .max(200)
  .regex(new RegExp(`^[^${CONTROL_CHARACTERS}]+$`, 'u'), 'must not be empty or contain control characters');

/** How many keys before the current one may be in their grace. */
export const EARLIER_MAX = 10;

/** The SHA-256 of a key, base64url. A key has 256 random bits, which no guessing reaches. */
const Proof = z.object({ hash: z.string(), hint: z.string(), prefix: z.string().optional() });

export const ApiKey = z.object({
  ...recordShape,
  kind: ApiKeyKind,
  name: Name,
  /** A member's id; null for what a machine made. A personal key's is its member. */
  owner: z.string().nullable(),
  application_id: z.string().nullable(),
  environment: Environment.nullable(),
  /** Personal keys: as whom it acts, and where. */
  member_id: z.string().nullable(),
  for: ApiKeyPurpose.nullable(),
  permissions: z.array(StoredPermission).max(500),
  role_ids: z.array(z.string()).max(100),
  /** null: any. */
  resources: z.array(ResourceId).min(1).max(1000).nullable(),
  access_profile_id: z.string().nullable(),
  allowed_ips: AllowedAddresses,
  policy_id: z.string().nullable(),
  expires_at: z.iso.datetime().nullable(),
  last_used_at: z.iso.datetime().nullable(),
  use_count: z.int().min(0),
  enabled: z.boolean(),
  /** When somebody who held it had it revoked; it stays so until it is refreshed. */
  leaked_at: z.iso.datetime().nullable(),
  current: Proof,
  /** Those it had before that live on for a while after a refresh. */
  earlier: z.array(Proof.extend({ ends_at: z.iso.datetime() })).max(EARLIER_MAX),
  /** Whose it is for seeing and changing it: its application's, or else its owner's; null for a machine's. */
  belongs_to: z.string().nullable(),
});
export type ApiKey = z.infer<typeof ApiKey>;

export const apiKeys: Table<ApiKey> = {
  name: 'api_keys',
  indexes: ['application_id', 'member_id', 'belongs_to', 'access_profile_id', 'policy_id', 'expires_at'],
  search: (key) => [key.id, key.name],
  references: (key) => [
    ...[key.owner, key.application_id, key.member_id, key.access_profile_id, key.policy_id].filter((id) => id !== null),
    ...key.permissions.flatMap(({ api_id, scope }) => [api_id, scopeReference(api_id, scope)]),
    ...key.role_ids,
  ],
  feed: true,
  audit: {
    noun: 'api_key',
    members: {
      kind: 'shown',
      name: 'shown',
      owner: 'shown',
      application_id: 'shown',
      environment: 'shown',
      member_id: 'shown',
      for: 'shown',
      permissions: asPermissions,
      role_ids: asRoles,
      resources: 'shown',
      access_profile_id: 'shown',
      allowed_ips: 'shown',
      policy_id: 'shown',
      expires_at: 'shown',
      enabled: 'shown',
      leaked_at: 'shown',
      current: ({ hint }) => ({ hint }),
      earlier: (proofs) => proofs.map(({ hint, ends_at }) => ({ hint, ends_at })),
      last_used_at: 'unlogged',
      use_count: 'unlogged',
      belongs_to: 'unlogged',
    },
    belongsTo: (key) => key.belongs_to,
  },
};
