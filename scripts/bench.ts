/**
 * `npm run bench`: how much of what this machine can do Latchkey does. All servers run at once and are loaded in
 * turn, round after round, so that whatever else the machine does falls on all of them; only the ratios mean anything.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONNECTIONS, headersFor, load, SECONDS, type Target } from './bench/load.ts';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 4);
const FIRST_PORT = 4610;

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
  const gateway = await registerGateway(origin, admin, demo);
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
    ...verifying(`${origin}/gateways/verify`, gateway, demo.api, access_token).map((target) => ({ ...target, pid })),
    {
      ...ours,
      samples: [],
      name: 'Latchkey, authorize a token',
      against: '',
      url: `${origin}/gateways/authorize/${gateway.api_id}/orders:read/v1/orders?page=2`,
      body: '',
      credentials,
      shown: { authorization: `Bearer ${access_token}`, 'x-forwarded-for': '192.0.2.10' },
    },
  ];
}

/** Verdicts on a token and on keys, one and a hundred at once. */
function verifying(
  url: string,
  { credentials, api_key, limited }: Record<string, string>,
  api: string,
  token: string,
): Omit<Target, 'pid'>[] {
  const asked = {
    'a token': [{ token, api }],
    'a key': [{ api_key, api }],
    'a rate-limited key': [{ api_key: limited, api }],
    '100 keys': Array.from({ length: 100 }, () => ({ api_key, api })),
  };
  return Object.entries(asked).map(([what, questions]) => ({
    name: `Latchkey, verify ${what}`,
    against: '',
    url,
    body: JSON.stringify({ credentials: questions }),
    credentials: String(credentials),
    type: 'application/json',
    samples: [],
  }));
}

async function registerEs256(origin: string, admin: Record<string, string>, applicationId: string): Promise<string> {
  const create = await creating(origin, admin);
  const identifier = 'https://es256.example.com';
  await create('/apis', { identifier, name: 'ES256', scopes: [{ name: 'a:read' }], signing_algorithm: 'ES256' });
  const permissions = [{ api: identifier, scope: 'a:read' }];
  const client = await create(`/applications/${applicationId}/clients`, { environment: 'production', permissions });
  return `${client['client_id']}:${client['client_secret']}`;
}

/** A gateway that may ask about the demo API, and keys for it, one of them under a limit that is never reached. */
async function registerGateway(origin: string, admin: Record<string, string>, demo: Record<string, string>) {
  const create = await creating(origin, admin);
  const { api = '', application_id } = demo;
  const client = { environment: 'production', may_introspect: [api] };
  const { client_id, client_secret } = await create(`/applications/${application_id}/clients`, client);
  const key = { kind: 'index', name: 'bench', permissions: [{ api, scope: 'orders:read' }] };
  const { api_key = '' } = await create('/api-keys', key);
  const limit = { name: 'bench', rate_limit: { requests: 1_000_000_000, per_seconds: 60 } };
  const { id: policy_id } = await create('/policies', limit);
  const { api_key: limited = '' } = await create('/api-keys', { ...key, policy_id });
  return { credentials: `${client_id}:${client_secret}`, api_key, limited, api_id: await idOfApi(origin, admin, api) };
}

async function creating(origin: string, admin: Record<string, string>) {
  const token = await adminToken(origin, admin);
  const create = async (path: string, body: object) => {
    const response = await fetch(`${origin}/admin/v1${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as Record<string, string>;
  };
  return create;
}

async function idOfApi(origin: string, admin: Record<string, string>, identifier: string): Promise<string> {
  const headers = { authorization: `Bearer ${await adminToken(origin, admin)}` };
  const response = await fetch(`${origin}/admin/v1/apis?limit=200`, { headers });
  const { data } = (await response.json()) as { data: { id: string; identifier: string }[] };
  return data.find((api) => api.identifier === identifier)?.id ?? '';
}

async function adminToken(origin: string, { client_id, client_secret, resource = '' }: Record<string, string>) {
  const grant = `grant_type=client_credentials&resource=${encodeURIComponent(resource)}`;
  return (await post(`${origin}/oauth2/token`, `${client_id}:${client_secret}`, grant)).access_token;
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
