/** `/clients/{client_id}/secrets`: the consumer secrets, each shown once, unless it is recoverable. */
import { changeSecret, createSecret, removeSecret, rotateSecret } from '../domain/clients/client-secret-changes.ts';
import { SecretChanges, SecretDraft, SecretRotation, secretMistakes } from '../domain/clients/client-secret-drafts.ts';
import { type ClientSecret, clientSecrets } from '../domain/clients/client-secrets.ts';
import type { MintedSecret } from '../domain/clients/secrets.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { findSecret, NewSecret, SecretView, secretView } from './client-secret-view.ts';
import { findClient } from './client-view.ts';
import { type AdminServices, operation } from './operation.ts';

const list = '/clients/:client_id/secrets';
const one = '/clients/:client_id/secrets/:id';
const tag = 'Secret';

export const clientSecretOperations = [
  operation({
    method: 'get',
    path: list,
    operation_id: 'listSecrets',
    summary: "List a client's secrets",
    tag,
    scope: 'secrets:read',
    query: ListQuery,
    status: 200,
    result: pageOf(SecretView),
    find: findClient,
    async run({ page, found }) {
      const { records, next_cursor } = await page(clientSecrets, { client_id: found.id });
      return { body: { data: records.map(secretView), next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: list,
    operation_id: 'createSecret',
    summary: 'Add a secret',
    description: 'The others stay as they are.',
    tag,
    scope: 'secrets:write',
    body: SecretDraft,
    check: ({ body }) => secretMistakes(body, Date.now()),
    status: 201,
    result: NewSecret,
    find: findClient,
    prepare: mint,
    async run(call) {
      return shown(await createSecret(call, call.found, call.body, call.prepared), call.prepared);
    },
  }),
  operation({
    method: 'post',
    path: `${list}/rotate`,
    operation_id: 'rotateSecrets',
    summary: 'Replace all secrets by a new one',
    description: 'The old ones get tokens until the overlap is over; tokens that they got live on.',
    tag,
    scope: 'secrets:write',
    body: SecretRotation,
    status: 201,
    result: NewSecret,
    find: findClient,
    prepare: mint,
    async run(call) {
      return shown(await rotateSecret(call, call.found, call.body, call.prepared), call.prepared);
    },
  }),
  operation({
    method: 'post',
    path: `${one}/rotate`,
    acts_on_one: true,
    operation_id: 'rotateSecret',
    summary: 'Replace one secret by a new one',
    tag,
    scope: 'secrets:write',
    body: SecretRotation,
    status: 201,
    result: NewSecret,
    find: findSecret,
    prepare: mint,
    async run(call) {
      const { client, secret } = call.found;
      return shown(await rotateSecret(call, client, call.body, call.prepared, secret), call.prepared);
    },
  }),
  operation({
    method: 'get',
    path: one,
    operation_id: 'getSecret',
    summary: 'Read about a secret',
    tag,
    scope: 'secrets:read',
    status: 200,
    result: SecretView,
    find: findSecret,
    run: async ({ found }) => ({ body: secretView(found.secret), version: found.version }),
  }),
  operation({
    method: 'patch',
    path: one,
    operation_id: 'changeSecret',
    summary: 'Change a secret',
    description: 'Disabling it ends the tokens that it got for good; enabling it does not revive them.',
    tag,
    scope: 'secrets:write',
    body: SecretChanges,
    check: ({ body, found }) => secretMistakes(body, Date.now(), found.secret),
    status: 200,
    result: SecretView,
    find: findSecret,
    view: async ({ found }) => secretView(found.secret),
    observed: ['last_used_at'],
    async run(call) {
      const secret = await changeSecret(call, call.found.client, call.found.secret, call.body);
      return { body: secretView(secret), version: secret.version };
    },
  }),
  operation({
    method: 'delete',
    path: one,
    operation_id: 'deleteSecret',
    summary: 'Delete a secret',
    description: 'Ends the tokens that it got.',
    tag,
    scope: 'secrets:write',
    status: 204,
    find: findSecret,
    async run(call) {
      await removeSecret(call, call.found.client, call.found.secret);
      return {};
    },
  }),
];

function mint({ services, params }: { services: AdminServices; params: { client_id: string } }): Promise<MintedSecret> {
  return services.secrets.mint(params.client_id);
}

function shown(secret: ClientSecret, { secret: client_secret }: MintedSecret) {
  return {
    body: { ...secretView(secret), client_secret },
    version: secret.version,
    location: `/clients/${secret.client_id}/secrets/${secret.id}`,
    secret_id: secret.id,
  };
}
