/**
 * The three OAuth endpoints that clients post to. The engine reads the request, authenticates the client and words
 * the errors; issuing is decided by the domain through its hooks, introspection and revocation are answered here,
 * because the engine refuses both for JWTs.
 */
import type { Context, Middleware } from 'koa';
import { clientAuthor } from '../domain/audit/author.ts';
import type { Standing } from '../domain/catalogue/standing.ts';
import { DomainError } from '../domain/errors.ts';
import { DuplicateError, type Storage } from '../domain/store.ts';
import type { IntrospectionParts } from '../domain/tokens/introspection.ts';
import { revocationOf, revokeToken } from '../domain/tokens/revocations.ts';
import { type ChangeObserver, Unit } from '../domain/unit.ts';
import type { CredentialReader } from '../domain/verdicts/credentials.ts';
import { timesSent } from '../http/repeated-header.ts';
import { TOKEN_PLACEHOLDER } from './artifacts.ts';
import { type Asker, askerOf } from './asker.ts';
import { type Form, presentToEngine, readForm, UnreadableForm, withoutRepeatedCredentials } from './form-request.ts';
import { answerIntrospection } from './introspection-answer.ts';
import type { Keys } from './keys.ts';
import { PATHS } from './provider.ts';
import { stateOfRequest } from './request-state.ts';

const RETRY_AFTER_SECONDS = '2';
// The engine's words.
const NO_AUTHENTICATION = 'no client authentication mechanism provided';

export interface EndpointParts {
  readonly issuer: string;
  /** The engine of this moment; a request ends on the one that it began with. */
  readonly engine: () => Middleware;
  readonly keys: Keys;
  readonly credentials: CredentialReader;
  readonly isFirstUse: IntrospectionParts['isFirstUse'];
  readonly onIntrospected: NonNullable<IntrospectionParts['onIntrospected']>;
  readonly knowledge: IntrospectionParts['knowledge'] & { secondsToServe(): number; demandStore(): void };
  readonly storage: Storage;
  readonly observer: ChangeObserver;
  /** From where a request came, as far as proxies are believed. */
  readonly addressOf: (ctx: Context) => string | undefined;
  /** Told how each request ended: an OAuth error code, or `ok`. */
  readonly onOutcome: (endpoint: keyof typeof ENDPOINTS, outcome: string, ctx: Context, asker: Asker) => void;
  readonly onError: (error: unknown) => void;
}

const ENDPOINTS = { token: PATHS.token, introspection: PATHS.introspection, revocation: PATHS.revocation };
type Endpoint = keyof typeof ENDPOINTS;

/** Serves the token, introspection and revocation endpoints (RFC 6749 section 3.2, RFC 7662, RFC 7009). */
export function oauthEndpoints(parts: EndpointParts): Middleware {
  const endpoints = new Map(Object.entries(ENDPOINTS).map(([name, path]) => [path, name as Endpoint]));
  return async function serveOAuthEndpoint(ctx, next) {
    const endpoint = endpoints.get(ctx.path as (typeof PATHS)[Endpoint]);
    if (endpoint === undefined) return await next();
    try {
      await answer(parts, endpoint, ctx);
    } catch (error) {
      answerError(parts, ctx, error);
    }
    // RFC 6749 section 5.1 asks for both.
    ctx.set('Cache-Control', 'no-store');
    ctx.set('Pragma', 'no-cache');
    parts.onOutcome(endpoint, outcomeOf(ctx), ctx, await askerOf(parts.knowledge, ctx));
  };
}

async function answer(parts: EndpointParts, endpoint: Endpoint, ctx: Context): Promise<void> {
  if (ctx.method !== 'POST') {
    ctx.set('Allow', 'POST');
    throw new UnreadableForm('only POST is known here', 405);
  }
  if (timesSent(ctx.req, 'authorization') > 1) throw new UnreadableForm('Authorization was sent more than once');
  parts.knowledge.secondsToServe();
  const accepted = ctx.get('Accept');
  const form = await readForm(ctx);
  if (endpoint === 'token') {
    // The engine is shown no address.
    stateOfRequest(ctx).address = parts.addressOf(ctx);
    await runEngine(parts, ctx, form);
    if (ctx.status === 200) ctx.body = { ...(ctx.body as object), scope: grantedScope(ctx) };
    return;
  }
  // The engine authenticates the caller and checks the parameters; the token itself is ours to look up.
  const { token } = form;
  const shown = typeof token === 'string' && token !== '' ? { ...form, token: TOKEN_PLACEHOLDER } : form;
  await runEngine(parts, ctx, withoutRepeatedCredentials(shown, ctx.req.headers.authorization));
  if (ctx.status !== 200) return;
  const caller = await parts.knowledge.standing(callerOf(ctx));
  if (caller === undefined) throw new DomainError('unavailable', 'The client has just gone.');
  if (endpoint === 'introspection') await answerIntrospection(parts, ctx, caller, form, accepted);
  else await revoke(parts, caller, String(token), parts.addressOf(ctx));
}

async function runEngine({ engine, issuer }: EndpointParts, ctx: Context, form: Form): Promise<void> {
  const restore = presentToEngine(ctx, new URL(issuer), form);
  try {
    await engine()(ctx, async () => {});
  } finally {
    restore();
  }
  nameMissingAuthentication(ctx, issuer);
  // The engine allows any origin; machines have none, and what answers everyone alike varies with nothing.
  for (const header of ['Access-Control-Allow-Origin', 'Access-Control-Expose-Headers', 'Vary']) ctx.remove(header);
  const { failure } = stateOfRequest(ctx);
  if (failure !== undefined) throw failure;
}

/** RFC 6749 section 5.2: a request without client authentication is `invalid_client`; the engine says otherwise. */
function nameMissingAuthentication(ctx: Context, issuer: string): void {
  const body = ctx.body as { error_description?: string } | undefined;
  if (ctx.status !== 400 || body?.error_description !== NO_AUTHENTICATION) return;
  ctx.status = 401;
  ctx.set('WWW-Authenticate', `Basic realm="${issuer}", error="invalid_client"`);
  ctx.body = { error: 'invalid_client', error_description: NO_AUTHENTICATION };
}

async function revoke(
  { credentials, storage, observer, knowledge }: EndpointParts,
  caller: Standing,
  token: string,
  address: string | undefined,
): Promise<void> {
  const read = await credentials.read(token);
  const revocable = read.outcome === 'genuine' ? revocationOf(read.credential) : undefined;
  // RFC 7009 section 2.2: an unknown token is not an error; another's is none of the caller's business.
  if (revocable === undefined || revocable.client_id !== caller.client.id) return;
  knowledge.demandStore();
  const unit = new Unit({ author: clientAuthor(caller.client.id, address) });
  revokeToken(unit, revocable.id, revocable);
  try {
    await unit.commit(storage, observer);
  } catch (error) {
    const isAlreadyRevoked = error instanceof DomainError && error.cause instanceof DuplicateError;
    if (!isAlreadyRevoked) throw error;
  }
}

/** Words what the engine did not: RFC 6749 section 5.2, and 503 where nothing may be answered. */
function answerError({ onError }: EndpointParts, ctx: Context, error: unknown): void {
  if (error instanceof UnreadableForm) {
    ctx.status = error.status;
    ctx.body = { error: 'invalid_request', error_description: error.message };
    // What was not read to its end must not be taken for the next request.
    if (error.status === 413) ctx.set('Connection', 'close');
    return;
  }
  if (error instanceof DomainError && (error.kind === 'busy' || error.kind === 'unavailable')) {
    ctx.status = 503;
    ctx.set('Retry-After', RETRY_AFTER_SECONDS);
    ctx.body = { error: 'temporarily_unavailable', error_description: error.message };
  } else {
    ctx.status = 500;
    ctx.body = { error: 'server_error', error_description: 'something went wrong here; it was noted' };
  }
  onError(error);
}

function grantedScope(ctx: Context): string {
  const { grant } = stateOfRequest(ctx);
  const scope = grant?.scopes.join(' ') ?? '';
  // WSO2 takes a scope of some kind for granted.
  return scope === '' && grant?.standing.client.gateway_id ? 'default' : scope;
}

function callerOf(ctx: Context): string {
  // The engine has put it there; its types know it only within its own hooks.
  const { oidc } = ctx as unknown as { oidc: { client?: { clientId: string } } };
  return String(oidc.client?.clientId);
}

function outcomeOf(ctx: Context): string {
  const body = ctx.body as { error?: unknown } | null;
  return typeof body === 'object' && typeof body?.error === 'string' ? body.error : 'ok';
}
