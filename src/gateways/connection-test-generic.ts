/** What any gateway may ask: introspection and verdicts, about something that is no token. */
import type { Gateway } from '../domain/gateways/gateways.ts';
import { discovery } from './connection-test-client.ts';
import { basicOf, demand, expect, type Rehearsal, type Step } from './connection-test-rehearsal.ts';

const NO_TOKEN = 'not-a-token';

/** @returns the steps; without a verdict where the gateway has no API about which it could ask */
export function genericSteps({ api_ids }: Gateway): readonly Step[] {
  const verdict = { name: 'verdict', run: judge };
  return [discovery, { name: 'introspection', run: introspect }, ...(api_ids.length > 0 ? [verdict] : [])];
}

async function introspect(rehearsal: Rehearsal): Promise<string> {
  const authorization = basicOf(rehearsal.client);
  const form = { token: NO_TOKEN };
  const reply = await rehearsal.ask('POST', rehearsal.endpoints.introspection, { authorization, form });
  expect(reply, 200, 'The gateway’s own client introspects.');
  demand(reply.body.active === false, 'What is no token was taken for one.');
  return 'by client_id and client_secret; what is no token is not active';
}

async function judge(rehearsal: Rehearsal): Promise<string> {
  const authorization = basicOf(rehearsal.client);
  const [api] = rehearsal.apis;
  const json = { credentials: [{ token: NO_TOKEN, api }] };
  const reply = await rehearsal.ask('POST', `${rehearsal.issuer}/gateways/verify`, { authorization, json });
  expect(reply, 200, 'The gateway’s own client asks for verdicts.');
  const { allowed, reason } = reply.body.results?.[0] ?? {};
  demand(allowed === false, 'What is no token was taken for one.');
  demand(
    reason === 'invalid',
    `It may not ask about ${api} (${reason}): see settings.apis, and that the API is enabled.`,
  );
  return `about ${api}; what is no token is not allowed`;
}
