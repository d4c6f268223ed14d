/**
 * `/gateways/{family}/{gateway}/…`: where configured gateways speak to Latchkey, each in its own dialect. Everything that
 * is the same in all of them: which gateway it is, whether it proves itself, limits, and how errors are worded.
 */
import type { Context, Middleware } from 'koa';
import { notFound } from '../domain/errors.ts';
import { type Gateway, type GatewayType, gateways } from '../domain/gateways/gateways.ts';
import { readBytes } from '../http/json-body.ts';
import { oauthErrorOf } from '../http/oauth-error.ts';
import { HttpError } from '../http/problem.ts';
import { timesSent } from '../http/repeated-header.ts';
import type { Dialect, DialectAnswer, DialectParts, DialectRequest } from './dialect.ts';
import { konnect } from './kong/konnect.ts';
import { is } from './wso2/is.ts';
import { keycloak } from './wso2/keycloak.ts';
import { okta } from './wso2/okta.ts';

const PREFIX = /^\/gateways\/(wso2|kong)\/([^/]*)(?:\/(.*))?$/s;
const BODY_LIMIT_BYTES = 64 * 1024;

/** By the first step of their paths. */
const FAMILIES: Readonly<Record<string, Partial<Record<GatewayType, Dialect>>>> = {
  wso2: { 'wso2-keycloak': keycloak, 'wso2-okta': okta, 'wso2-is': is },
  kong: { 'kong-konnect': konnect },
};

/** What is wrong with a credential is told to nobody. */
class Unauthenticated extends Error {}

/** @returns middleware that answers what is below the prefix of a family and passes on the rest */
export function gatewayConnections(parts: DialectParts): Middleware {
  return async function serveGateway(ctx, next) {
    const [, family, id, rest] = PREFIX.exec(ctx.path) ?? [];
    if (family === undefined || id === undefined) return await next();
    let dialect: Dialect | undefined;
    ctx.set('Cache-Control', 'no-store');
    try {
      const gateway = await demandGateway(parts, id);
      dialect = FAMILIES[family]?.[gateway.type];
      if (dialect === undefined) throw notFound('gateway');
      const address = parts.addressOf(ctx);
      const request = { ctx, method: ctx.method, gateway, steps: stepsOf(rest), address };
      write(ctx, await answer(parts, dialect, request));
    } catch (error) {
      writeError(ctx, parts, dialect, error);
    }
  };
}

async function answer(parts: DialectParts, dialect: Dialect, request: DialectRequest): Promise<DialectAnswer> {
  const open = dialect.open?.(parts, request);
  if (open !== undefined) return open;
  const { ctx } = request;
  let credentialId = await demandCredential(parts, dialect, request);
  let { gateway } = request;
  // Some connectors declare JSON where they send nothing at all.
  const body = await readBytes(ctx.req, BODY_LIMIT_BYTES);
  if (announcesBody(ctx)) {
    // However long the body took: what has lost its credential meanwhile, or is disabled, is not let in any more.
    gateway = await demandGateway(parts, gateway.id);
    credentialId = await demandCredential(parts, dialect, { ...request, gateway });
  }
  ctx.state['gateway'] = gateway.id;
  const answered = await dialect.serve(parts, { ...request, gateway, credentialId, body });
  if (answered === undefined) throw notFound('operation');
  return answered;
}

/** @returns what the credential stands on @throws Unauthenticated */
async function demandCredential(parts: DialectParts, dialect: Dialect, request: DialectRequest): Promise<string> {
  const { req } = request.ctx;
  const isRepeated = timesSent(req, 'authorization') > 1 || timesSent(req, 'x-api-key') > 1;
  const credentialId = isRepeated ? undefined : await dialect.authenticate(parts, request);
  if (credentialId === undefined) throw new Unauthenticated();
  return credentialId;
}

/** Also one that turns out to be empty: its end may have been long in coming. */
function announcesBody({ req: { headers } }: Context): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** @throws DomainError `not_found`, also for one that is disabled: that looks like one that is not there */
async function demandGateway({ storage, demandStore }: DialectParts, id: string): Promise<Gateway> {
  demandStore();
  const gateway = /^gw_[0-9a-z]{24}$/.test(id) ? await storage.get(gateways, id) : undefined;
  if (!gateway?.enabled) throw notFound('gateway');
  return gateway;
}

function stepsOf(rest: string | undefined): string[] {
  if (rest === undefined || rest === '') return [];
  try {
    return rest.split('/').map(decodeURIComponent);
  } catch {
    throw notFound('operation');
  }
}

function write(ctx: Context, { status, body }: DialectAnswer): void {
  ctx.status = status;
  if (body === undefined) return;
  ctx.type = 'application/json';
  ctx.body = JSON.stringify(body);
}

/** Never with `Retry-After`: WSO2's KeyCloak connector would send the request five times over. */
function writeError(ctx: Context, parts: DialectParts, dialect: Dialect | undefined, error: unknown): void {
  if (error instanceof Unauthenticated) {
    parts.onUnauthenticated(ctx);
    ctx.status = 401;
    if (dialect) ctx.set('WWW-Authenticate', dialect.challenge(parts.issuer));
    ctx.body = { error: 'invalid_client', error_description: 'The credential is not valid for this gateway.' };
    return;
  }
  const { status, error: code, description } = oauthErrorOf(error);
  ctx.status = status;
  if (error instanceof HttpError) ctx.set(error.headers);
  // What was not read to its end must not be taken for the next request.
  if (status === 413) ctx.set('Connection', 'close');
  ctx.body = { error: code, error_description: description };
  if (status >= 500) parts.onError(error);
}
