/** Holds the shape of the source: who may import whom, where libraries are at home, and what no folder is called. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

/** Who may import whom under src/. A folder may always import itself. */
const ARROWS: Record<string, readonly string[]> = {
  domain: [],
  storage: ['domain'],
  http: ['domain'],
  'authorization-server': ['domain', 'http'],
  'admin-api': ['domain', 'http'],
  console: ['http'],
  gateways: ['domain', 'http'],
  observability: [],
};

/** Files beside the folders: the two ends of everything. */
const TOP: Record<string, readonly string[]> = {
  'nearest-name.ts': [],
  'settings.ts': [],
  'config.ts': ['nearest-name.ts', 'settings.ts'],
  'key-encryption-key.ts': [],
  'first-start-text.ts': ['domain'],
  'first-start.ts': ['admin-api', 'config.ts', 'domain'],
  'housekeeping.ts': ['domain'],
  'listen.ts': ['http', 'observability'],
  'workers.ts': ['observability'],
  'upgrade.ts': ['admin-api', 'config.ts', 'domain', 'http', 'observability'],
  'link-redemption.ts': ['console', 'domain', 'http'],
  'credential-parts.ts': ['admin-api', 'authorization-server', 'config.ts', 'domain', 'http', 'observability'],
  'surfaces.ts': [...Object.keys(ARROWS), 'config.ts', 'link-redemption.ts'].filter((part) => part !== 'storage'),
  'server.ts': [
    ...Object.keys(ARROWS),
    'audit-sealing.ts',
    'config.ts',
    'credential-parts.ts',
    'delivering.ts',
    'kong-sync.ts',
    'housekeeping.ts',
    'surfaces.ts',
    'upgrade.ts',
  ].filter((part) => part !== 'storage'),
  'delivering.ts': ['domain', 'http'],
  'kong-sync.ts': ['domain', 'gateways', 'http'],
  'owner-link.ts': ['config.ts', 'domain', 'storage'],
  'audit-sealing.ts': ['domain'],
  'key-files.ts': ['domain'],
  'published-keys.ts': ['config.ts', 'domain', 'http', 'key-files.ts', 'storage'],
  'keys-export.ts': ['config.ts', 'domain', 'key-files.ts', 'published-keys.ts'],
  'audit-verify.ts': ['config.ts', 'domain', 'key-encryption-key.ts', 'storage'],
  'main.ts': [
    'config.ts',
    'domain',
    'first-start.ts',
    'first-start-text.ts',
    'key-encryption-key.ts',
    'listen.ts',
    'observability',
    'server.ts',
    'storage',
    'workers.ts',
  ],
};

/** Where a library may be imported; the others may be imported anywhere. */
const HOMES: Record<string, readonly RegExp[]> = {
  mongodb: [/^storage\/mongodb\//],
  'node:sqlite': [/^storage\/embedded\//],
  'oidc-provider': [/^authorization-server\//],
  jose: [/^authorization-server\//],
  'rate-limiter-flexible': [/^domain\/members\/guessing\.ts$/],
  bcrypt: [/^domain\/clients\/hashing\.ts$/],
  'light-my-request': [/^http\/in-process\.ts$/],
  koa: [/^(http|admin-api|authorization-server|gateways|observability|console)\//, /^(server|surfaces)\.ts$/],
  '@koa/router': [/^(http|admin-api)\//],
  pino: [/^observability\//],
  'prom-client': [/^observability\//],
  standardwebhooks: [/^domain\/webhooks\/message\.ts$/],
  undici: [/^http\/outgoing/],
  yaml: [/^admin-api\/gateway-kong\.ts$/],
};

const IMPORT = /(?:^|\n)\s*(?:import|export)[^'"]*?from '([^']+)'|import\('([^']+)'\)/g;
const files = globSync('src/**/*.ts').map((path) => path.slice('src/'.length));

function importsOf(file: string): string[] {
  const text = readFileSync(join('src', file), 'utf8');
  return [...text.matchAll(IMPORT)].map(([, from, dynamic]) => from ?? dynamic ?? '');
}

function partOf(file: string): string {
  return file.split('/')[0] ?? file;
}

test('imports follow the arrows', () => {
  for (const file of files) {
    const from = partOf(file);
    const allowed = ARROWS[from] ?? TOP[from];
    assert.ok(allowed, `${file}: say in this test what it may import`);
    for (const specifier of importsOf(file).filter((one) => one.startsWith('.'))) {
      const to = partOf(normalize(join(dirname(file), specifier)));
      assert.ok(to === from || allowed.includes(to), `${file} imports ${specifier}: ${from} must not know ${to}`);
    }
  }
});

test('each library stays at home', () => {
  for (const file of files) {
    for (const specifier of importsOf(file)) {
      const homes = HOMES[specifier];
      assert.ok(!homes || homes.some((home) => home.test(file)), `${file} imports ${specifier}`);
    }
  }
});

test('only the ends of the program touch the environment and the terminal', () => {
  for (const file of files.filter(
    (one) => !['main.ts', 'owner-link.ts', 'audit-verify.ts', 'keys-export.ts'].includes(one),
  )) {
    const text = readFileSync(join('src', file), 'utf8');
    assert.doesNotMatch(text, /process\.env|console\.(log|error|warn|info)|process\.stdout/, file);
  }
});

test('no grab-bags, no barrels, no default exports', () => {
  for (const file of files) {
    assert.doesNotMatch(
      file,
      /(^|\/)(utils?|helpers?|common|shared|services?|managers?|types|base|index)(\/|\.|$)/,
      file,
    );
    assert.doesNotMatch(readFileSync(join('src', file), 'utf8'), /^export default/m, file);
  }
});

test('every file says first what it is for', () => {
  for (const file of files) assert.match(readFileSync(join('src', file), 'utf8'), /^\/\*\*/, file);
});
