/** Configured gateways that register clients by one fixed key, as WSO2's Okta connector does. */
import { expectStatus } from '../support/registered.ts';
import { type Answer, type Credentials, type Running, send } from '../support/running.ts';

export interface Configured {
  readonly id: string;
  /** As it was answered when it was made. */
  // biome-ignore lint/suspicious/noExplicitAny: an answer of the admin API
  readonly body: any;
  /** Its own client's. */
  readonly credentials: Credentials;
  /** Calls its registration endpoint. `path` is what comes behind that; `key` another than its own. */
  at(method: string, path: string, body?: unknown, key?: string): Promise<Answer>;
  /** Makes a client. @returns the answer's body */
  // biome-ignore lint/suspicious/noExplicitAny: an answer of the dialect
  make(client_name: string): Promise<any>;
}

/** Configures one for these APIs. */
export async function configured(server: Running, apis: readonly string[], settings: object = {}): Promise<Configured> {
  const draft = { type: 'wso2-okta', name: 'WSO2', settings: { apis, ...settings } };
  const body = expectStatus(await server.call('POST', '/gateways', draft), 201);
  const { client_id, client_secret, api_key } = body.credentials;
  const at: Configured['at'] = (method, path, sent, key = api_key) =>
    send(body.endpoints.registration + path, {
      method,
      headers: { authorization: `SSWS ${key}`, 'content-type': 'application/json' },
      ...(sent !== undefined && { body: JSON.stringify(sent) }),
    });
  return {
    id: body.id,
    body,
    credentials: { client_id, client_secret },
    at,
    make: async (client_name) => expectStatus(await at('POST', '', { client_name }), 201),
  };
}
