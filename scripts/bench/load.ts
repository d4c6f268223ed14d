/** Loads one server for a while and measures what each request costs it. */
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';

export const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 3);
export const CONNECTIONS = 16;
// Clock ticks of /proc, which Linux fixes at 100 a second.
const TICKS_PER_SECOND = 100;

/** A request, sent over and over. */
export interface Target {
  readonly name: string;
  readonly against: string;
  readonly pid: number;
  readonly url: string;
  readonly body: string;
  readonly credentials: string;
  /** The body's type; a form where left out. */
  readonly type?: string;
  /** Sent instead, with GET and without a body: what a gateway sends. */
  readonly shown?: Readonly<Record<string, string>>;
  readonly samples: { perSecond: number; p99Ms: number; cpuMicroseconds: number }[];
}

/** @returns one sample */
export async function load({ url, body, credentials, type, shown, pid }: Target): Promise<Target['samples'][number]> {
  const before = cpuSeconds(pid);
  const result = await autocannon({
    url,
    ...(shown ? { method: 'GET', headers: shown } : { method: 'POST', headers: headersFor(credentials, type), body }),
    connections: CONNECTIONS,
    duration: SECONDS,
  });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${url}: ${result.non2xx} refused, ${result.errors} failed`);
  const cpuMicroseconds = ((cpuSeconds(pid) - before) * 1e6) / result.requests.total;
  return { perSecond: result.requests.total / result.duration, p99Ms: result.latency.p99, cpuMicroseconds };
}

/** @returns seconds of both kinds of CPU time that the process has used; NaN where there is no /proc */
function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return Number.NaN;
  }
}

export function headersFor(credentials: string, type = 'application/x-www-form-urlencoded'): Record<string, string> {
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  return { authorization, 'content-type': type };
}
