/** A running server with an API, an application and a gateway that asks about keys, for the tests of API keys. */
import type { TestContext } from 'node:test';
import { allOf, expectStatus, registerApi, registerApplication, registerClient } from '../support/registered.ts';
import { type Answer, basic, running, send } from '../support/running.ts';
import type { stores } from '../support/stores.ts';

type Called = (method: string, path: string, body?: unknown) => Promise<Answer>;

/** Starts it; it ends with the test. */
export async function furnished(t: Pick<TestContext, 'after'>, store: ReturnType<typeof stores>[number]) {
  const server = await running(t, store);
  const api = await registerApi(server);
  const application = await registerApplication(server);
  const gateway = await registerClient(server, { may_introspect: [api.identifier] });
  const [read, write] = allOf(api);
  return {
    server,
    api,
    application,
    read: read as NonNullable<typeof read>,
    write: write as NonNullable<typeof write>,
    /** Makes an index key that may read and write, or what is given instead. @returns the answer's body */
    async made(draft: object = {}, call: Called = server.call) {
      const body = { kind: 'index', name: 'Indexer', permissions: allOf(api), ...draft };
      return expectStatus(await call('POST', '/api-keys', body), 201);
    },
    /** @returns `allowed`, or the reason for which the gateway is to refuse this key */
    async verdict(api_key: string, question: object = {}, origin: string = server.issuer): Promise<string> {
      const [result] = await verdicts(gateway, [{ api_key, api: api.identifier, ...question }], origin);
      return result.allowed ? 'allowed' : result.reason;
    },
  };
}

async function verdicts(
  gateway: Parameters<typeof basic>[0],
  credentials: readonly object[],
  origin: string,
): Promise<Answer['body']> {
  const answer = await send(`${origin}/gateways/verify`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: basic(gateway) },
    body: JSON.stringify({ credentials }),
  });
  return expectStatus(answer, 200).results;
}

/** Reports what was found, without any credential. */
export function report(origin: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return send(`${origin}/leak-reports`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/** @returns each mistake's place and what is said of it */
export function places(answer: Answer): [string, string][] {
  const errors: { pointer?: string; parameter?: string; detail: string }[] = answer.body.errors ?? [];
  return errors.map(({ pointer, parameter, detail }) => [pointer ?? parameter ?? '', detail]);
}
