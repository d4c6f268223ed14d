/**
 * With several workers a scrape reaches any one of them, and each must answer for all: the worker asks the primary,
 * which asks every worker and adds up. prom-client carries the second half; this file carries the first.
 */
import cluster from 'node:cluster';
import { AggregatorRegistry, type Registry } from 'prom-client';
import type { RenderedMetrics } from './metrics.ts';

const ASK = 'latchkey:metrics?';
const ANSWER = 'latchkey:metrics!';
/** A little more than prom-client's own 5 s, so that its reason is the one that is heard. */
const ANSWER_MS_MAX = 6000;

type Ask = { type: typeof ASK; id: number };
type Answer = { type: typeof ANSWER; id: number; body?: string; error?: string };

/** In the primary, once, before it forks: answers workers that are scraped with the sum over all of them. */
export function carryWorkerMetrics(): void {
  const all = new AggregatorRegistry();
  cluster.on('message', (worker, message: unknown) => {
    if (!isMessage<Ask>(message, ASK)) return;
    const answer = (rest: Omit<Answer, 'type' | 'id'>) => {
      if (worker.isConnected()) worker.send({ type: ANSWER, id: message.id, ...rest } satisfies Answer);
    };
    all.clusterMetrics().then(
      (body) => answer({ body }),
      (error: unknown) => answer({ error: error instanceof Error ? error.message : 'unknown' }),
    );
  });
}

/**
 * In a worker, once: offers its registry to the primary.
 * @returns a function that renders the sum over all workers. It rejects where one does not answer: part of a sum would
 * read as counters that went back.
 */
export function renderForAllWorkers(registry: Registry): () => Promise<RenderedMetrics> {
  AggregatorRegistry.setRegistries(registry);
  // Its constructor is what makes this worker answer the primary.
  const { contentType } = new AggregatorRegistry();
  const waiting = new Map<number, (answer: Answer) => void>();
  process.on('message', (message: unknown) => {
    if (isMessage<Answer>(message, ANSWER)) waiting.get(message.id)?.(message);
  });
  let asked = 0;
  return async () => {
    const id = ++asked;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const timer = setTimeout(() => reject(new Error('the primary did not answer')), ANSWER_MS_MAX);
    waiting.set(id, resolve);
    try {
      process.send?.({ type: ASK, id } satisfies Ask);
      const { body, error } = await promise;
      if (body === undefined) throw new Error(`the workers' metrics could not be added up: ${error}`);
      return { contentType, body };
    } finally {
      clearTimeout(timer);
      waiting.delete(id);
    }
  };
}

function isMessage<M extends { type: string }>(message: unknown, type: M['type']): message is M {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === type;
}
