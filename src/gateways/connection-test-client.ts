/** Steps of a connection test that several types of gateways go through: discovery, a client's tokens, its end. */
import { isWso2 } from '../domain/gateways/gateways.ts';
import { demand, expect, jwtOf, type Rehearsal, type Reply, type Step } from './connection-test-rehearsal.ts';

/** The gateway imports the document: it has to lead where the gateway's own URLs do. */
export const discovery: Step = {
  name: 'discovery',
  async run(rehearsal) {
    const { endpoints, gateway, issuer } = rehearsal;
    const reply = await rehearsal.ask('GET', endpoints.discovery);
    expect(reply, 200, 'See the log for why.');
    const { body } = reply;
    demand(body.issuer === issuer, `It names another issuer than ${issuer}: set LATCHKEY_ISSUER to what clients see.`);
    demand(body.token_endpoint === endpoints.token, `Its token_endpoint is not ${endpoints.token}.`);
    // Elsewhere it is the server's own, which is for who has an initial access token.
    if (isWso2(gateway.type)) {
      const { registration } = endpoints;
      demand(body.registration_endpoint === registration, `Its registration_endpoint is not ${registration}.`);
    }
    expect(await rehearsal.ask('GET', String(body.jwks_uri)), 200, 'Its jwks_uri leads to no keys.');
    return `${endpoints.discovery} names the issuer ${issuer}`;
  },
};

/**
 * Gets a token without asking for any scope.
 * @returns its claims; undefined for an opaque one, of which the gateway learns by introspection alone
 */
export async function getToken(
  rehearsal: Rehearsal,
  remedy: string,
): Promise<{ header: Claims; claims: Claims } | undefined> {
  const { own } = rehearsal;
  const reply = await rehearsal.askForToken(own);
  expect(reply, 200, remedy);
  const { access_token, expires_in, scope } = reply.body;
  demand(typeof scope === 'string' && Number.isInteger(expires_in), 'The answer lacks scope or expires_in.');
  rehearsal.token = String(access_token);
  const jwt = jwtOf(access_token);
  if (jwt === undefined) return undefined;
  const { header, claims } = jwt;
  for (const name of ['client_id', 'azp', 'sub']) {
    demand(claims[name] === own.client_id, `The token’s ${name} is not the client’s id.`);
  }
  const keys = await rehearsal.ask('GET', rehearsal.endpoints.jwks);
  expect(keys, 200, 'See the log for why.');
  const kids = Array.isArray(keys.body.keys) ? keys.body.keys.map(({ kid }: { kid?: unknown }) => kid) : [];
  demand(kids.includes(header.kid), 'The key that signed the token is not published yet: try again in a minute.');
  return jwt;
}

// biome-ignore lint/suspicious/noExplicitAny: claims of every kind are looked into
type Claims = any;

/** @throws Setback unless the client is refused, for whichever reason */
export async function demandNoToken(rehearsal: Rehearsal, error: string, remedy: string): Promise<void> {
  const reply: Reply = await rehearsal.askForToken(rehearsal.own);
  demand(reply.status >= 400 && reply.body.error === error, `It was answered ${reply.status}. ${remedy}`);
}

/** What is said of a create that failed. */
export const CREATE_REMEDY = 'See what the answer names.';

/** @throws Setback where the answer to a create has no client in it */
export function keepMade(rehearsal: Rehearsal, { body }: Reply): void {
  const { client_id, client_secret } = body;
  const isWhole = typeof client_id === 'string' && typeof client_secret === 'string';
  demand(isWhole, 'The answer lacks client_id or client_secret.');
  rehearsal.made = { client_id, client_secret };
}
