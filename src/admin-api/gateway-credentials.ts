/** `/gateways/{id}/credentials`: what a gateway proves itself with; several live, for rotation. */
import { z } from 'zod';
import { type ClientSecret, clientSecrets, SecretLabel } from '../domain/clients/client-secrets.ts';
import { notFound } from '../domain/errors.ts';
import {
  addCredentials,
  listCredentials,
  mintCredentials,
  removeCredential,
} from '../domain/gateways/gateway-credential-changes.ts';
import { type GatewayKey, gatewayKeys } from '../domain/gateways/gateway-credentials.ts';
import { shownTogether } from '../domain/installation/shown-secrets.ts';
import type { Storage } from '../domain/store.ts';
import { findGateway } from './gateway-view.ts';
import { GatewayCredentials, shownCredentials } from './gateways.ts';
import { operation } from './operation.ts';

const example = {
  id: 'sec_5vq3m8t1c7w2zk9x4n6bd0fh',
  kind: 'client_secret',
  label: 'autumn',
  hint: 'x7w2',
  created_at: '2026-11-21T08:00:00.000Z',
  last_used_at: null,
};

const GatewayCredential = z
  .object({
    id: z.string(),
    kind: z.enum(['client_secret', 'api_key']),
    label: z.string(),
    hint: z.string().meta({ description: 'Its last four characters.' }),
    created_at: z.iso.datetime(),
    last_used_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'GatewayCredential', example });

const CredentialDraft = z
  .strictObject({ label: SecretLabel.default('') })
  .meta({ id: 'GatewayCredentialDraft', example: { label: 'autumn' } });

const NewCredentials = z
  .object({ credentials: GatewayCredentials, ids: z.array(z.string()).meta({ description: 'Of what was added.' }) })
  .meta({
    id: 'NewGatewayCredentials',
    example: {
      credentials: { client_id: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh', client_secret: 'shown once' },
      ids: [example.id],
    },
  });

const tag = 'Gateway';
const all = '/gateways/:id/credentials';

export const gatewayCredentialOperations = [
  operation({
    method: 'get',
    path: all,
    operation_id: 'listGatewayCredentials',
    summary: "List a gateway's credentials",
    tag,
    scope: 'credentials:read',
    reach: 'in_person',
    status: 200,
    result: z
      .object({ data: z.array(GatewayCredential) })
      .meta({ id: 'GatewayCredentialList', example: { data: [example] } }),
    find: findGateway,
    run: async ({ storage, found }) => ({ body: { data: await listCredentials(storage, found) } }),
  }),
  operation({
    method: 'post',
    path: all,
    operation_id: 'addGatewayCredentials',
    summary: 'Add credentials to a gateway',
    description: 'Those before go on: delete them once the gateway uses the new ones.',
    tag,
    scope: 'credentials:write',
    reach: 'in_person',
    body: CredentialDraft,
    status: 201,
    result: NewCredentials,
    find: findGateway,
    prepare: ({ services, found }) => mintCredentials(services.secrets, found.type, found),
    async run(call) {
      const added = await addCredentials(call, call.found, call.prepared, call.body.label);
      const ids = [added.secret?.id, added.key?.id].filter((id) => id !== undefined);
      return { body: { credentials: shownCredentials(call.found, call.prepared), ids }, secret_id: shownTogether(ids) };
    },
  }),
  operation({
    method: 'delete',
    path: `${all}/:credential_id`,
    operation_id: 'deleteGatewayCredential',
    summary: 'Delete a credential of a gateway',
    description: 'What was got by it counts no more.',
    tag,
    scope: 'credentials:write',
    reach: 'in_person',
    status: 204,
    find: findCredential,
    async run(call) {
      await removeCredential(call, call.found);
      return {};
    },
  }),
];

async function findCredential({
  storage,
  params,
}: {
  storage: Storage;
  params: { id: string; credential_id: string };
}): Promise<ClientSecret | GatewayKey> {
  const gateway = await findGateway({ storage, params });
  const { credential_id } = params;
  if (credential_id.startsWith('gwk_')) {
    const key = await storage.get(gatewayKeys, credential_id);
    if (key?.gateway_id === gateway.id) return key;
    throw notFound('credential');
  }
  const secret = await storage.get(clientSecrets, credential_id);
  if (secret === undefined || secret.client_id !== gateway.client_id) throw notFound('credential');
  return secret;
}
