/**
 * The dialect of WSO2 API Manager's own connector, `WSO2-IS` (carbon-apimgt, `AMDefaultKeyManagerImpl`): user name and
 * password, ids in paths as base64url, secrets that can be rotated, owners that change, and scopes that are pushed.
 */
import { gatewayAuthor } from '../../domain/audit/author.ts';
import { invalid, notFound } from '../../domain/errors.ts';
import { changeThrough } from '../../domain/gateways/gateway-registrations.ts';
import { untilCommitted } from '../../http/attempts.ts';
import type { Dialect, DialectAnswer, DialectCall, DialectParts } from '../dialect.ts';
import { byBasic } from '../gateway-credential.ts';
import { Text } from './client-info.ts';
import { gatewayDiscovery } from './discovery.ts';
import { words } from './is-client-info.ts';
import { serveScopes } from './is-scopes.ts';
import { create, demandOwn, manage, rotate, shown } from './registration.ts';

export const is: Dialect = {
  challenge: (issuer) => `Basic realm="${issuer}", charset="UTF-8"`,
  open: gatewayDiscovery,
  authenticate: byBasic,
  async serve(parts, call) {
    const [first, encoded, action, ...more] = call.steps;
    if (first === 'scopes') return await serveScopes(parts, call);
    if (first !== 'register' || more.length > 0) return undefined;
    if (encoded === undefined) return call.method === 'POST' ? await create(parts, call, words) : undefined;
    const clientId = decodedId(encoded);
    if (action === undefined) return await manage(parts, call, clientId, words);
    if (call.method !== 'POST') return undefined;
    if (action === 'regenerate-consumer-secret') return await rotate(parts, call, clientId, words);
    return action === 'change-owner' ? await changeOwner(parts, call, clientId) : undefined;
  },
};

/** @returns the id in base64url, padded or not @throws DomainError `not_found` for what encodes nothing */
function decodedId(encoded: string): string {
  const bytes = Buffer.from(encoded, 'base64url');
  const isWhole = bytes.length > 0 && bytes.toString('base64url') === encoded.replace(/={1,2}$/, '');
  if (!isWhole) throw notFound('client');
  return bytes.toString();
}

/** The owner is a label of WSO2's: who owns the application here is not a gateway's to say. */
async function changeOwner(parts: DialectParts, call: DialectCall, clientId: string): Promise<DialectAnswer> {
  await demandOwn(parts, call, clientId);
  const { data: ext_application_owner, error } = Text.min(1).safeParse(call.ctx.query['applicationOwner']);
  if (error) throw invalid([{ parameter: 'applicationOwner', detail: 'must name the new owner, once' }]);
  await untilCommitted(parts, gatewayAuthor(call.gateway.id, call.address), async (unit) => {
    const current = await demandOwn(parts, call, clientId);
    const { client_name, said } = current.details;
    const saying = { client_name, said: { ...said, ext_application_owner } };
    await changeThrough({ ...parts, unit }, call.gateway, current, saying);
  });
  return await shown(parts, call, clientId, words);
}
