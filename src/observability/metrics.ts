/**
 * Owns what is counted and measured, in a registry of its own. Labels take few values: none comes from a caller.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { FinishedRequest } from './request-log.ts';

/** What is asked when the metrics are read. */
export interface MetricsSources {
  /** Comparisons of secrets that run and that wait for a place. */
  readonly bcrypt: () => { running: number; waiting: number };
  /** Seconds since the store last answered this process. */
  readonly feedSecondsSinceHeard: () => number;
}

export interface Metrics {
  readonly registry: Registry;
  /** For `requestLog({ observe })`. */
  httpRequest(request: FinishedRequest): void;
  /** @param outcome `issued`, or the OAuth error code */
  tokenIssued(outcome: string): void;
  introspected(active: boolean): void;
  /** @param verdict `allowed`, or the reason why not */
  judged(verdict: string): void;
  unauthenticatedRefusal(surface: string): void;
  webhookTried(outcome: 'delivered' | 'failed' | 'dead'): void;
  gatewayNoticeTried(outcome: 'delivered' | 'failed' | 'dead'): void;
}

/** @returns this process's metrics, with those of Node and the process among them. */
export function createMetrics(sources: MetricsSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: 'latchkey_http_requests_total',
    help: 'Requests answered, by surface and status.',
    labelNames: ['surface', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'latchkey_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer, by surface and status.',
    labelNames: ['surface', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  const tokens = new Counter({
    name: 'latchkey_tokens_issued_total',
    help: 'Requests for tokens by their outcome: issued, or the OAuth error.',
    labelNames: ['outcome'],
    registers,
  });
  const introspections = new Counter({
    name: 'latchkey_introspections_total',
    help: 'Introspections by their answer.',
    labelNames: ['active'],
    registers,
  });
  const verdicts = new Counter({
    name: 'latchkey_verdicts_total',
    help: 'Credentials judged for gateways, by the verdict: allowed, or the reason why not.',
    labelNames: ['verdict'],
    registers,
  });
  const refusals = new Counter({
    name: 'latchkey_unauthenticated_refusals_total',
    help: 'Requests refused for a missing or bad credential, by surface.',
    labelNames: ['surface'],
    registers,
  });
  const deliveries = new Counter({
    name: 'latchkey_webhook_deliveries_total',
    help: 'Attempts to deliver to webhooks: delivered, failed and to be tried again, or dead, which is given up.',
    labelNames: ['outcome'],
    registers,
  });
  const notices = new Counter({
    name: 'latchkey_gateway_notices_total',
    help: 'Attempts to tell gateways of revocations: delivered, failed and to be tried again, or dead, which is given up.',
    labelNames: ['outcome'],
    registers,
  });
  new Gauge({
    name: 'latchkey_bcrypt_running',
    help: 'Secret comparisons that run now.',
    registers,
    collect() {
      this.set(sources.bcrypt().running);
    },
  });
  new Gauge({
    name: 'latchkey_bcrypt_waiting',
    help: 'Secret comparisons that wait for a place.',
    registers,
    collect() {
      this.set(sources.bcrypt().waiting);
    },
  });
  new Gauge({
    name: 'latchkey_feed_seconds_since_heard',
    help: 'Seconds since the store last answered; of several workers, the one longest cut off.',
    // Seconds of several workers do not add up.
    aggregator: 'max',
    registers,
    collect() {
      this.set(sources.feedSecondsSinceHeard());
    },
  });
  return {
    registry,
    httpRequest({ surface, status, seconds }) {
      requests.inc({ surface, status });
      durations.observe({ surface, status }, seconds);
    },
    tokenIssued: (outcome) => tokens.inc({ outcome }),
    introspected: (active) => introspections.inc({ active: String(active) }),
    judged: (verdict) => verdicts.inc({ verdict }),
    unauthenticatedRefusal: (surface) => refusals.inc({ surface }),
    webhookTried: (outcome) => deliveries.inc({ outcome }),
    gatewayNoticeTried: (outcome) => notices.inc({ outcome }),
  };
}

/** Prometheus' text format, and the media type to send with it. */
export interface RenderedMetrics {
  readonly contentType: string;
  readonly body: string;
}

/** @returns a function that renders one process's metrics. */
export function renderAlone(registry: Registry): () => Promise<RenderedMetrics> {
  return async () => ({ contentType: registry.contentType, body: await registry.metrics() });
}
