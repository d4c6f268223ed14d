/** `/clients/{client_id}/secrets`: the consumer secrets, each shown once. */
import { z } from 'zod';
import type { Inquirer } from '../domain/access/visibility.ts';
import {
  changeSecret,
  createSecret,
  removeSecret,
  rotateSecret,
  SecretChanges,
  SecretDraft,
  SecretRotation,
  secretMistakes,
} from '../domain/clients/client-secret-changes.ts';
import { ClientSecret, clientSecrets } from '../domain/clients/client-secrets.ts';
import type { Client } from '../domain/clients/clients.ts';
import type { MintedSecret } from '../domain/clients/secrets.ts';
import { notFound } from '../domain/errors.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { findClient } from './client-view.ts';
import { type AdminServices, operation, recordView } from './operation.ts';

const { shape } = ClientSecret;

const example = {
  id: 'sec_5vq3m8t1c7w2zk9x4n6bd0fh',
  created_at: '2026-11-21T08:00:00.000Z',
  updated_at: '2026-11-21T08:00:00.000Z',
  client_id: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh',
  label: 'billing',
  hint: 'x9Qa',
  expires_at: null,
  last_used_at: null,
  enabled: true,
};

const SecretView = z
  .object({
    ...recordView,
    client_id: shape.client_id,
    label: shape.label,
    hint: shape.hint.meta({ description: 'Its last four characters.' }),
    expires_at: shape.expires_at,
    last_used_at: shape.last_used_at,
    enabled: shape.enabled,
  })
  .meta({ id: 'Secret', example });

const NewSecret = SecretView.extend({
  client_secret: z.string().meta({ description: 'The consumer secret: shown this once.' }),
}).meta({ id: 'NewSecret', example: { ...example, client_secret: 'shown once' } });

interface Found {
  readonly client: Client;
  readonly secret: ClientSecret;
  /** The secret's: what `If-Match` is about. */
  readonly version: number;
}

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
      return { body: { data: [...records], next_cursor } };
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
    run: async ({ found }) => ({ body: found.secret, version: found.version }),
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
    view: async ({ found }) => SecretView.parse(found.secret),
    observed: ['last_used_at'],
    async run(call) {
      const secret = await changeSecret(call, call.found.client, call.found.secret, call.body);
      return { body: secret, version: secret.version };
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

async function findSecret(inquiry: Inquirer & { params: { client_id: string; id: string } }): Promise<Found> {
  const client = await findClient(inquiry);
  const secret = await inquiry.storage.get(clientSecrets, inquiry.params.id);
  if (secret === undefined || secret.client_id !== client.id) throw notFound('secret');
  return { client, secret, version: secret.version };
}

function mint({ services, params }: { services: AdminServices; params: { client_id: string } }): Promise<MintedSecret> {
  return services.secrets.mint(params.client_id);
}

function shown(secret: ClientSecret, { secret: client_secret }: MintedSecret) {
  return {
    body: { ...secret, client_secret },
    version: secret.version,
    location: `/clients/${secret.client_id}/secrets/${secret.id}`,
    secret_id: secret.id,
  };
}
