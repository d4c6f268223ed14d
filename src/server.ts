/** Puts the parts together: the one place that knows them all. */
import { availableParallelism } from 'node:os';
import Koa from 'koa';
import { adminApi } from './admin-api/router.ts';
import { adminScopes, adminScopesByReach } from './admin-api/scopes.ts';
import { adminAuthentication } from './authorization-server/admin-authentication.ts';
import { Artifacts } from './authorization-server/artifacts.ts';
import { ClientJwtReader } from './authorization-server/client-jwt-reader.ts';
import { EngineClients } from './authorization-server/clients.ts';
import { credentialReader } from './authorization-server/credential-reader.ts';
import { discovery } from './authorization-server/discovery.ts';
import { oauthEndpoints } from './authorization-server/endpoints.ts';
import { createEngine } from './authorization-server/engine.ts';
import { Keys } from './authorization-server/keys.ts';
import { issueToken } from './authorization-server/token-issue.ts';
import { TokenReader } from './authorization-server/token-reader.ts';
import type { Config } from './config.ts';
import { type Redeemed, type SignIn, signInPage } from './console/sign-in.ts';
import { adminResource, updateAdminApi } from './domain/apis/admin-api-record.ts';
import { Catalogue } from './domain/catalogue/catalogue.ts';
import { LastUsed } from './domain/clients/last-used.ts';
import { Secrets } from './domain/clients/secrets.ts';
import { DomainError } from './domain/errors.ts';
import type { ServerKeys } from './domain/installation/installation.ts';
import type { Sealer } from './domain/installation/sealing.ts';
import { Limiter } from './domain/limits/limiter.ts';
import { Guessing } from './domain/members/guessing.ts';
import { type Gate, judgeLink } from './domain/members/sign-in.ts';
import { redeemSignInLink } from './domain/members/sign-in-links.ts';
import { SigningKeyring } from './domain/signing-keys/signing-key-rotation.ts';
import type { Storage } from './domain/store.ts';
import { useOnce } from './domain/tokens/replays.ts';
import { revocationOf } from './domain/tokens/revocations.ts';
import type { ChangeObserver } from './domain/unit.ts';
import { Verdicts } from './domain/verdicts/verdicts.ts';
import { leakReports } from './gateways/leak-reports.ts';
import { verify } from './gateways/verify.ts';
import { housekeeping } from './housekeeping.ts';
import { untilCommitted } from './http/attempts.ts';
import { clientAddress } from './http/client-address.ts';
import { createOutgoing } from './http/outgoing.ts';
import { everythingElse, safeDefaults } from './http/surroundings.ts';
import { health } from './observability/health.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics, type Metrics, type RenderedMetrics } from './observability/metrics.ts';
import { serveMetrics } from './observability/metrics-page.ts';
import { createRefusals } from './observability/refusals.ts';
import { requestLog } from './observability/request-log.ts';

/** How many computations of bcrypt may wait; beyond, the answer is 503. */
const BCRYPT_WAITING_MAX = 64;

export interface ServerParts {
  readonly config: Config;
  readonly storage: Storage;
  readonly sealer: Sealer;
  readonly serverKeys: ServerKeys;
  readonly logger: Logger;
  /** Makes the metrics' text: of this process, or the sum over all workers. */
  readonly renderer: (metrics: Metrics) => () => Promise<RenderedMetrics>;
}

export interface Server {
  readonly app: Koa;
  /** `/metrics` alone, for a port of its own. */
  readonly metricsApp: Koa;
  /** From now on `/health/ready` says no. */
  startDraining(): void;
  /** Writes what is still in memory and stops following the store. */
  close(): Promise<void>;
}

/** @returns the whole server, knowing what the store holds; it does not listen yet */
export async function createServer(parts: ServerParts): Promise<Server> {
  const { config, storage, sealer, serverKeys, logger } = parts;
  const { issuer } = config;
  const onError = (error: unknown) => logger.error({ event: 'error', err: error });

  // The domain.
  const keyring = new SigningKeyring(storage, sealer, config.keyAnnounceSeconds);
  await bringUpToDate(storage, config, logger);
  const catalogue = await Catalogue.open(storage, { maxStaleSeconds: config.maxStaleSeconds, onError });
  const observer: ChangeObserver = (changes) => catalogue.apply(changes);
  const secretKeys = { tag: serverKeys.secret_tag, fingerprint: serverKeys.secret_fingerprint };
  const secrets = new Secrets(secretKeys, bcryptRunningMax(config.workers), BCRYPT_WAITING_MAX);
  const guessing = new Guessing();
  const lastUsed = new LastUsed(storage);
  const limiter = new Limiter({ storage, onError });
  const stopHousekeeping = housekeeping({ storage, lastUsed, keyring, observer, onError });

  // What is seen from outside.
  const metrics = createMetrics({
    bcrypt: () => secrets.load,
    feedSecondsSinceHeard: () => catalogue.secondsSinceHeard(),
  });
  const refusals = createRefusals({ logger, metrics });
  const addressOf = (ctx: Koa.Context) => clientAddress(ctx.req, config.trustedProxies);
  const refused = (ctx: Koa.Context, surface: string) => refusals.refused(addressOf(ctx), surface);

  // The authorization server.
  const keys = new Keys(catalogue, keyring, onError);
  const artifactsOf = (model: string) => new Artifacts(storage, sealer, model);
  const opaque = artifactsOf('ClientCredentials');
  const reader = new TokenReader(issuer, keys, opaque);
  const clientJwts = new ClientJwtReader({ lookup: catalogue, sealer, onError });
  const credentials = credentialReader({ knowledge: catalogue, tokens: reader, clientJwts });
  const verdicts = new Verdicts({
    reader: credentials,
    knowledge: catalogue,
    limits: limiter,
    async useOnce(names, exp) {
      catalogue.demandStore();
      return await useOnce(storage, names, exp);
    },
    onKeyUsed: (keyId, at) => lastUsed.noteKey(keyId, at),
  });
  const engineClients = new EngineClients(catalogue, secrets, lastUsed);
  const engine = createEngine({
    issuer,
    keys,
    clients: engineClients,
    lookup: catalogue,
    artifactsOf,
    secondsToServe: () => catalogue.secondsToServe(),
    async useAssertion(clientId, jti, exp) {
      catalogue.demandStore();
      return await useOnce(storage, ['assertion', clientId, jti], exp);
    },
    limits: limiter,
    onChurn: (client_id, isRefused) => logger.warn({ event: 'token.churn', client_id, refused: isRefused }),
    fetch: createOutgoing({ allow: config.outgoingAllow }),
  });

  const authenticate = adminAuthentication({
    reader,
    storage,
    knowledge: catalogue,
    resource: adminResource(issuer),
    scopesByReach: adminScopesByReach(),
    limits: limiter,
    onKeyUsed: (keyId, at) => lastUsed.noteKey(keyId, at),
  });

  let isDraining = false;
  const app = new Koa();
  app.on('error', onError);
  app.use(requestLog({ logger, observe: (request) => metrics.httpRequest(request) }));
  app.use(safeDefaults(issuer.startsWith('https:')));
  const checks = {
    accepting: () => !isDraining,
    store: () => catalogue.secondsToServe() === Number.POSITIVE_INFINITY,
    signing_keys: () => [...keys.signing()].length > 0,
  };
  app.use(health(checks));
  const metricsPage = serveMetrics(parts.renderer(metrics));
  if (config.metricsPort === undefined) app.use(metricsPage);
  app.use(discovery(issuer, keys, config.keyAnnounceSeconds));
  app.use(
    oauthEndpoints({
      issuer,
      engine,
      keys,
      credentials,
      isFirstUse: (admitted) => verdicts.isFirstUse(admitted),
      knowledge: catalogue,
      storage,
      observer,
      addressOf,
      onError,
      onOutcome: (endpoint, outcome, ctx) => {
        if (outcome === 'invalid_client') refused(ctx, endpoint);
        if (endpoint === 'token') metrics.tokenIssued(outcome === 'ok' ? 'issued' : outcome);
        if (endpoint === 'introspection' && outcome === 'ok') metrics.introspected(isActive(ctx));
      },
    }),
  );
  app.use(
    adminApi({
      storage,
      observer,
      authenticate,
      trustedProxies: config.trustedProxies,
      issuer,
      allowsPlainHttp: config.outgoingAllow.length > 0,
      keyring,
      secrets,
      guessing,
      sealer,
      issueToken: (clientId, order) =>
        issueTokenFor({ issuer, keys, lookup: catalogue, opaque }, catalogue, clientId, order),
      async readToken(token) {
        const read = await credentials.read(token);
        const revocable = read.outcome === 'genuine' ? revocationOf(read.credential) : undefined;
        return revocable && { jti: revocable.id, ...revocable };
      },
      cursorKey: serverKeys.cursor,
      idempotencyKey: serverKeys.idempotency,
      onError,
      onRefusal: (ctx, kind) => {
        if (kind === 'unauthenticated') refused(ctx, 'admin');
      },
    }),
  );
  app.use(
    verify({
      issuer,
      verdicts,
      apis: catalogue,
      authenticateClient: (clientId, secret) => engineClients.introspectorBy(clientId, secret),
      async authenticateToken(token) {
        const authenticated = await authenticate({ kind: 'bearer', text: token, address: undefined });
        return authenticated?.principal.scopes;
      },
      onVerdict: (verdict) => metrics.judged(verdict),
      onError,
      onRefusal: (ctx, kind) => {
        if (kind === 'unauthenticated') refused(ctx, 'verify');
      },
    }),
  );
  app.use(
    leakReports({
      storage,
      observer,
      demandStore: () => catalogue.demandStore(),
      onLeak: (key_id) => logger.warn({ event: 'api_key.leaked', key_id }),
      onError,
    }),
  );
  app.use(
    signInPage(
      (signIn, ctx) => redeem({ storage, secrets, guessing, observer }, signIn, addressOf(ctx)),
      new URL(issuer).origin,
    ),
  );
  app.use(everythingElse());

  const metricsApp = new Koa();
  metricsApp.on('error', onError);
  metricsApp.use(safeDefaults(false)).use(metricsPage).use(everythingElse());
  return {
    app,
    metricsApp,
    startDraining() {
      isDraining = true;
    },
    async close() {
      keys.close();
      refusals.stop();
      await stopHousekeeping();
      await limiter.close();
      await catalogue.close();
    },
  };
}

// Tokens are signed in the same pool of threads: a core always stays free of bcrypt.
function bcryptRunningMax(workers: number): number {
  return Math.max(1, Math.floor((availableParallelism() - 1) / workers));
}

async function bringUpToDate(storage: Storage, { issuer, store, firstStart }: Config, logger: Logger): Promise<void> {
  // Of a file there is one machine; of a database there may be other nodes, which a mistyped issuer would shut out.
  const wanted = { issuer, scopes: adminScopes(), mayMove: store.kind === 'sqlite' || firstStart === 'on' };
  // Nothing is remembered yet that would have to be told.
  const observer: ChangeObserver = async () => {};
  const from = await untilCommitted({ storage, observer }, (unit) => updateAdminApi(storage, unit, wanted));
  if (from !== undefined) logger.warn({ event: 'issuer.moved', from, to: adminResource(issuer) });
}

async function issueTokenFor(
  parts: Parameters<typeof issueToken>[0],
  catalogue: Catalogue,
  clientId: string,
  request: Parameters<typeof issueToken>[2],
) {
  const standing = await catalogue.standing(clientId);
  if (standing === undefined) throw new DomainError('not_found', 'There is no such client.');
  if (!standing.enabled) throw new DomainError('conflict', 'The client or its application is disabled.');
  return await issueToken(parts, standing, request);
}

/** The page's way in: sets the password, and begins no session. */
async function redeem(
  parts: Gate & { observer: ChangeObserver },
  signIn: SignIn,
  address: string | undefined,
): Promise<Redeemed> {
  try {
    const prepared = await judgeLink(parts, signIn, { address });
    await untilCommitted(parts, (unit) => redeemSignInLink({ storage: parts.storage, unit }, signIn, prepared));
    return { outcome: 'done' };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    if (error.retryAfterSeconds !== undefined) return { outcome: 'later', seconds: error.retryAfterSeconds };
    const mistakes = error.errors.map(
      (mistake) => `${'pointer' in mistake ? mistake.pointer.slice(1) : ''} ${mistake.detail}.`,
    );
    const isLasting = !['invalid', 'conflict', 'busy', 'unavailable'].includes(error.kind);
    return { outcome: isLasting ? 'void' : 'mistakes', mistakes: mistakes.length > 0 ? mistakes : [error.message] };
  }
}

function isActive(ctx: Koa.Context): boolean {
  return (ctx.body as { active?: boolean } | undefined)?.active !== false;
}
