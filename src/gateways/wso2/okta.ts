/**
 * The dialect of WSO2 API Manager's `Okta` connector (wso2-extensions/apim-km-okta, `OktaDCRClient`, `ClientInfo`): a
 * fixed key by `SSWS`, the application type sent back as it came, and secrets that can be rotated.
 */
import type { Dialect } from '../dialect.ts';
import { bySsws } from '../gateway-credential.ts';
import { GRANT_TYPE, readingWith, redirectUrisOf, saidText, secondsOf } from './client-info.ts';
import { gatewayDiscovery } from './discovery.ts';
import { create, manage, rotate, type Words } from './registration.ts';

const words: Words = {
  read: readingWith('application_type', 'web'),
  write: (own, client_secret, expiresAt) => ({
    client_id: own.client.id,
    ...(client_secret !== undefined && { client_secret, client_secret_expires_at: secondsOf(expiresAt) }),
    client_id_issued_at: secondsOf(own.client.created_at),
    client_name: own.details.client_name,
    application_type: saidText(own, 'application_type', 'web'),
    redirect_uris: redirectUrisOf(own),
    post_logout_redirect_uris: [],
    grant_types: [GRANT_TYPE],
    response_types: [],
    token_endpoint_auth_method: own.client.token_endpoint_auth_method,
  }),
};

export const okta: Dialect = {
  challenge: () => 'SSWS',
  open: gatewayDiscovery,
  authenticate: bySsws,
  async serve(parts, call) {
    const [first, clientId, ...more] = call.steps;
    if (first !== 'register') return undefined;
    if (clientId === undefined) return call.method === 'POST' ? await create(parts, call, words) : undefined;
    if (more.length === 0) return await manage(parts, call, clientId, words);
    const isRotation = more.join('/') === 'lifecycle/newSecret' && call.method === 'PUT';
    return isRotation ? await rotate(parts, call, clientId, words) : undefined;
  },
};
