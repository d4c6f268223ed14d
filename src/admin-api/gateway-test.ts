/** `/gateways/{id}/test`: goes through what a gateway will do, and says what it found at each step. */
import { z } from 'zod';
import { demandGateways } from '../domain/gateways/gateway-rights.ts';
import { Unit } from '../domain/unit.ts';
import { endpointsOf, findGateway } from './gateway-view.ts';
import { operation } from './operation.ts';

const GatewayTest = z
  .object({
    ok: z.boolean().meta({ description: 'Whether every step went well.' }),
    steps: z
      .array(
        z.object({
          name: z.string(),
          ok: z.boolean(),
          detail: z.string().meta({ description: 'What was found, or what to do.' }),
        }),
      )
      .meta({ description: 'Up to the first that failed.' }),
  })
  .meta({
    id: 'GatewayTest',
    example: { ok: true, steps: [{ name: 'admin token', ok: true, detail: 'lasts 3600 seconds' }] },
  });

export const gatewayTestOperations = [
  operation({
    method: 'post',
    path: '/gateways/:id/test',
    acts_on_one: true,
    operation_id: 'testGateway',
    summary: 'Go through what a gateway will do',
    description:
      'Against this server itself, by credentials that are lent for it: nothing is asked of the gateway, but of the Admin ' +
      'API of a `kong-admin`. The client that it makes is called `Latchkey connection test …`, and deleted again.',
    tag: 'Gateway',
    scope: 'gateways:write',
    reach: 'in_person',
    status: 200,
    result: GatewayTest,
    find: findGateway,
    async prepare(inquiry) {
      const { services, storage, principal, found, request } = inquiry;
      await demandGateways({ storage, principal, unit: new Unit() });
      const tester = { principal, address: request.address };
      return await services.testGateway(found, endpointsOf(services.issuer, found), tester);
    },
    async run({ unit, found, prepared: { ok, steps } }) {
      const failed = steps.find((step) => !step.ok);
      const details = { ok, failed: failed?.name ?? null };
      unit.note({ action: 'gateway.tested', target: { type: 'gateway', id: found.id }, details });
      return { body: { ok, steps: steps.map((step) => ({ ...step })) } };
    },
  }),
];
