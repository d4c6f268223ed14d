/** The surface of a path: one of few names, so that whoever asks cannot fill the metrics with labels. */
const SURFACES: readonly (readonly [prefix: string, surface: string])[] = [
  ['/oauth2/token', 'token'],
  ['/oauth2/introspect', 'introspect'],
  ['/oauth2/revoke', 'revoke'],
  ['/oauth2/register', 'register'],
  ['/oauth2/jwks', 'jwks'],
  ['/oauth2/keys', 'jwks'],
  ['/.well-known/jwks.json', 'jwks'],
  ['/.well-known/', 'discovery'],
  ['/admin/', 'admin'],
  ['/gateways/authorize/', 'authorize'],
  ['/gateways/verify', 'verify'],
  ['/gateways/wso2/', 'wso2'],
  ['/gateways/kong/', 'kong'],
  ['/console', 'console'],
  ['/health/', 'health'],
  ['/metrics', 'metrics'],
];

/** @returns the surface that serves `path` (no query), or `other`. */
export function surfaceOf(path: string): string {
  return SURFACES.find(([prefix]) => path.startsWith(prefix))?.[1] ?? 'other';
}
