/** What is written of an API key: to make one, to change one, to refresh one. What is stored by ids is named here. */
import { z } from 'zod';
import { NamedPermission } from '../apis/references.ts';
import { RoleName } from '../apis/roles.ts';
import { Timestamp } from '../record.ts';
import { ApiKey, ApiKeyPurpose, ResourceId } from './api-keys.ts';

const GRACE_SECONDS_MAX = 30 * 24 * 3600;

const { shape } = ApiKey;

const Id = z.string().min(1).max(100);

const writable = {
  name: shape.name,
  permissions: z.array(NamedPermission).max(500),
  roles: z.array(RoleName).max(100),
  resources: z
    .array(ResourceId)
    .min(1, 'must not be empty: null lifts the restriction')
    .max(1000)
    .nullable()
    .meta({ description: 'Which of its things an API lets it call for; null for any.' }),
  access_profile_id: Id.nullable(),
  allowed_ips: shape.allowed_ips,
  policy_id: Id.nullable(),
  expires_at: Timestamp.nullable().meta({ description: 'From then on it is refused; null for never.' }),
  enabled: shape.enabled,
};

/** What a key is made from. */
export const ApiKeyDraft = z
  .strictObject({
    kind: shape.kind,
    name: writable.name,
    owner: Id.nullable().optional().meta({ description: 'Left out: the member who asks; null for a machine.' }),
    application_id: Id.nullable().default(null),
    environment: shape.environment.default(null),
    member_id: Id.nullable()
      .optional()
      .meta({ description: 'Personal keys: as whom it acts. Left out: the member who asks.' }),
    for: ApiKeyPurpose.nullable()
      .default(null)
      .meta({ description: 'Personal keys: for the admin API, or for APIs; never for both.' }),
    permissions: writable.permissions.default([]),
    roles: writable.roles.default([]),
    resources: writable.resources.default(null),
    access_profile_id: writable.access_profile_id.default(null),
    allowed_ips: writable.allowed_ips.default(null),
    policy_id: writable.policy_id.default(null),
    expires_at: writable.expires_at.default(null),
    enabled: writable.enabled.default(true),
  })
  .meta({
    id: 'ApiKeyDraft',
    example: {
      kind: 'query',
      name: 'Dashboard',
      permissions: [{ api: 'https://api.example.com/orders', scope: 'orders:read' }],
      allowed_ips: ['192.0.2.0/24'],
    },
  });
export type ApiKeyDraft = z.output<typeof ApiKeyDraft>;

/** What of a key may be changed. */
export const ApiKeyChanges = z
  .strictObject({
    ...writable,
    owner: Id.nullable().meta({ description: 'Platform owners pass a key on; a personal key stays its member’s.' }),
  })
  .partial()
  .meta({ id: 'ApiKeyChanges', example: { enabled: false } });
export type ApiKeyChanges = z.output<typeof ApiKeyChanges>;

/** How a key is replaced by a new one of the same record. */
export const ApiKeyRefresh = z
  .strictObject({
    grace_seconds: z
      .int()
      .min(0)
      .max(GRACE_SECONDS_MAX)
      .default(0)
      .meta({ description: 'How long the key before goes on being good.' }),
  })
  .meta({ id: 'ApiKeyRefresh', example: { grace_seconds: 86_400 } });
export type ApiKeyRefresh = z.output<typeof ApiKeyRefresh>;
