/** `/gateways/{id}/clients`: the clients that were made through a gateway, or adopted by it. */
import { z } from 'zod';
import { type Client, clients } from '../domain/clients/clients.ts';
import { notFound } from '../domain/errors.ts';
import { adoptClient, adoptionMistakes, releaseClient } from '../domain/gateways/gateway-adoptions.ts';
import type { Gateway } from '../domain/gateways/gateways.ts';
import type { Storage } from '../domain/store.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { ClientView, clientView, clientViews } from './client-view.ts';
import { findGateway } from './gateway-view.ts';
import { operation } from './operation.ts';

const Adoption = z
  .strictObject({ client_id: z.string().min(1).max(300) })
  .meta({ id: 'GatewayAdoption', example: { client_id: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh' } });

const tag = 'Gateway';
const all = '/gateways/:id/clients';

export const gatewayClientOperations = [
  operation({
    method: 'get',
    path: all,
    operation_id: 'listClientsOfGateway',
    summary: 'List the clients of a gateway',
    tag,
    scope: 'clients:read',
    reach: 'in_person',
    query: ListQuery,
    status: 200,
    result: pageOf(ClientView),
    find: findGateway,
    async run({ page, storage, found }) {
      const { records, next_cursor } = await page(clients, { gateway_id: found.id });
      return { body: { data: await clientViews(storage, records), next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: all,
    operation_id: 'adoptClient',
    summary: 'Let a gateway have a client that was not made through it',
    description: 'Whose rights are all at the APIs of the gateway. It reads only secrets that are recoverable.',
    tag,
    scope: 'clients:write',
    reach: 'in_person',
    body: Adoption,
    check: ({ storage, found, body }) =>
      body.client_id === undefined ? [] : adoptionMistakes(storage, found, body.client_id),
    status: 201,
    result: ClientView,
    find: findGateway,
    async run(call) {
      const client = await adoptClient(call, call.found, call.body.client_id);
      return {
        body: await clientView(call.storage, client),
        version: client.version,
        location: `/clients/${client.id}`,
      };
    },
  }),
  operation({
    method: 'delete',
    path: `${all}/:client_id`,
    operation_id: 'releaseClient',
    summary: 'Take a client out of a gateway’s reach',
    description:
      'The client stays, with what it may do. The gateway has seen its secret: rotate that if it is not to know it.',
    tag,
    scope: 'clients:write',
    reach: 'in_person',
    status: 204,
    find: findOwnClient,
    async run(call) {
      const { gateway, client } = call.found;
      await releaseClient(call, gateway, client);
      return {};
    },
  }),
];

async function findOwnClient({
  storage,
  params,
}: {
  storage: Storage;
  params: { id: string; client_id: string };
}): Promise<{ gateway: Gateway; client: Client }> {
  const gateway = await findGateway({ storage, params });
  const client = await storage.get(clients, params.client_id);
  if (client === undefined || client.gateway_id !== gateway.id) throw notFound('client of this gateway');
  return { gateway, client };
}
