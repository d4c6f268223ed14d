/** `/gateways`: outside API gateways that use Latchkey as their key manager. */
import { z } from 'zod';
import { changeGateway, createGateway, gatewayMistakes, removeGateway } from '../domain/gateways/gateway-changes.ts';
import { type MintedCredentials, mintCredentials } from '../domain/gateways/gateway-credential-changes.ts';
import { GatewayChanges, GatewayDraft } from '../domain/gateways/gateway-drafts.ts';
import { type Gateway, gateways } from '../domain/gateways/gateways.ts';
import { shownTogether } from '../domain/installation/shown-secrets.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { findGateway, GatewayView, gatewayExample, gatewayView, gatewayViews } from './gateway-view.ts';
import { operation } from './operation.ts';

/** What a gateway proves itself with, as it is shown once. */
export const GatewayCredentials = z
  .object({
    client_id: z.string().optional(),
    client_secret: z.string().optional(),
    api_key: z.string().optional().meta({ description: 'Okta’s `SSWS`, Konnect’s `X-API-KEY`; or at forward-auth.' }),
    username: z.string().optional().meta({ description: 'Of `wso2-is`: its client id.' }),
    password: z.string().optional().meta({ description: 'Of `wso2-is`: its client secret.' }),
  })
  .meta({ description: 'What the gateway proves itself with: shown this once.' });

const NewGateway = GatewayView.extend({ credentials: GatewayCredentials }).meta({
  id: 'NewGateway',
  example: {
    ...gatewayExample,
    status: 'waiting',
    last_contact_at: null,
    credentials: { client_id: gatewayExample.client_id, client_secret: 'shown once' },
  },
});

const one = '/gateways/:id';
const tag = 'Gateway';

export const gatewayOperations = [
  operation({
    method: 'get',
    path: '/gateways',
    operation_id: 'listGateways',
    summary: 'List gateways',
    tag,
    scope: 'gateways:read',
    reach: 'in_person',
    query: ListQuery,
    status: 200,
    result: pageOf(GatewayView),
    async run({ page, storage, services }) {
      const { records, next_cursor } = await page(gateways);
      return { body: { data: await gatewayViews(storage, services.issuer, records), next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: '/gateways',
    operation_id: 'createGateway',
    summary: 'Let a gateway use Latchkey as its key manager',
    description: 'The answer shows its credentials, this once, and the exact URLs to paste into it.',
    tag,
    scope: 'gateways:write',
    reach: 'in_person',
    body: GatewayDraft,
    check: (inquiry) => gatewayMistakes(inquiry, inquiry.body),
    status: 201,
    result: NewGateway,
    prepare: ({ services, body }) => mintCredentials(services.secrets, body.type),
    async run(call) {
      const { storage, services, prepared } = call;
      const { gateway, credential_ids } = await createGateway(call, call.body, prepared);
      const view = await gatewayView(storage, services.issuer, gateway);
      return {
        body: { ...view, credentials: shownCredentials(gateway, prepared) },
        version: gateway.version,
        location: `/gateways/${gateway.id}`,
        ...(credential_ids.length > 0 && { secret_id: shownTogether(credential_ids) }),
      };
    },
  }),
  operation({
    method: 'get',
    path: one,
    operation_id: 'getGateway',
    summary: 'Read about a gateway',
    tag,
    scope: 'gateways:read',
    reach: 'in_person',
    status: 200,
    result: GatewayView,
    find: findGateway,
    run: async ({ storage, services, found }) => ({
      body: await gatewayView(storage, services.issuer, found),
      version: found.version,
    }),
  }),
  operation({
    method: 'patch',
    path: one,
    operation_id: 'changeGateway',
    summary: 'Change a gateway',
    description: 'Its type cannot change. Disabled, it is not served; clients that were made through it go on.',
    tag,
    scope: 'gateways:write',
    reach: 'in_person',
    body: GatewayChanges,
    check: (inquiry) => gatewayMistakes(inquiry, inquiry.body, inquiry.found),
    status: 200,
    result: GatewayView,
    find: findGateway,
    view: ({ storage, services, found }) => gatewayView(storage, services.issuer, found),
    observed: ['last_contact_at', 'status', 'notify_status'],
    async run(call) {
      const gateway = await changeGateway(call, call.found, call.body);
      return { body: await gatewayView(call.storage, call.services.issuer, gateway), version: gateway.version };
    },
  }),
  operation({
    method: 'delete',
    path: one,
    operation_id: 'deleteGateway',
    summary: 'Delete a gateway',
    description: 'Refused while there are clients that were made through it: delete or release them first.',
    tag,
    scope: 'gateways:write',
    reach: 'in_person',
    status: 204,
    find: findGateway,
    async run(call) {
      await removeGateway(call, call.found);
      return {};
    },
  }),
];

/** @returns what was just made for a gateway, in its own words */
export function shownCredentials(
  { type }: Pick<Gateway, 'type'>,
  { client, key }: Pick<MintedCredentials, 'client' | 'key'>,
): z.input<typeof GatewayCredentials> {
  if (client && type === 'wso2-is') return { username: client.id, password: client.minted.secret };
  return {
    ...(client && { client_id: client.id, client_secret: client.minted.secret }),
    ...(key && { api_key: key.token }),
  };
}
