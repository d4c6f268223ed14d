/**
 * The dialect of WSO2 API Manager's `KeyCloak` connector (wso2-extensions/apim-km-keycloak, `DCRClient`, `ClientInfo`):
 * RFC 7591 and 7592 in form, but by the admin client's own token, and with every member that nobody set as `null`.
 */
import type { Dialect } from '../dialect.ts';
import { byBearer } from '../gateway-credential.ts';
import { GRANT_TYPE, readingWith, redirectUrisOf, saidText, secondsOf } from './client-info.ts';
import { gatewayDiscovery } from './discovery.ts';
import { create, manage, type Words } from './registration.ts';

const words: Words = {
  read: readingWith('subject_type', 'public'),
  write: (own, client_secret, expiresAt) => ({
    client_id: own.client.id,
    ...(client_secret !== undefined && { client_secret, client_secret_expires_at: secondsOf(expiresAt) }),
    client_id_issued_at: secondsOf(own.client.created_at),
    client_name: own.details.client_name,
    redirect_uris: redirectUrisOf(own),
    grant_types: [GRANT_TYPE],
    response_types: [],
    token_endpoint_auth_method: own.client.token_endpoint_auth_method,
    subject_type: saidText(own, 'subject_type', 'public'),
    tls_client_certificate_bound_access_tokens: false,
  }),
};

export const keycloak: Dialect = {
  challenge: (issuer) => `Bearer realm="${issuer}", error="invalid_token"`,
  open: gatewayDiscovery,
  authenticate: byBearer,
  async serve(parts, call) {
    const [first, clientId, ...more] = call.steps;
    if (first !== 'register' || more.length > 0) return undefined;
    if (clientId !== undefined) return await manage(parts, call, clientId, words);
    return call.method === 'POST' ? await create(parts, call, words) : undefined;
  },
};
