/** `/clients`, and `/applications/{id}/clients`: the consumer keys. */
import { z } from 'zod';
import { endOfActing } from '../domain/access/key-expiry.ts';
import { demandRightsOf } from '../domain/access/may-grant.ts';
import { belongingToVisible } from '../domain/access/visibility.ts';
import { isSecretBased } from '../domain/clients/client-authentication.ts';
import { changeClient, clientMistakes, createClient, removeClient } from '../domain/clients/client-changes.ts';
import { ClientChanges, ClientRegistration } from '../domain/clients/client-drafts.ts';
import { firstSecretMistakes } from '../domain/clients/client-secret-recovery.ts';
import { clients } from '../domain/clients/clients.ts';
import { invalid } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { findApplication } from './applications.ts';
import { ClientView, clientView, clientViews, findClient, RegisteredClient } from './client-view.ts';
import { operation } from './operation.ts';

const tag = 'Client';

const TokenOrder = z
  .strictObject({
    scope: z.string().max(10_000).optional().meta({ description: 'Left out: all that the client has.' }),
    resource: z.string().max(255).optional().meta({ description: "The API's identifier." }),
  })
  .meta({ id: 'TokenOrder', example: { scope: 'orders:read', resource: 'https://api.example.com/orders' } });

const OrderedToken = z
  .object({ access_token: z.string(), token_type: z.string(), expires_in: z.int(), scope: z.string() })
  .meta({
    id: 'OrderedToken',
    example: { access_token: 'shown once', token_type: 'Bearer', expires_in: 3600, scope: 'orders:read' },
  });

export const clientOperations = [
  operation({
    method: 'get',
    path: '/clients',
    operation_id: 'listClients',
    summary: 'List clients',
    tag,
    scope: 'clients:read',
    query: ListQuery,
    status: 200,
    result: pageOf(ClientView),
    async run({ page, storage, principal }) {
      const { records, next_cursor } = await page(clients, await belongingToVisible({ storage, principal }));
      return { body: { data: await clientViews(storage, records), next_cursor } };
    },
  }),
  operation({
    method: 'get',
    path: '/applications/:id/clients',
    operation_id: 'listClientsOfApplication',
    summary: "List an application's clients",
    tag,
    scope: 'clients:read',
    query: ListQuery,
    status: 200,
    result: pageOf(ClientView),
    find: findApplication,
    async run({ page, storage, found }) {
      const { records, next_cursor } = await page(clients, { application_id: found.id });
      return { body: { data: await clientViews(storage, records), next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: '/applications/:id/clients',
    operation_id: 'createClient',
    summary: 'Register a client',
    description: 'Where it proves itself by a secret, the answer shows its first one, this once.',
    tag,
    scope: 'clients:write',
    body: ClientRegistration,
    async check(inquiry) {
      const { recoverable: _, ...draft } = inquiry.body;
      return [...firstSecretMistakes(inquiry.body), ...(await clientMistakes(inquiry, draft, inquiry.found.id))];
    },
    status: 201,
    result: RegisteredClient,
    find: findApplication,
    async prepare({ services, body }) {
      const id = newId('cli');
      return { id, minted: isSecretBased(body) ? await services.secrets.mint(id) : undefined };
    },
    async run(call) {
      const mistakes = firstSecretMistakes(call.body);
      if (mistakes.length > 0) throw invalid(mistakes);
      const { recoverable, ...draft } = call.body;
      const { minted } = call.prepared;
      const recovery = recoverable && minted ? { secret: minted.secret, sealer: call.services.sealer } : undefined;
      const { client, secret } = await createClient(call, call.found, draft, { ...call.prepared, recovery });
      const view = await clientView(call.storage, client);
      return {
        body: { ...view, client_secret: call.prepared.minted?.secret },
        version: client.version,
        location: `/clients/${client.id}`,
        ...(secret && { secret_id: secret.id }),
      };
    },
  }),
  operation({
    method: 'get',
    path: '/clients/:client_id',
    operation_id: 'getClient',
    summary: 'Read a client',
    tag,
    scope: 'clients:read',
    status: 200,
    result: ClientView,
    find: findClient,
    run: async ({ storage, found }) => ({ body: await clientView(storage, found), version: found.version }),
  }),
  operation({
    method: 'patch',
    path: '/clients/:client_id',
    operation_id: 'changeClient',
    summary: 'Change a client',
    description: 'Disabling it ends its tokens for good; enabling it does not revive them.',
    tag,
    scope: 'clients:write',
    body: ClientChanges,
    check: (inquiry) => clientMistakes(inquiry, inquiry.body, inquiry.found.application_id, inquiry.found),
    status: 200,
    result: ClientView,
    find: findClient,
    view: ({ storage, found }) => clientView(storage, found),
    async run(call) {
      const client = await changeClient(call, call.found, call.body);
      return { body: await clientView(call.storage, client), version: client.version };
    },
  }),
  operation({
    method: 'delete',
    path: '/clients/:client_id',
    operation_id: 'deleteClient',
    summary: 'Delete a client with its secrets',
    tag,
    scope: 'clients:write',
    status: 204,
    find: findClient,
    async run(call) {
      await removeClient(call, call.found);
      return {};
    },
  }),
  operation({
    method: 'post',
    path: '/clients/:client_id/tokens',
    operation_id: 'issueToken',
    summary: 'Issue a token for a client',
    description: "What the client would be granted, without its secret; for the client's page.",
    tag,
    scope: 'tokens:write',
    body: TokenOrder,
    status: 201,
    result: OrderedToken,
    find: findClient,
    async run(call) {
      await demandRightsOf(call, [call.found], '');
      const order = { ...call.body, ends_at: endOfActing(call.principal) };
      const issued = await call.services.issueToken(call.found.id, order);
      call.unit.note({
        action: 'token.issued',
        target: { type: 'client', id: call.found.id },
        belongs_to: call.found.application_id,
        details: { scope: issued.scope, resource: order.resource ?? null, expires_in: issued.expires_in },
      });
      return { body: issued };
    },
  }),
];
