/** The documents that everyone may read: server metadata and keys. Prepared in memory, rebuilt on change. */
import { createHash } from 'node:crypto';
import type { Middleware } from 'koa';
import { ASSERTION_ALGORITHMS, CLIENT_AUTH_METHODS } from './clients.ts';
import { keyExports } from './key-exports.ts';
import type { Keys } from './keys.ts';
import { PATHS } from './provider.ts';
import { REGISTRATION_PATH } from './registration-answer.ts';

interface Document {
  readonly type: string;
  readonly body: Buffer;
  readonly etag: string;
  readonly maxAgeSeconds: number;
}

const METADATA_PATHS = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'];
const JWKS_PATHS = ['/.well-known/jwks.json', PATHS.jwks];
const JSON_TYPE = 'application/json';
const PEM_TYPE = 'application/x-pem-file';
// Metadata changes with a release or a new algorithm, never in a hurry.
const METADATA_MAX_AGE_SECONDS = 3600;

/** The algorithm of signed introspection answers (RFC 9701 section 5): the one that every client verifies. */
export const INTROSPECTION_ALGORITHM = 'RS256';

/**
 * Serves RFC 8414 and OpenID Connect Discovery 1.0 metadata, the JWKS (RFC 7517), and the same keys as PEM.
 * @param jwksMaxAgeSeconds as long as a key is announced before it signs: who caches for so long still meets no unknown key
 */
export function discovery(issuer: string, keys: Keys, jwksMaxAgeSeconds: number): Middleware {
  let documents = new Map<string, Document>();
  const prepare = () => {
    const metadata = document(JSON_TYPE, JSON.stringify(metadataOf(issuer, keys)), METADATA_MAX_AGE_SECONDS);
    const published = keys.published();
    const set = JSON.stringify({ keys: published.map((key) => key.public_jwk) });
    const jwks = document(JSON_TYPE, set, jwksMaxAgeSeconds);
    const pems = [...keyExports(published)];
    documents = new Map([
      ...METADATA_PATHS.map((path) => [path, metadata] as const),
      ...JWKS_PATHS.map((path) => [path, jwks] as const),
      ...pems.map(([path, pem]) => [path, document(PEM_TYPE, pem, jwksMaxAgeSeconds)] as const),
    ]);
  };
  keys.subscribe(prepare);
  prepare();

  return async function serveDiscovery(ctx, next) {
    const found = documents.get(ctx.path);
    if (found === undefined) return await next();
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.set('Allow', 'GET, HEAD');
      ctx.status = 405;
      ctx.body = { error: 'invalid_request', error_description: 'only GET is known here' };
      return;
    }
    ctx.set('Cache-Control', `public, max-age=${found.maxAgeSeconds}`);
    ctx.set('ETag', found.etag);
    ctx.status = 200;
    ctx.type = found.type;
    ctx.body = found.body;
    if (ctx.fresh) ctx.status = 304;
  };
}

function document(type: string, text: string, maxAgeSeconds: number): Document {
  const body = Buffer.from(text);
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { type, body, etag, maxAgeSeconds };
}

/** @returns what RFC 8414 and OpenID Connect Discovery 1.0 have told of a server */
export function metadataOf(issuer: string, keys: Keys) {
  const algorithms = [...new Set(keys.published().map(({ algorithm }) => algorithm))].sort();
  const methods = [...CLIENT_AUTH_METHODS];
  const assertionAlgorithms = [...ASSERTION_ALGORITHMS];
  return {
    issuer,
    token_endpoint: issuer + PATHS.token,
    introspection_endpoint: issuer + PATHS.introspection,
    revocation_endpoint: issuer + PATHS.revocation,
    registration_endpoint: issuer + REGISTRATION_PATH,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    grant_types_supported: ['client_credentials'],
    // RFC 8414 section 2 requires the member; no response type is served, for there is no authorization endpoint.
    response_types_supported: [],
    token_endpoint_auth_methods_supported: methods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_signing_alg_values_supported: [INTROSPECTION_ALGORITHM],
    revocation_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    // Required by OpenID Connect Discovery 1.0 section 3; the algorithms are also those of the access tokens.
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: algorithms,
  };
}
