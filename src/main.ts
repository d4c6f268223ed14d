/** Starts Latchkey: configuration -> storage -> first start -> server -> listen; drains on SIGTERM and SIGINT. */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { type Config, ConfigError, readConfig } from './config.ts';
import {
  openServerKeys,
  readInstallation,
  type ServerKeys,
  withAllServerKeys,
} from './domain/installation/installation.ts';
import { Sealer } from './domain/installation/sealing.ts';
import type { Storage } from './domain/store.ts';
import { ensureInstalled } from './first-start.ts';
import { firstStartText } from './first-start-text.ts';
import { keyEncryptionKey } from './key-encryption-key.ts';
import { listen } from './listen.ts';
import { createLogger, type Logger } from './observability/logger.ts';
import { renderAlone } from './observability/metrics.ts';
import { renderForAllWorkers } from './observability/worker-metrics.ts';
import { createServer } from './server.ts';
import { openStorage } from './storage/open.ts';
import { runWorkers } from './workers.ts';

/** How long requests in flight may take to end; a worker that is not gone a while after is killed. */
const DRAIN_MS = 10_000;
const STOP_MS_MAX = 15_000;

interface Ready {
  readonly storage: Storage;
  readonly sealer: Sealer;
  readonly serverKeys: ServerKeys;
}

async function main(): Promise<number> {
  const { config, warnings } = readConfig(process.env, process.argv.slice(2));
  const logger = createLogger(config.logLevel);
  if (!cluster.isPrimary) return await serve(config, logger);
  // Workers inherit the configuration; what is to be said of it is said once.
  for (const warning of warnings) logger.warn({ event: 'config.warning', warning });
  if (config.workers === 1) return await serve(config, logger);
  const { storage } = await prepare(config, logger);
  await storage.close();
  return await runWorkers({ count: config.workers, logger, stopMsMax: STOP_MS_MAX });
}

/** Opens the store; on the first start sets it up and tells, on the terminal and never through the logger. */
async function prepare(config: Config, logger: Logger, stop?: AbortSignal): Promise<Ready> {
  const { store } = config;
  const storage = await openStorage(store.kind === 'sqlite' ? `sqlite:${store.path}` : store.uri);
  try {
    const isNew = (await readInstallation(storage)) === undefined;
    const key = await keyEncryptionKey(config.keyEncryptionKey, config.keysDir, isNew);
    const sealer = new Sealer(key);
    const { installation, told } = await ensureInstalled(storage, sealer, config, {
      stop,
      onWait: () => logger.warn({ event: 'first_start.awaited' }, 'the store is empty; another node is to set it up'),
    });
    const serverKeys = openServerKeys(await withAllServerKeys(storage, installation, sealer), sealer);
    if (told) process.stdout.write(`${firstStartText(told)}\n`);
    return { storage, sealer, serverKeys };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function serve(config: Config, logger: Logger): Promise<number> {
  const stop = stopSignal();
  const ready = await prepare(config, logger, stop).catch((error: unknown) => {
    if (!stop.aborted) throw error;
  });
  if (ready === undefined) return 0;
  const { storage, sealer, serverKeys } = ready;
  const server = await createServer({
    config,
    storage,
    sealer,
    serverKeys,
    logger,
    renderer: ({ registry }) => (cluster.isWorker ? renderForAllWorkers(registry) : renderAlone(registry)),
  });
  const { host, port, tls, metricsPort } = config;
  const listening = [await listen(server.app.callback(), { host, port, tls, logger })];
  if (metricsPort !== undefined) {
    listening.push(await listen(server.metricsApp.callback(), { host, port: metricsPort, tls: undefined, logger }));
  }
  logger.info({ event: 'listening', host, port: listening[0]?.port, issuer: config.issuer });

  if (!stop.aborted) await once(stop, 'abort');
  logger.info({ event: 'draining' });
  server.startDraining();
  await Promise.all(listening.map((socket) => socket.drain(DRAIN_MS)));
  await server.close();
  await storage.close();
  return 0;
}

/** Aborted by the first signal to stop; a second one ends the process. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());
  return stop.signal;
}

try {
  process.exitCode = await main();
  // The cluster's channel would keep a worker alive.
  if (cluster.isWorker) process.exit();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`Latchkey did not start. ${message}\n`);
  if (!(error instanceof ConfigError) && error instanceof Error && error.cause) {
    process.stderr.write(`Cause: ${error.cause instanceof Error ? error.cause.message : String(error.cause)}\n`);
  }
  process.exit(1);
}
