/** `POST /gateways/verify`: one verdict, or up to a hundred, on credentials of any kind. */
import type { Context, Middleware } from 'koa';
import { z } from 'zod';
import { VERIFY_SCOPE } from '../domain/access/principal.ts';
import { ResourceId } from '../domain/api-keys/api-keys.ts';
import type { Api } from '../domain/apis/apis.ts';
import { ApiIdentifier } from '../domain/apis/references.ts';
import { RoleName } from '../domain/apis/roles.ts';
import { DomainError } from '../domain/errors.ts';
import { ScopeName } from '../domain/record.ts';
import { resourcesOf, type Verdict, type Verdicts } from '../domain/verdicts/verdicts.ts';
import { demandPost, readJson } from '../http/json-request.ts';
import { HttpError, type ProblemKind, problems } from '../http/problem.ts';
import { timesSent } from '../http/repeated-header.ts';

export const VERIFY_PATH = '/gateways/verify';

const BODY_LIMIT_BYTES = 1024 * 1024;
const CREDENTIAL_MAX = 32_768;

/** What a gateway asks: `api` says at which API the credential was shown, the rest what it must be good for there. */
export const VerifyRequest = z.strictObject({
  credentials: z
    .array(
      z
        .strictObject({
          token: z.string().min(1).max(CREDENTIAL_MAX).optional(),
          api_key: z.string().min(1).max(CREDENTIAL_MAX).optional(),
          api: ApiIdentifier,
          scopes: z.array(ScopeName).max(100).default([]),
          roles: z.array(RoleName).max(100).default([]),
          ip: z.string().max(100).optional(),
          resource: ResourceId.optional(),
        })
        .refine(({ token, api_key }) => (token === undefined) !== (api_key === undefined), {
          error: 'exactly one of token and api_key is required',
        }),
    )
    .min(1)
    .max(100),
});
type Question = z.output<typeof VerifyRequest>['credentials'][number];

/** At which APIs a caller may ask; `true` for all. */
export type Reach = true | readonly string[];

export interface VerifyParts {
  readonly issuer: string;
  readonly verdicts: Verdicts;
  readonly apis: { apiByIdentifier(identifier: string): Api | undefined; secondsToServe(): number };
  /** @returns where the client that these are the credentials of may introspect, or undefined where they are wrong */
  readonly authenticateClient: (client_id: string, client_secret: string) => Promise<Reach | undefined>;
  /** @returns the scopes of a token for the admin API, or undefined where it is not good */
  readonly authenticateToken: (token: string, ctx: Context) => Promise<ReadonlySet<string> | undefined>;
  readonly onError: (error: unknown, ctx: Context) => void;
  readonly onRefusal: (ctx: Context, refusal: { kind: ProblemKind }) => void;
}

/** @returns middleware that answers `/gateways/verify` and passes on the rest */
export function verify(parts: VerifyParts): Middleware {
  const answerProblems = problems(parts);
  return async function verifyCredentials(ctx, next) {
    if (ctx.path !== VERIFY_PATH) return await next();
    ctx.set('Cache-Control', 'no-store');
    await answerProblems(ctx, () => answer(ctx, parts));
  };
}

async function answer(ctx: Context, parts: VerifyParts): Promise<void> {
  demandPost(ctx);
  parts.apis.secondsToServe();
  const reach = await admitCaller(ctx, parts);
  const { credentials } = await readJson(ctx, VerifyRequest, BODY_LIMIT_BYTES);
  const results = await Promise.all(credentials.map((question) => judge(parts, reach, question)));
  ctx.body = JSON.stringify({ results });
  ctx.type = 'application/json';
}

async function judge({ verdicts, apis }: VerifyParts, reach: Reach, question: Question) {
  const api = apis.apiByIdentifier(question.api);
  // One answer for an API that is not there and for one that is none of the caller's business.
  const mayAsk = api !== undefined && (reach === true || reach.includes(api.id));
  const verdict: Verdict = mayAsk
    ? await verdicts.judge(question.token ?? question.api_key ?? '', {
        api,
        address: question.ip,
        scopes: question.scopes,
        roles: question.roles,
        resource: question.resource,
      })
    : verdicts.ofNoApi();
  return verdict.allowed ? allowed(verdict) : verdict;
}

function allowed({ admitted }: Verdict & { allowed: true }) {
  const { credential, holding, scopes, roles, endsAt, policies } = admitted;
  // Of several, the last is the holder's own.
  const policy = policies.at(-1);
  return {
    allowed: true,
    kind: credential.kind,
    application_id: holding.application?.id ?? null,
    client_id: credential.kind === 'api_key' ? null : holding.id,
    key_id: credential.kind === 'api_key' ? holding.id : null,
    environment: holding.environment,
    roles,
    scopes,
    resources: resourcesOf(credential),
    expires_at: endsAt === null ? null : new Date(endsAt).toISOString(),
    policy: policy === undefined ? null : { id: policy.id, name: policy.name },
  };
}

/** Basic credentials of a client that may introspect, or a token for the admin API with the scope for it. */
async function admitCaller(ctx: Context, parts: VerifyParts): Promise<Reach> {
  const isSentOnce = timesSent(ctx.req, 'authorization') === 1;
  const [scheme = '', credentials = ''] = isSentOnce ? ctx.get('Authorization').split(/ +/, 2) : [];
  if (scheme.toLowerCase() === 'bearer') return await admitToken(ctx, credentials, parts);
  const basic = scheme.toLowerCase() === 'basic' ? basicCredentials(credentials) : undefined;
  const reach = basic && (await parts.authenticateClient(...basic));
  if (reach === undefined) {
    throw new HttpError('unauthenticated', 'Send the credentials of a client that may introspect.', {
      'WWW-Authenticate': `Basic realm="${parts.issuer}", Bearer realm="${parts.issuer}"`,
    });
  }
  if (reach === true || reach.length > 0) return reach;
  throw new DomainError('forbidden', 'This client may introspect at no API: may_introspect says at which.');
}

async function admitToken(ctx: Context, token: string, { issuer, authenticateToken }: VerifyParts): Promise<Reach> {
  const scopes = await authenticateToken(token, ctx);
  if (scopes?.has(VERIFY_SCOPE)) return true;
  const error = scopes === undefined ? 'invalid_token' : 'insufficient_scope';
  throw new HttpError(
    scopes === undefined ? 'unauthenticated' : 'insufficient_scope',
    scopes === undefined ? 'The token is not valid here.' : `This needs the scope ${VERIFY_SCOPE}.`,
    { 'WWW-Authenticate': `Bearer realm="${issuer}", error="${error}", scope="${VERIFY_SCOPE}"` },
  );
}

/** RFC 6749 section 2.3.1: both halves are form-encoded; RFC 7617 splits at the first colon. */
function basicCredentials(text: string): [string, string] | undefined {
  const decoded = Buffer.from(text, 'base64').toString();
  const colon = decoded.indexOf(':');
  if (colon < 1) return undefined;
  try {
    return [formDecoded(decoded.slice(0, colon)), formDecoded(decoded.slice(colon + 1))];
  } catch {
    return undefined;
  }
}

function formDecoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '));
}
