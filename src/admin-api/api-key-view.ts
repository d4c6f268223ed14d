/** How API keys look from outside: what is stored by ids is shown by names, and what proves them not at all. */
import { z } from 'zod';
import type { Inquirer } from '../domain/access/visibility.ts';
import { apiKeyPrefix } from '../domain/api-keys/api-key-format.ts';
import { ApiKey, apiKeys } from '../domain/api-keys/api-keys.ts';
import { visibleApiKey } from '../domain/api-keys/visible-api-keys.ts';
import { NamedPermission, readNames } from '../domain/apis/references.ts';
import { notFound } from '../domain/errors.ts';
import type { Storage } from '../domain/store.ts';
import { recordView } from './operation.ts';

const { shape } = ApiKey;

const example = {
  id: 'key_5vq3m8t1c7w2zk9x4n6bd0fh',
  created_at: '2026-11-21T08:00:00.000Z',
  updated_at: '2026-11-21T08:00:00.000Z',
  kind: 'query',
  name: 'Dashboard',
  owner: 'mem_5vq3m8t1c7w2zk9x4n6bd0fh',
  application_id: null,
  environment: null,
  member_id: null,
  for: null,
  permissions: [{ api: 'https://api.example.com/orders', scope: 'orders:read' }],
  roles: [],
  resources: null,
  access_profile_id: null,
  allowed_ips: ['192.0.2.0/24'],
  policy_id: null,
  expires_at: null,
  last_used_at: null,
  use_count: 0,
  enabled: true,
  leaked_at: null,
  prefix: 'latchkey_5vq3m8t1c7w2zk9x4n6bd0fh_',
  last_four: 'x9qa',
  masked: 'latchkey_5vq3m8t1c7w2zk9x4n6bd0fh_…x9qa',
};

export const ApiKeyView = z
  .object({
    ...recordView,
    kind: shape.kind,
    name: shape.name,
    owner: shape.owner,
    application_id: shape.application_id,
    environment: shape.environment,
    member_id: shape.member_id,
    for: shape.for,
    permissions: z.array(z.object(NamedPermission.shape)),
    roles: z.array(z.string()),
    resources: shape.resources,
    access_profile_id: shape.access_profile_id,
    allowed_ips: shape.allowed_ips,
    policy_id: shape.policy_id,
    expires_at: shape.expires_at,
    last_used_at: shape.last_used_at,
    use_count: shape.use_count,
    enabled: shape.enabled,
    leaked_at: shape.leaked_at.meta({ description: 'When somebody who held it had it revoked.' }),
    prefix: z.string().meta({ description: 'The key up to its secret.' }),
    last_four: z.string().meta({ description: 'Its last four characters.' }),
    masked: z.string(),
  })
  .meta({ id: 'ApiKey', example });
export type ApiKeyView = z.infer<typeof ApiKeyView>;

/** A key that was just made. */
export const NewApiKey = ApiKeyView.extend({
  api_key: z.string().meta({ description: 'The key itself: shown this once.' }),
}).meta({ id: 'NewApiKey', example: { ...example, api_key: 'shown once' } });

/** @returns the key that the path names @throws DomainError `not_found`, also where it is another's */
export async function findApiKey(inquiry: Inquirer & { params: { id: string } }): Promise<ApiKey> {
  const key = await visibleApiKey(inquiry, inquiry.params.id);
  if (key !== undefined) return key;
  throw notFound('API key', (await inquiry.storage.get(apiKeys, inquiry.params.id)) !== undefined);
}

/** @returns how it looks from outside */
export async function apiKeyView(storage: Storage, key: ApiKey): Promise<ApiKeyView> {
  const [view] = await apiKeyViews(storage, [key]);
  return ApiKeyView.parse(view);
}

/** @returns how they look from outside, in the same order */
export async function apiKeyViews(storage: Storage, records: readonly ApiKey[]): Promise<ApiKeyView[]> {
  const names = await readNames(
    storage,
    records.flatMap(({ permissions }) => permissions.map(({ api_id }) => api_id)),
    records.flatMap(({ role_ids }) => role_ids),
  );
  return records.map((key) => {
    const prefix = key.current.prefix ?? apiKeyPrefix(key.id);
    return {
      ...key,
      permissions: names.permissions(key.permissions),
      roles: key.role_ids.map(names.role),
      prefix,
      last_four: key.current.hint,
      masked: `${prefix}…${key.current.hint}`,
    };
  });
}
