/**
 * Counts what was refused for a missing or bad credential, by source and minute: whoever guesses can make one line a
 * minute appear, not one a guess, and can take only so much memory however many addresses it has.
 */
import ipaddr from 'ipaddr.js';
import { type Logger, withoutRedaction } from './logger.ts';
import type { Metrics } from './metrics.ts';

/** The refusals of one source in one minute. */
export interface SourceRefusals {
  /** An IPv4 address, an IPv6 /64 (what one machine can have), or `others` for all beyond the bound. */
  readonly source: string;
  readonly surfaces: Readonly<Record<string, number>>;
}

interface RefusalsOptions {
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'unauthenticatedRefusal'>;
  /** Told of each minute's refusals after they are logged. */
  readonly onFlush?: (refusals: readonly SourceRefusals[]) => void;
  readonly sourcesMax?: number;
}

export interface Refusals {
  /** @param address the client's address as `clientAddress` gives it */
  refused(address: string | undefined, surface: string): void;
  /** Logs what was counted and begins anew; runs every minute by itself. */
  flush(): void;
  /** Flushes a last time and stops. */
  stop(): void;
}

const MINUTE_MS = 60_000;
const OTHERS = 'others';

export function createRefusals({ logger, metrics, onFlush, sourcesMax = 1000 }: RefusalsOptions): Refusals {
  // Addresses, counts and our own names of surfaces, one of which, `token`, redaction would take for a secret.
  const lines = withoutRedaction(logger);
  let counts = new Map<string, Record<string, number>>();
  const flush = () => {
    if (counts.size === 0) return;
    const refusals = Array.from(counts, ([source, surfaces]) => ({ source, surfaces }));
    counts = new Map();
    for (const { source, surfaces } of refusals) {
      lines.warn({ event: 'refusals.unauthenticated', source, surfaces });
    }
    onFlush?.(refusals);
  };
  const timer = setInterval(flush, MINUTE_MS).unref();
  return {
    refused(address, surface) {
      metrics.unauthenticatedRefusal(surface);
      const source = sourceOf(address);
      const key = counts.has(source) || counts.size < sourcesMax ? source : OTHERS;
      const surfaces = counts.get(key) ?? {};
      surfaces[surface] = (surfaces[surface] ?? 0) + 1;
      counts.set(key, surfaces);
    },
    flush,
    stop() {
      clearInterval(timer);
      flush();
    },
  };
}

function sourceOf(address: string | undefined): string {
  if (address === undefined || !ipaddr.isValid(address)) return 'unknown';
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4') return parsed.toString();
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toNormalizedString()}/64`).toString()}/64`;
}
