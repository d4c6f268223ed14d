/** Puts the parts together: the one place that knows them all. */
import { availableParallelism } from 'node:os';
import type Koa from 'koa';
import { sealAudit } from './audit-sealing.ts';
import type { Config } from './config.ts';
import { credentialParts } from './credential-parts.ts';
import { deliver } from './delivering.ts';
import { CheckpointKey } from './domain/audit/checkpoints.ts';
import { recordRefusedSources } from './domain/audit/refusals.ts';
import { Catalogue } from './domain/catalogue/catalogue.ts';
import { LastUsed } from './domain/clients/last-used.ts';
import { Secrets } from './domain/clients/secrets.ts';
import { DomainError } from './domain/errors.ts';
import { NOTICE_DELAYS, noticeChannel } from './domain/gateways/notice-channel.ts';
import type { ServerKeys } from './domain/installation/installation.ts';
import type { Sealer } from './domain/installation/sealing.ts';
import { Limiter } from './domain/limits/limiter.ts';
import { Guessing } from './domain/members/guessing.ts';
import { SigningKeyring } from './domain/signing-keys/signing-key-rotation.ts';
import type { Storage } from './domain/store.ts';
import type { ChangeObserver } from './domain/unit.ts';
import { UsageCounter } from './domain/usage/usage-counter.ts';
import { RETRY_DELAYS } from './domain/webhooks/retries.ts';
import { webhookChannel } from './domain/webhooks/webhook-channel.ts';
import { housekeeping } from './housekeeping.ts';
import { createOutgoing } from './http/outgoing.ts';
import { ASK_EVERY_MS, keepKongsInLine } from './kong-sync.ts';
import { errorLog } from './observability/error-log.ts';
import type { Logger } from './observability/logger.ts';
import { createMetrics, type Metrics, type RenderedMetrics } from './observability/metrics.ts';
import { createRefusals } from './observability/refusals.ts';
import { surfaces } from './surfaces.ts';
import { bringUpToDate } from './upgrade.ts';

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
  /** Milliseconds until a webhook's delivery is tried again, after each failure: for tests, which do not wait for days. */
  readonly webhookRetryDelays?: readonly number[];
  /** The same of a gateway's notices. */
  readonly noticeRetryDelays?: readonly number[];
  /** How often a Kong is asked what it has, in milliseconds: likewise. */
  readonly kongAskEveryMs?: number;
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
  const onError = errorLog(
    logger,
    (error) => error instanceof DomainError && (error.kind === 'unavailable' || error.kind === 'busy'),
  );

  // The domain.
  const keyring = new SigningKeyring(storage, sealer, config.keyAnnounceSeconds);
  await bringUpToDate(storage, config, logger);
  const catalogue = await Catalogue.open(storage, { maxStaleSeconds: config.maxStaleSeconds, onError });
  const observer: ChangeObserver = (changes) => catalogue.apply(changes);
  const secretKeys = { tag: serverKeys.secret_tag, fingerprint: serverKeys.secret_fingerprint };
  const secrets = new Secrets(secretKeys, bcryptRunningMax(config.workers), BCRYPT_WAITING_MAX);
  const guessing = new Guessing();
  const lastUsed = new LastUsed(storage);
  const limiter = new Limiter({
    storage: {
      // What is known to be away is not waited for.
      async count(counts) {
        catalogue.demandStore();
        return await storage.count(counts);
      },
    },
    onError,
  });
  const usage = new UsageCounter({
    storage: {
      async accumulate(...counts) {
        catalogue.demandStore();
        await storage.accumulate(...counts);
      },
    },
    onFull: () => logger.warn({ event: 'usage.full' }, 'too many to tell apart: some were counted as nobody’s'),
  });
  const stopHousekeeping = housekeeping({
    storage,
    lastUsed,
    usage,
    keyring,
    observer,
    onExpiring: ({ action, id, details }) => logger.warn({ event: action, id, ...details }),
    onError,
  });

  let isDraining = false;

  // What is seen from outside.
  const metrics = createMetrics({
    bcrypt: () => secrets.load,
    feedSecondsSinceHeard: () => catalogue.secondsSinceHeard(),
  });
  let recorded = Promise.resolve();
  const refusals = createRefusals({
    logger,
    metrics,
    onFlush: (sources) => {
      recorded = recordRefusedSources(storage, observer, sources).catch(onError);
    },
  });
  const checkpointKey = new CheckpointKey(serverKeys.audit_checkpoint);
  const stopSealing = sealAudit({
    storage,
    issuer,
    checkpointKey,
    checkpointFile: config.auditCheckpointFile,
    onCheckpoint: (jws, { count, hash }) => logger.info({ event: 'audit.checkpoint', count, hash, checkpoint: jws }),
    onError,
  });

  const delivering = {
    storage,
    observer,
    sealer,
    fetch: createOutgoing({ allow: config.outgoingAllow, remembersFailures: false }),
    onError,
  };
  const stopDelivering = deliver({
    ...delivering,
    channel: webhookChannel,
    delays: parts.webhookRetryDelays ?? RETRY_DELAYS,
    onTried: ({ id, webhook_id, action, state, last_status, last_error }) => {
      metrics.webhookTried(state === 'pending' ? 'failed' : state);
      if (state !== 'dead') return;
      logger.warn({ event: 'webhook.dead', delivery_id: id, webhook_id, action, last_status, last_error });
    },
  });
  const stopNotifying = deliver({
    ...delivering,
    channel: noticeChannel,
    delays: parts.noticeRetryDelays ?? NOTICE_DELAYS,
    onTried: ({ id, gateway_id, action, state, last_status, last_error }) => {
      metrics.gatewayNoticeTried(state === 'pending' ? 'failed' : state);
      if (state !== 'dead') return;
      logger.warn({ event: 'gateway.notice_dead', notice_id: id, gateway_id, action, last_status, last_error });
    },
  });

  const kongs = keepKongsInLine({
    storage,
    catalogue,
    sealer,
    fetch: delivering.fetch,
    askEveryMs: parts.kongAskEveryMs ?? ASK_EVERY_MS,
    onSynced: (told) => logger[told.outcome === 'in_line' ? 'info' : 'warn']({ event: 'kong.synced', ...told }),
    onKeyLost: (lost) => logger.warn({ event: 'kong.api_key_lost', ...lost }),
    onError,
  });

  const { keys, settling, ...judging } = credentialParts({
    config,
    storage,
    sealer,
    keyring,
    catalogue,
    secrets,
    lastUsed,
    limiter,
    usage,
    metrics,
    logger,
    onError,
  });
  const { app, metricsApp } = surfaces({
    config,
    storage,
    logger,
    serverKeys,
    observer,
    catalogue,
    lastUsed,
    secrets,
    guessing,
    sealer,
    keyring,
    keys,
    ...judging,
    usage,
    metrics,
    checkpointKey,
    kong: kongs,
    renderMetrics: parts.renderer(metrics),
    refusals,
    isDraining: () => isDraining,
    onError,
  });
  return {
    app,
    metricsApp,
    startDraining() {
      isDraining = true;
    },
    async close() {
      keys.close();
      refusals.stop();
      await recorded;
      await stopHousekeeping();
      await settling.idle();
      await limiter.close();
      await stopSealing();
      await Promise.all([stopDelivering(), stopNotifying(), kongs.stop()]);
      await catalogue.close();
    },
  };
}

// Tokens are signed in the same pool of threads: a core always stays free of bcrypt.
function bcryptRunningMax(workers: number): number {
  return Math.max(1, Math.floor((availableParallelism() - 1) / workers));
}
