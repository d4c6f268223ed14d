/** The document that WSO2's Admin Portal imports: the server's own metadata, with this gateway's registration endpoint. */
import type { DialectAnswer, DialectParts, DialectRequest } from '../dialect.ts';

const PATHS = ['openid-configuration', 'oauth-authorization-server'];

/** @returns the document; undefined where another path is asked for */
export function gatewayDiscovery(
  { issuer, metadata }: DialectParts,
  { method, gateway, steps }: DialectRequest,
): DialectAnswer | undefined {
  const [first, name = '', ...more] = steps;
  const isDocument = first === '.well-known' && PATHS.includes(name) && more.length === 0;
  if (!isDocument || (method !== 'GET' && method !== 'HEAD')) return undefined;
  const registration_endpoint = `${issuer}/gateways/wso2/${gateway.id}/register`;
  return { status: 200, body: { ...metadata(), registration_endpoint } };
}
