/**
 * Several processes on one port: the primary forks workers, forks anew what dies, and takes all of them down together.
 * It serves nothing itself but the sum of the workers' metrics.
 */
import cluster, { type Worker } from 'node:cluster';
import type { Logger } from './observability/logger.ts';
import { carryWorkerMetrics } from './observability/worker-metrics.ts';

interface WorkersOptions {
  readonly count: number;
  readonly logger: Logger;
  /** How long workers may take to stop before they are killed; more than they take to drain. Milliseconds. */
  readonly stopMsMax: number;
  /** A worker that lives shorter died at once. Milliseconds. */
  readonly settledAfterMs?: number;
}

/** So many deaths at once in a row, or two for each worker, and the primary gives up. */
const QUICK_DEATHS_MAX = 5;
const BACKOFF_MS_MAX = 5000;

/**
 * Runs `count` workers of this very script until SIGTERM or SIGINT, or until they will not stay up. A second signal
 * kills them. Workers get SIGTERM and have to stop by themselves; a terminal sends them SIGINT too.
 * @returns what the process should exit with: 0 after a signal, 1 after giving up
 */
export async function runWorkers(options: WorkersOptions): Promise<0 | 1> {
  const { count, logger, stopMsMax, settledAfterMs = 5000 } = options;
  const stopped = Promise.withResolvers<0 | 1>();
  const forkedAt = new Map<number, number>();
  const restarts = new Set<NodeJS.Timeout>();
  let quickDeaths = 0;
  let exitCode: 0 | 1 | undefined;

  const fork = () => {
    const worker = cluster.fork();
    forkedAt.set(worker.id, performance.now());
  };

  const stop = (code: 0 | 1) => {
    if (exitCode !== undefined) {
      signalAll('SIGKILL');
      return;
    }
    exitCode = code;
    for (const timer of restarts) clearTimeout(timer);
    signalAll('SIGTERM');
    setTimeout(() => {
      logger.warn({ event: 'workers.killed', workers: workersLeft().length });
      signalAll('SIGKILL');
    }, stopMsMax).unref();
    if (workersLeft().length === 0) stopped.resolve(code);
  };

  const died = (worker: Worker, code: number | null, signal: string | null) => {
    const livedMs = performance.now() - (forkedAt.get(worker.id) ?? 0);
    forkedAt.delete(worker.id);
    if (exitCode !== undefined) {
      if (workersLeft().length === 0) stopped.resolve(exitCode);
      return;
    }
    quickDeaths = livedMs < settledAfterMs ? quickDeaths + 1 : 0;
    logger.error({ event: 'worker.died', worker_pid: worker.process.pid, code, signal, lived_ms: Math.round(livedMs) });
    if (quickDeaths >= Math.max(QUICK_DEATHS_MAX, 2 * count)) {
      logger.fatal(
        { event: 'workers.given_up', deaths: quickDeaths },
        'workers die at once, one after another: see the errors above',
      );
      stop(1);
      return;
    }
    const timer = setTimeout(
      () => {
        restarts.delete(timer);
        fork();
      },
      Math.min(BACKOFF_MS_MAX, 100 * 2 ** quickDeaths),
    );
    restarts.add(timer);
  };

  const onSignal = () => stop(0);
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  carryWorkerMetrics();
  cluster.on('exit', died);
  for (let i = 0; i < count; i += 1) fork();
  const code = await stopped.promise;
  process.off('SIGTERM', onSignal);
  process.off('SIGINT', onSignal);
  cluster.off('exit', died);
  return code;
}

function workersLeft(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined && !worker.isDead()) as Worker[];
}

function signalAll(signal: 'SIGTERM' | 'SIGKILL'): void {
  // The process, not the worker: `worker.kill` would first wait for its connections to close.
  for (const worker of workersLeft()) worker.process.kill(signal);
}
