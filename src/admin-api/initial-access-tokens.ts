/** `/initial-access-tokens`: what gateways and portals register clients by, each shown once. */
import { z } from 'zod';
import { belongingToVisible, demandVisible, type Inquirer } from '../domain/access/visibility.ts';
import { NamedPermission, readNames } from '../domain/apis/references.ts';
import { definedIn } from '../domain/merge.ts';
import {
  changeInitialAccessToken,
  createInitialAccessToken,
  removeInitialAccessToken,
} from '../domain/registration/initial-access-token-changes.ts';
import {
  InitialAccessTokenChanges,
  InitialAccessTokenDraft,
} from '../domain/registration/initial-access-token-drafts.ts';
import { initialAccessTokenMistakes } from '../domain/registration/initial-access-token-references.ts';
import {
  InitialAccessToken,
  initialAccessTokens,
  initialAccessTokenUses,
} from '../domain/registration/initial-access-tokens.ts';
import type { Storage } from '../domain/store.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { operation, recordView } from './operation.ts';

const { shape } = InitialAccessToken;

const example = {
  id: 'iat_5vq3m8t1c7w2zk9x4n6bd0fh',
  created_at: '2026-11-21T08:00:00.000Z',
  updated_at: '2026-11-21T08:00:00.000Z',
  name: 'Developer portal',
  application_id: 'app_5vq3m8t1c7w2zk9x4n6bd0fh',
  environment: 'production',
  permissions: [{ api: 'https://api.example.com/orders', scope: 'orders:read' }],
  roles: [],
  max_uses: 100,
  uses: 3,
  expires_at: '2027-06-30T00:00:00.000Z',
  enabled: true,
  hint: 'x7w2',
  made_by: { kind: 'member', id: 'mem_5vq3m8t1c7w2zk9x4n6bd0fh' },
};

const InitialAccessTokenView = z
  .object({
    ...recordView,
    name: shape.name,
    application_id: shape.application_id,
    environment: shape.environment,
    permissions: z.array(z.object(NamedPermission.shape)),
    roles: z.array(z.string()),
    max_uses: shape.max_uses,
    uses: z.int().meta({ description: 'How many clients it has registered, also those that are gone.' }),
    expires_at: shape.expires_at,
    enabled: shape.enabled,
    hint: z.string().meta({ description: 'Its last four characters.' }),
    made_by: shape.made_by.meta({ description: 'Who made it; it is good only while he still could.' }),
  })
  .meta({ id: 'InitialAccessToken', example });
type InitialAccessTokenView = z.infer<typeof InitialAccessTokenView>;

/** One that was just made. */
const NewInitialAccessToken = InitialAccessTokenView.extend({
  initial_access_token: z.string().meta({ description: 'The token: shown this once.' }),
}).meta({ id: 'NewInitialAccessToken', example: { ...example, uses: 0, initial_access_token: 'shown once' } });

const one = '/initial-access-tokens/:id';
const tag = 'Initial access token';

export const initialAccessTokenOperations = [
  operation({
    method: 'get',
    path: '/initial-access-tokens',
    operation_id: 'listInitialAccessTokens',
    summary: 'List initial access tokens',
    tag,
    scope: 'initial-access-tokens:read',
    query: ListQuery,
    status: 200,
    result: pageOf(InitialAccessTokenView),
    async run({ page, storage, principal }) {
      const { records, next_cursor } = await page(
        initialAccessTokens,
        await belongingToVisible({ storage, principal }),
      );
      return { body: { data: await viewsOf(storage, records), next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: '/initial-access-tokens',
    operation_id: 'createInitialAccessToken',
    summary: 'Let a gateway or portal register clients',
    description: 'The answer shows the token, this once. Who makes it grants what its clients may get.',
    tag,
    scope: 'initial-access-tokens:write',
    body: InitialAccessTokenDraft,
    check: (inquiry) => initialAccessTokenMistakes(inquiry, inquiry.body),
    status: 201,
    result: NewInitialAccessToken,
    async run(call) {
      const { record, token } = await createInitialAccessToken(call, call.body);
      return {
        body: { ...(await viewOf(call.storage, record)), initial_access_token: token },
        version: record.version,
        location: `/initial-access-tokens/${record.id}`,
        secret_id: record.id,
      };
    },
  }),
  operation({
    method: 'get',
    path: one,
    operation_id: 'getInitialAccessToken',
    summary: 'Read about an initial access token',
    tag,
    scope: 'initial-access-tokens:read',
    status: 200,
    result: InitialAccessTokenView,
    find: findToken,
    run: async ({ storage, found }) => ({ body: await viewOf(storage, found), version: found.version }),
  }),
  operation({
    method: 'patch',
    path: one,
    operation_id: 'changeInitialAccessToken',
    summary: 'Change an initial access token',
    description: 'What its clients may get cannot be changed: make another one for that.',
    tag,
    scope: 'initial-access-tokens:write',
    body: InitialAccessTokenChanges,
    check: (inquiry) => initialAccessTokenMistakes(inquiry, definedIn(inquiry.body), inquiry.found),
    status: 200,
    result: InitialAccessTokenView,
    find: findToken,
    view: ({ storage, found }) => viewOf(storage, found),
    observed: ['uses'],
    async run(call) {
      const token = await changeInitialAccessToken(call, call.found, call.body);
      return { body: await viewOf(call.storage, token), version: token.version };
    },
  }),
  operation({
    method: 'delete',
    path: one,
    operation_id: 'deleteInitialAccessToken',
    summary: 'Delete an initial access token',
    description:
      'The clients that it registered stay, with what they have. By their registrations they get nothing more.',
    tag,
    scope: 'initial-access-tokens:write',
    status: 204,
    find: findToken,
    async run(call) {
      await removeInitialAccessToken(call, call.found);
      return {};
    },
  }),
];

async function findToken(inquiry: Inquirer & { params: { id: string } }): Promise<InitialAccessToken> {
  const token = await inquiry.storage.get(initialAccessTokens, inquiry.params.id);
  return await demandVisible(inquiry, token, 'initial access token');
}

async function viewOf(storage: Storage, token: InitialAccessToken): Promise<InitialAccessTokenView> {
  const [view] = await viewsOf(storage, [token]);
  return InitialAccessTokenView.parse(view);
}

async function viewsOf(storage: Storage, records: readonly InitialAccessToken[]): Promise<InitialAccessTokenView[]> {
  const names = await readNames(
    storage,
    records.flatMap(({ permissions }) => permissions.map(({ api_id }) => api_id)),
    records.flatMap(({ role_ids }) => role_ids),
  );
  const counts = await storage.getMany(
    initialAccessTokenUses,
    records.map(({ id }) => id),
  );
  const uses = new Map(counts.map((count) => [count.id, count.uses]));
  return records.map((token) => ({
    ...token,
    permissions: names.permissions(token.permissions),
    roles: token.role_ids.map(names.role),
    uses: uses.get(token.id) ?? 0,
  }));
}
