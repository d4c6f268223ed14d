/**
 * `npm run bench`: how much of what this machine can do Latchkey does. All servers run at once and are loaded in
 * turn, round after round, so that whatever else the machine does falls on all of them; only the ratios mean anything.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import autocannon from 'autocannon';

const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 3);
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 4);
const CONNECTIONS = 16;
// Clock ticks of /proc, which Linux fixes at 100 a second.
const TICKS_PER_SECOND = 100;
const FIRST_PORT = 4610;

interface Target {
  readonly name: string;
  readonly against: string;
  readonly pid: number;
  readonly url: string;
  readonly body: string;
  readonly credentials: string;
  readonly samples: { perSecond: number; p99Ms: number; cpuMicroseconds: number }[];
}

const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'));
const children: ChildProcess[] = [];
try {
  const targets = await startAll();
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const target of targets) {
      process.stderr.write(
        `\r${round === 0 ? 'warming up' : `round ${round} of ${ROUNDS}`}: ${target.name.padEnd(40)}`,
      );
      const sample = await load(target);
      if (round > 0) target.samples.push(sample);
    }
  }
  process.stderr.write(`\r${' '.repeat(60)}\r`);
  report(targets);
} finally {
  for (const child of children) child.kill('SIGTERM');
  await rm(folder, { recursive: true, force: true });
}

async function startAll(): Promise<Target[]> {
  const floor = start(['scripts/bench/floor.ts', 'floor', String(FIRST_PORT)]);
  const engines = ['engine-RS256', 'engine-ES256', 'engine-opaque'].map((kind, i) => {
    const port = FIRST_PORT + 1 + i;
    return { kind, port, pid: start(['scripts/bench/floor.ts', kind, String(port)]) };
  });
  const port = FIRST_PORT + 9;
  const origin = `http://127.0.0.1:${port}`;
  const pid = start(['src/main.ts'], {
    LATCHKEY_PORT: String(port),
    LATCHKEY_STORE: `sqlite:${join(folder, 'latchkey.sqlite')}`,
    LATCHKEY_KEYS_DIR: join(folder, 'keys'),
    LATCHKEY_FIRST_START_FILE: join(folder, 'first-start.json'),
    LATCHKEY_LOG_LEVEL: 'warn',
  });
  await until(`${origin}/health/ready`);
  const { admin, demo } = JSON.parse(await readFile(join(folder, 'first-start.json'), 'utf8'));
  const es256 = await registerEs256(origin, admin, demo.application_id);
  const credentials = `${demo.client_id}:${demo.client_secret}`;
  const { access_token } = await post(
    `${origin}/oauth2/token`,
    `${demo.client_id}:${demo.client_secret}`,
    'grant_type=client_credentials',
  );

  const grant = 'grant_type=client_credentials';
  const engine = (kind: string) => engines.find((one) => one.kind === kind) ?? { port: 0, pid: 0 };
  const ofEngine = (name: string, kind: string, path: string, body: string): Target => ({
    name,
    against: '',
    pid: engine(kind).pid,
    url: `http://127.0.0.1:${engine(kind).port}${path}`,
    body,
    credentials: 'bench:bench',
    samples: [],
  });
  await until(`http://127.0.0.1:${engine('engine-opaque').port}/.well-known/openid-configuration`);
  const opaque = await post(`http://127.0.0.1:${engine('engine-opaque').port}/token`, 'bench:bench', grant);
  const ours = { pid, samples: [] as Target['samples'] };
  return [
    {
      name: 'a bare server that reads a form',
      against: '',
      pid: floor,
      url: `http://127.0.0.1:${FIRST_PORT}/`,
      body: grant,
      credentials,
      samples: [],
    },
    ofEngine('stock oidc-provider, token RS256', 'engine-RS256', '/token', grant),
    {
      ...ours,
      samples: [],
      name: 'Latchkey, token RS256',
      against: 'stock oidc-provider, token RS256',
      url: `${origin}/oauth2/token`,
      body: grant,
      credentials,
    },
    ofEngine('stock oidc-provider, token ES256', 'engine-ES256', '/token', grant),
    {
      ...ours,
      samples: [],
      name: 'Latchkey, token ES256',
      against: 'stock oidc-provider, token ES256',
      url: `${origin}/oauth2/token`,
      body: grant,
      credentials: es256,
    },
    ofEngine(
      'stock oidc-provider, introspect opaque',
      'engine-opaque',
      '/token/introspection',
      `token=${opaque.access_token}`,
    ),
    {
      ...ours,
      samples: [],
      name: 'Latchkey, introspect JWT RS256',
      against: 'stock oidc-provider, introspect opaque',
      url: `${origin}/oauth2/introspect`,
      body: `token=${access_token}`,
      credentials,
    },
  ];
}

async function registerEs256(origin: string, admin: Record<string, string>, applicationId: string): Promise<string> {
  const { access_token } = await post(
    `${origin}/oauth2/token`,
    `${admin['client_id']}:${admin['client_secret']}`,
    `grant_type=client_credentials&resource=${encodeURIComponent(String(admin['resource']))}`,
  );
  const create = async (path: string, body: object) => {
    const response = await fetch(`${origin}/admin/v1${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as Record<string, string>;
  };
  const identifier = 'https://es256.example.com';
  await create('/apis', { identifier, name: 'ES256', scopes: [{ name: 'a:read' }], signing_algorithm: 'ES256' });
  const permissions = [{ api: identifier, scope: 'a:read' }];
  const client = await create(`/applications/${applicationId}/clients`, { environment: 'production', permissions });
  return `${client['client_id']}:${client['client_secret']}`;
}

function start(args: string[], env: Record<string, string> = {}): number {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  children.push(child);
  child.on('exit', (code) => {
    if (code) process.stderr.write(`${args.join(' ')} ended with ${code}\n`);
  });
  return child.pid ?? 0;
}

async function until(url: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const isUp = await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} does not answer`);
}

async function post(url: string, credentials: string, body: string): Promise<{ access_token: string }> {
  const response = await fetch(url, { method: 'POST', headers: headersFor(credentials), body });
  if (!response.ok) throw new Error(`${url}: ${await response.text()}`);
  return (await response.json()) as { access_token: string };
}

function headersFor(credentials: string): Record<string, string> {
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  return { authorization, 'content-type': 'application/x-www-form-urlencoded' };
}

async function load({ url, body, credentials, pid }: Target): Promise<Target['samples'][number]> {
  const before = cpuSeconds(pid);
  const result = await autocannon({
    url,
    method: 'POST',
    headers: headersFor(credentials),
    body,
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

function report(targets: readonly Target[]): void {
  const median = (target: Target, of: keyof Target['samples'][number]) => {
    const sorted = target.samples.map((sample) => sample[of]).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  };
  const [floor] = targets;
  const cost = (target: Target) => median(target, 'cpuMicroseconds');
  const rows = targets.map((target) => {
    const rival = targets.find(({ name }) => name === target.against);
    return {
      server: target.name,
      'requests/s': Math.round(median(target, 'perSecond')),
      'CPU µs/request': Math.round(cost(target)),
      'p99 ms': median(target, 'p99Ms'),
      'of the bare server': floor ? (cost(floor) / cost(target)).toFixed(3) : '',
      'of the stock engine': rival ? (cost(rival) / cost(target)).toFixed(2) : '',
    };
  });
  console.log(
    `Medians of ${ROUNDS} rounds of ${SECONDS} s, ${CONNECTIONS} connections. Ratios are of CPU time; only they mean anything.`,
  );
  console.table(rows);
}
