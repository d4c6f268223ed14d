/** `/access-profiles`: how clients and keys of an application may call. */
import { z } from 'zod';
import { belongingToVisible, demandVisible, type Inquirer } from '../domain/access/visibility.ts';
import {
  changeProfile,
  createProfile,
  profileMistakes,
  removeProfile,
} from '../domain/applications/access-profile-changes.ts';
import { AccessProfileChanges, AccessProfileDraft } from '../domain/applications/access-profile-drafts.ts';
import { AccessProfile, accessProfiles, ClientJwtAlgorithm } from '../domain/applications/access-profiles.ts';
import { hasSecret } from '../domain/applications/profile-authentication.ts';
import { Jwks } from '../domain/clients/client-authentication.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { operation, recordView } from './operation.ts';

const { shape } = AccessProfile;

const AuthenticationView = z.discriminatedUnion('method', [
  z.object({ method: z.literal('token') }),
  z.object({
    method: z.literal('jwt'),
    algorithm: ClientJwtAlgorithm,
    secret_set: z.boolean().meta({ description: 'Whether there is a secret; it is never shown.' }),
    public_key: z.string().nullable(),
    jwks: Jwks.nullable(),
    single_use: z.boolean(),
  }),
]);

const AccessProfileView = z
  .object({
    ...recordView,
    application_id: shape.application_id,
    name: shape.name,
    collections: z.array(z.string()),
    policy_id: shape.policy_id,
    allowed_ips: z.array(z.string()).nullable(),
    authentication: AuthenticationView,
    enabled: shape.enabled,
  })
  .meta({
    id: 'AccessProfile',
    example: {
      id: 'prof_5vq3m8t1c7w2zk9x4n6bd0fh',
      created_at: '2026-11-21T08:00:00.000Z',
      updated_at: '2026-11-21T08:00:00.000Z',
      application_id: 'app_5vq3m8t1c7w2zk9x4n6bd0fh',
      name: 'Warehouse only',
      collections: ['col_5vq3m8t1c7w2zk9x4n6bd0fh'],
      policy_id: null,
      allowed_ips: ['192.0.2.0/24'],
      authentication: { method: 'token' },
      enabled: true,
    },
  });
type AccessProfileView = z.infer<typeof AccessProfileView>;

const tag = 'Access profile';

export const accessProfileOperations = [
  operation({
    method: 'get',
    path: '/access-profiles',
    operation_id: 'listAccessProfiles',
    summary: 'List access profiles',
    tag,
    scope: 'access-profiles:read',
    query: ListQuery,
    status: 200,
    result: pageOf(AccessProfileView),
    async run(call) {
      const { records, next_cursor } = await call.page(accessProfiles, await belongingToVisible(call));
      return { body: { data: records.map(viewOf), next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: '/access-profiles',
    operation_id: 'createAccessProfile',
    summary: 'Create an access profile',
    description: 'It narrows the clients and keys that are put under it, and nobody before that.',
    tag,
    scope: 'access-profiles:write',
    body: AccessProfileDraft,
    check: (inquiry) => profileMistakes(inquiry, inquiry.body),
    status: 201,
    result: AccessProfileView,
    async run(call) {
      const profile = await createProfile(call, call.body);
      return { body: viewOf(profile), version: profile.version, location: `/access-profiles/${profile.id}` };
    },
  }),
  operation({
    method: 'get',
    path: '/access-profiles/:id',
    operation_id: 'getAccessProfile',
    summary: 'Read an access profile',
    tag,
    scope: 'access-profiles:read',
    status: 200,
    result: AccessProfileView,
    find: findProfile,
    run: async ({ found }) => ({ body: viewOf(found), version: found.version }),
  }),
  operation({
    method: 'patch',
    path: '/access-profiles/:id',
    operation_id: 'changeAccessProfile',
    summary: 'Change an access profile',
    description: 'It counts at once, at every node, for all that are under it.',
    tag,
    scope: 'access-profiles:write',
    body: AccessProfileChanges,
    check: (inquiry) => profileMistakes(inquiry, inquiry.body, inquiry.found),
    status: 200,
    result: AccessProfileView,
    find: findProfile,
    view: async ({ found }) => viewOf(found),
    async run(call) {
      const profile = await changeProfile(call, call.found, call.body);
      return { body: viewOf(profile), version: profile.version };
    },
  }),
  operation({
    method: 'delete',
    path: '/access-profiles/:id',
    operation_id: 'deleteAccessProfile',
    summary: 'Delete an access profile',
    description: 'Refused while a client or a key is under it.',
    tag,
    scope: 'access-profiles:write',
    status: 204,
    find: findProfile,
    async run(call) {
      await removeProfile(call, call.found);
      return {};
    },
  }),
];

async function findProfile(inquiry: Inquirer & { params: { id: string } }): Promise<AccessProfile> {
  const profile = await inquiry.storage.get(accessProfiles, inquiry.params.id);
  return await demandVisible(inquiry, profile, 'access profile');
}

function viewOf(profile: AccessProfile): AccessProfileView {
  const { authentication, collection_ids } = profile;
  return AccessProfileView.parse({
    ...profile,
    collections: collection_ids,
    authentication: { ...authentication, secret_set: hasSecret(authentication) },
  });
}
