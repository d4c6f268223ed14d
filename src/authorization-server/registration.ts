/**
 * Dynamic client registration (RFC 7591) and its management (RFC 7592), over the domain: nobody registers without an
 * initial access token, and each client is managed by its own registration access token.
 */
import type { Context, Middleware } from 'koa';
import { newRecordedToken } from '../domain/access/recorded-tokens.ts';
import { clientAuthor, registeringAuthor } from '../domain/audit/author.ts';
import type { Secrets } from '../domain/clients/secrets.ts';
import { invalid, type Mistake } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import type { AdmittedRegistration } from '../domain/registration/admission.ts';
import { ClientMetadata, withoutEmptyMembers } from '../domain/registration/client-metadata.ts';
import { needsSecret, registerClient, registrationMistakes } from '../domain/registration/registering.ts';
import {
  changeMistakes,
  changeRegistration,
  endRegistration,
  repeatedSecret,
} from '../domain/registration/registration-changes.ts';
import type { ChangeObserver } from '../domain/unit.ts';
import { untilCommitted } from '../http/attempts.ts';
import { contentTypeOf, parseJson, readBytes } from '../http/json-body.ts';
import { HttpError } from '../http/problem.ts';
import { beside, checkBody, readableMembers, together } from '../http/validation.ts';
import { type AccessParts, demandRegistration, demandToken, tokenOf } from './registration-access.ts';
import { REGISTRATION_PATH, registrationAnswer } from './registration-answer.ts';
import { answerRegistrationError, InvalidToken } from './registration-problems.ts';

const BODY_LIMIT_BYTES = 64 * 1024;
const ONE = `${REGISTRATION_PATH}/`;
const METHODS_OF_ONE = ['GET', 'PUT', 'DELETE'];

export interface RegistrationParts extends AccessParts {
  readonly issuer: string;
  readonly observer: ChangeObserver;
  readonly secrets: Pick<Secrets, 'mint' | 'match'>;
  /** Whether a `jwks_uri` may be plain http. */
  readonly allowsPlainHttp: boolean;
  readonly addressOf: (ctx: Context) => string | undefined;
  /** Told of each request without a token that counts. */
  readonly onUnauthenticated: (ctx: Context) => void;
  readonly onError: (error: unknown) => void;
}

/** @returns middleware that answers `/oauth2/register` and what is below it, and passes on the rest */
export function registration(parts: RegistrationParts): Middleware {
  return async function serveRegistration(ctx, next) {
    const clientId = ctx.path.startsWith(ONE) ? ctx.path.slice(ONE.length) : undefined;
    if (ctx.path !== REGISTRATION_PATH && clientId === undefined) return await next();
    try {
      await (clientId === undefined ? register(ctx, parts) : manage(ctx, parts, clientId));
    } catch (error) {
      if (error instanceof InvalidToken) parts.onUnauthenticated(ctx);
      if (answerRegistrationError(ctx, parts.issuer, error)) parts.onError(error);
    }
    // RFC 7591 section 3.2.1 asks for both.
    ctx.set('Cache-Control', 'no-store');
    ctx.set('Pragma', 'no-cache');
  };
}

async function register(ctx: Context, parts: RegistrationParts): Promise<void> {
  demandMethod(ctx, ['POST']);
  const { storage, secrets, issuer } = parts;
  const presented = tokenOf(ctx, parts);
  const first = await demandToken(parts, presented);
  const surroundings = surroundingsOf(parts);
  const metadata = await readMetadata(ctx, (sent) => registrationMistakes(surroundings, sent, first));
  const client_id = newId('cli');
  const minted = needsSecret(metadata) ? await secrets.mint(client_id) : undefined;
  const registrationToken = newRecordedToken('reg');
  const author = registeringAuthor(first.token.id, parts.addressOf(ctx));
  const made = await untilCommitted(parts, author, async (unit) => {
    // Anew each time: of many at once the last use is one's, and what was allowed may have been taken back.
    const admitted = await demandToken(parts, presented);
    return await registerClient({ ...surroundings, unit }, admitted, metadata, {
      client_id,
      minted,
      registrationToken,
    });
  });
  ctx.status = 201;
  ctx.body = await registrationAnswer(storage, issuer, {
    client: made.client,
    registration: made.registration,
    registration_access_token: registrationToken.token,
    ...(made.secret && minted && { secret: { client_secret: minted.secret, record: made.secret } }),
  });
}

async function manage(ctx: Context, parts: RegistrationParts, clientId: string): Promise<void> {
  demandMethod(ctx, METHODS_OF_ONE);
  const presented = tokenOf(ctx, parts);
  const admitted = await demandRegistration(parts, clientId, presented);
  if (ctx.method === 'PUT') return await replace(ctx, parts, presented, admitted);
  if (ctx.method === 'DELETE') return await end(ctx, parts, presented, admitted);
  ctx.body = await registrationAnswer(parts.storage, parts.issuer, {
    ...admitted,
    registration_access_token: presented,
  });
}

async function replace(
  ctx: Context,
  parts: RegistrationParts,
  presented: string,
  first: AdmittedRegistration,
): Promise<void> {
  const { storage, secrets, issuer } = parts;
  const surroundings = surroundingsOf(parts);
  const metadata = await readMetadata(ctx, (sent) => changeMistakes({ ...surroundings, secrets }, sent, first));
  const changed = await untilCommitted(parts, authorBy(ctx, parts, first), async (unit) => {
    const admitted = await demandRegistration(parts, first.client.id, presented);
    return await changeRegistration({ ...surroundings, unit }, admitted, metadata);
  });
  // Who repeated the secret reads it again: connectors keep what the last answer held.
  const { client_secret } = metadata;
  const record = client_secret && (await repeatedSecret(storage, secrets, changed.client.id, client_secret));
  ctx.body = await registrationAnswer(storage, issuer, {
    ...changed,
    registration_access_token: presented,
    ...(client_secret && record && { secret: { client_secret, record } }),
  });
}

async function end(
  ctx: Context,
  parts: RegistrationParts,
  presented: string,
  first: AdmittedRegistration,
): Promise<void> {
  await untilCommitted(parts, authorBy(ctx, parts, first), async (unit) => {
    const admitted = await demandRegistration(parts, first.client.id, presented);
    await endRegistration({ storage: parts.storage, unit }, admitted);
  });
  ctx.status = 204;
}

/** What was sent, without what says nothing. @throws DomainError `malformed`, `invalid` naming every mistake */
async function readMetadata(
  ctx: Context,
  mistakesIn: (sent: ClientMetadata) => Promise<readonly Mistake[]>,
): Promise<ClientMetadata> {
  contentTypeOf(ctx.req, ['application/json']);
  const json = parseJson(await readBytes(ctx.req, BODY_LIMIT_BYTES));
  const sent = withoutEmptyMembers(json.value);
  const { value, mistakes } = checkBody(ClientMetadata, sent);
  const known = together(json.mistakes, mistakes);
  // The schema made both, the second of those members that it takes.
  const readable = readableMembers(ClientMetadata, sent) as ClientMetadata;
  const all = together(known, beside(known, await mistakesIn(readable)));
  if (all.length > 0) throw invalid(all);
  return value as ClientMetadata;
}

function demandMethod(ctx: Context, known: readonly string[]): void {
  if (known.includes(ctx.method)) return;
  throw new HttpError('method_not_allowed', `Use ${known.join(', ')}.`, { Allow: known.join(', ') });
}

/** The registration access token is the client's own. */
function authorBy(ctx: Context, { addressOf }: RegistrationParts, { client }: AdmittedRegistration) {
  return clientAuthor(client.id, addressOf(ctx));
}

function surroundingsOf({ storage, allowsPlainHttp }: RegistrationParts) {
  return { storage, services: { allowsPlainHttp } };
}
