/** Everything that is seen from outside, one after the other: the first that knows a path answers. */
import Koa from 'koa';
import type { AdminServices } from './admin-api/operation.ts';
import { adminApi } from './admin-api/router.ts';
import { discovery, metadataOf } from './authorization-server/discovery.ts';
import { type EndpointParts, oauthEndpoints } from './authorization-server/endpoints.ts';
import { registration } from './authorization-server/registration.ts';
import type { Config } from './config.ts';
import { signInPage } from './console/sign-in.ts';
import type { CheckpointKey } from './domain/audit/checkpoints.ts';
import type { Catalogue } from './domain/catalogue/catalogue.ts';
import type { LastUsed } from './domain/clients/last-used.ts';
import type { Secrets } from './domain/clients/secrets.ts';
import type { ServerKeys } from './domain/installation/installation.ts';
import type { Storage } from './domain/store.ts';
import { previewToken } from './domain/tokens/preview.ts';
import { revocationOf } from './domain/tokens/revocations.ts';
import type { ChangeObserver } from './domain/unit.ts';
import type { UsageCounter } from './domain/usage/usage-counter.ts';
import type { Verdicts } from './domain/verdicts/verdicts.ts';
import { authorize } from './gateways/authorize.ts';
import { Askers } from './gateways/authorize-askers.ts';
import { connectionTester } from './gateways/connection-test.ts';
import { gatewayConnections } from './gateways/connections.ts';
import type { DialectParts } from './gateways/dialect.ts';
import { leakReports } from './gateways/leak-reports.ts';
import { type VerifyParts, verify } from './gateways/verify.ts';
import type { Authenticate } from './http/access.ts';
import { clientAddress } from './http/client-address.ts';
import { inProcess } from './http/in-process.ts';
import { createOutgoing } from './http/outgoing.ts';
import { everythingElse, readableTargets, safeDefaults } from './http/surroundings.ts';
import { redeem } from './link-redemption.ts';
import { health } from './observability/health.ts';
import type { Logger } from './observability/logger.ts';
import type { Metrics, RenderedMetrics } from './observability/metrics.ts';
import { serveMetrics } from './observability/metrics-page.ts';
import type { Refusals } from './observability/refusals.ts';
import { requestLog } from './observability/request-log.ts';

export interface SurfaceParts
  extends Pick<EndpointParts, 'engine' | 'keys' | 'credentials'>,
    Pick<AdminServices, 'secrets' | 'guessing' | 'sealer' | 'keyring' | 'issueToken' | 'kong'> {
  readonly config: Config;
  readonly secrets: AdminServices['secrets'] & Pick<Secrets, 'match' | 'keepImported'>;
  readonly storage: Storage;
  readonly logger: Logger;
  readonly serverKeys: ServerKeys;
  readonly observer: ChangeObserver;
  readonly catalogue: Catalogue;
  readonly lastUsed: Pick<LastUsed, 'noteGatewayKey' | 'noteGateway'>;
  readonly verdicts: Verdicts;
  readonly authenticate: Authenticate;
  readonly gatewayDoor: DialectParts['door'];
  readonly introspectorBy: VerifyParts['authenticateClient'];
  readonly metrics: Metrics;
  readonly usage: UsageCounter;
  readonly renderMetrics: () => Promise<RenderedMetrics>;
  readonly checkpointKey: CheckpointKey;
  readonly refusals: Refusals;
  readonly isDraining: () => boolean;
  readonly onError: (error: unknown) => void;
}

/** @returns the app of the port that everybody calls, and the one of the metrics' own port */
export function surfaces(parts: SurfaceParts): { app: Koa; metricsApp: Koa } {
  const { config, storage, logger, serverKeys, observer, catalogue, secrets, guessing, sealer, keyring, keys } = parts;
  const { engine, credentials, verdicts, authenticate, metrics, usage, refusals, onError } = parts;
  const { issuer } = config;
  const addressOf = (ctx: Koa.Context) => clientAddress(ctx.req, config.trustedProxies);
  const refused = (ctx: Koa.Context, surface: string) => refusals.refused(addressOf(ctx), surface);

  const app = new Koa();
  app.on('error', onError);
  app.use(requestLog({ logger, observe: (request) => metrics.httpRequest(request) }));
  app.use(safeDefaults(issuer.startsWith('https:')));
  // Before all others: what a stranger appends to a gateway's path must not reach them.
  app.use(
    authorize({
      issuer,
      verdicts,
      apis: catalogue,
      askers: new Askers({
        gateways: catalogue,
        allow: config.forwardAuthAllow,
        onKeyUsed: (keyId, at) => parts.lastUsed.noteGatewayKey(keyId, at),
        onAsked: (gatewayId, at) => parts.lastUsed.noteGateway(gatewayId, at),
      }),
      trustedProxies: config.trustedProxies,
      apiKeyHeader: config.apiKeyHeader,
      onFault: (fault) => logger.warn({ event: 'forward_auth.fault', ...fault }),
      onUnauthenticated: (address) => refusals.refused(address, 'authorize'),
      onError,
    }),
  );
  app.use(readableTargets());
  const checks = {
    accepting: () => !parts.isDraining(),
    store: () => catalogue.secondsToServe() === Number.POSITIVE_INFINITY,
    signing_keys: () => [...keys.signing()].length > 0,
  };
  app.use(health(checks));
  const metricsPage = serveMetrics(parts.renderMetrics);
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
      onIntrospected(outcome, bearer, api) {
        metrics.introspected(outcome === 'active');
        usage.count('introspection', outcome, bearer, api);
      },
      onOutcome(endpoint, outcome, ctx, { bearer, api }) {
        if (outcome === 'invalid_client') refused(ctx, endpoint);
        if (endpoint === 'introspection' && outcome !== 'ok') usage.count(endpoint, outcome, bearer, api);
        if (endpoint !== 'token') return;
        const issued = outcome === 'ok' ? 'issued' : outcome;
        metrics.tokenIssued(issued);
        usage.count(endpoint, issued, bearer, api);
      },
    }),
  );
  app.use(
    registration({
      issuer,
      storage,
      observer,
      secrets,
      allowsPlainHttp: config.outgoingAllow.length > 0,
      knowledge: catalogue,
      addressOf,
      onUnauthenticated: (ctx) => refused(ctx, 'registration'),
      onError,
    }),
  );
  app.use(
    adminApi({
      demandStore: () => catalogue.demandStore(),
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
      issueToken: parts.issueToken,
      previewToken: (client, request) => previewToken({ storage, issuer, knowledge: catalogue }, client, request),
      async readToken(token) {
        const read = await credentials.read(token);
        const revocable = read.outcome === 'genuine' ? revocationOf(read.credential) : undefined;
        return revocable && { jti: revocable.id, ...revocable };
      },
      testGateway: connectionTester({
        issuer,
        storage,
        observer,
        sealer,
        secrets,
        ask: inProcess(() => app.callback()),
        fetch: createOutgoing({ allow: config.outgoingAllow, remembersFailures: false }),
        onError,
      }),
      checkpointKey: parts.checkpointKey,
      kong: parts.kong,
      cursorKey: serverKeys.cursor,
      idempotencyKey: serverKeys.idempotency,
      onError,
      onUnauthenticated: (ctx) => refused(ctx, 'admin'),
    }),
  );
  app.use(
    verify({
      issuer,
      verdicts,
      apis: catalogue,
      authenticateClient: parts.introspectorBy,
      async authenticateToken(token, ctx) {
        const authenticated = await authenticate({ kind: 'bearer', text: token, address: addressOf(ctx) });
        return authenticated?.principal.scopes;
      },
      onError,
      onRefusal: (ctx, { kind }) => {
        if (kind === 'unauthenticated') refused(ctx, 'verify');
      },
    }),
  );
  app.use(
    gatewayConnections({
      issuer,
      storage,
      observer,
      sealer,
      secrets,
      door: parts.gatewayDoor,
      metadata: () => metadataOf(issuer, keys),
      creationKey: serverKeys.idempotency,
      demandStore: () => catalogue.demandStore(),
      addressOf,
      onUnauthenticated: (ctx) => refused(ctx, 'gateway'),
      onError,
    }),
  );
  app.use(
    leakReports({
      storage,
      observer,
      demandStore: () => catalogue.demandStore(),
      addressOf,
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
  return { app, metricsApp };
}
