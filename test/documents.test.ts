/** Holds what the documents say against what is there. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { operations } from '../src/admin-api/operations.ts';
import { PROBLEMS } from '../src/http/problem.ts';
import { SETTINGS } from '../src/settings.ts';
import { place, ROOT, serving } from './main/process.ts';
import { stores } from './support/stores.ts';

const run = promisify(execFile);
const DOCUMENTS = globSync(['*.md', 'docs/**/*.md', 'keys/*.md'], { cwd: ROOT });
const text = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const { scripts } = JSON.parse(text('package.json')) as { scripts: Record<string, string> };

test('the README’s two commands are what package.json runs and what the continuous integration runs', () => {
  const commands = Array.from(text('README.md').matchAll(/^(npm ci && npm \S+)/gm), ([, command]) => command);
  assert.deepEqual(commands, ['npm ci && npm start', 'npm ci && npm test']);
  assert.equal(scripts['start'], 'node src/main.ts');
  assert.match(scripts['test'] ?? '', /^node scripts\/test\.ts$/);
  const steps = text('.ci/run')
    .split('\n')
    .filter((line) => /^npm /.test(line));
  assert.deepEqual(steps, ['npm ci < /dev/null', 'npm run types', 'npm run lint', 'npm test']);
  assert.ok(statSync(join(ROOT, '.ci/run')).mode & 0o100, 'it can be run');
});

test('every command of npm that a document names exists', () => {
  for (const path of DOCUMENTS) {
    for (const [, name = ''] of text(path).matchAll(/npm run ([\w:]+)/g))
      assert.ok(scripts[name], `${path}: npm run ${name}`);
  }
});

test('every operation that docs/coming-from.md names exists', () => {
  const known = new Set(
    operations.map(({ method, path }) => `${method.toUpperCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`),
  );
  const named = Array.from(text('docs/coming-from.md').matchAll(/`([A-Z]+ \/[^`]+)` \|$/gm), ([, name = '']) => name);
  assert.ok(named.length > 30);
  for (const name of named) assert.ok(known.has(name), name);
});

test('every setting that a document names exists', () => {
  for (const path of [...DOCUMENTS, ...globSync('examples/*', { cwd: ROOT })]) {
    for (const [name] of text(path).matchAll(/(?<![A-Z_])LATCHKEY_[A-Z]+(?:_[A-Z]+)*(?![A-Z_*<])/g)) {
      assert.ok(name in SETTINGS, `${path}: ${name}`);
    }
  }
});

test('every link within the documents leads somewhere', () => {
  for (const path of DOCUMENTS) {
    for (const [, target = ''] of text(path).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const linked = file === '' ? path : join(dirname(path), file);
      assert.ok(existsSync(join(ROOT, linked)), `${path}: ${target}`);
      if (anchor === undefined) continue;
      const headings = Array.from(text(linked).matchAll(/^#+ (.*)$/gm), ([, heading = '']) => anchorOf(heading));
      assert.ok(headings.includes(anchor), `${path}: ${target}`);
    }
  }
});

test('every file that a document names in backticks is there', () => {
  for (const path of DOCUMENTS) {
    for (const [, named = ''] of text(path).matchAll(/`((?:src|test|scripts|deploy|examples|docs)\/[\w./-]+)`/g)) {
      assert.ok(existsSync(join(ROOT, named)), `${path}: ${named}`);
    }
  }
});

test('every kind of problem is documented, with its status', () => {
  const rows = Array.from(text('docs/errors.md').matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm), ([, kind, status]) => [
    kind,
    Number(status),
  ]);
  const problems = rows.filter(([kind]) => kind !== undefined && kind in PROBLEMS);
  assert.deepEqual(
    problems.sort(),
    Object.entries(PROBLEMS)
      .map(([kind, { status }]) => [kind, status])
      .sort(),
  );
});

test('every metric of ours is documented, and no other', () => {
  const made = text('src/observability/metrics.ts').match(/latchkey_\w+/g);
  const documented = Array.from(
    text('docs/operations.md').matchAll(/^\| (`latchkey.*?) \|/gm),
    ([, cell = '']) => cell.match(/latchkey_\w+/g) ?? [],
  );
  assert.deepEqual([...new Set(documented.flat())].sort(), [...new Set(made)].sort());
});

test('the licence is the one that package.json names, whole', () => {
  assert.match(text('LICENSE'), /Apache License\s+Version 2\.0, January 2004[\s\S]*END OF TERMS AND CONDITIONS/);
  assert.equal(JSON.parse(text('package.json')).license, 'Apache-2.0');
  assert.match(
    text('CHANGELOG.md'),
    new RegExp(`^## ${JSON.parse(text('package.json')).version.replaceAll('.', '\\.')} `, 'm'),
  );
});

/** What each example has to print. A new one needs a line here. */
const EXAMPLES: Record<string, RegExp> = {
  'api-key.ts': /allowed true, for shop-7\norders:write: insufficient_scope\n.*: disabled\n.*: invalid\n/,
  'token.sh': /^\{"access_token":"ey[^"]+","expires_in":3600,"scope":"orders:read","token_type":"Bearer"\}\n$/,
  'verify-token.ts': /may orders:read orders:write as orders-clerk\nanother API refuses it: .*"aud"/,
  'introspect-and-revoke.ts':
    /^before: active true, scope orders:read orders:write, roles orders-clerk\nafter: active false\n$/,
  'register-client.ts': /^registered cli_\w+ for https:.*\nits first token: scope forecast:read, for 3600 s\n$/,
};

test('every example runs against a fresh server, as its first lines say', async (t) => {
  const [store] = stores();
  assert.ok(store);
  const here = await place(t, store);
  await serving(t, here.env({ LATCHKEY_FIRST_START_FILE: here.firstStartFile }));
  const { issuer, demo } = await here.told();
  const env = {
    PATH: process.env['PATH'],
    ISSUER: issuer,
    CLIENT_ID: demo.client_id,
    CLIENT_SECRET: demo.client_secret,
  };
  const present = readdirSync(join(ROOT, 'examples')).filter((name) => name !== 'first-start.ts');
  assert.deepEqual(present.sort(), Object.keys(EXAMPLES).sort());
  for (const [name, expected] of Object.entries(EXAMPLES)) {
    const path = join(ROOT, 'examples', name);
    const { stdout } = name.endsWith('.ts')
      ? await run(process.execPath, [path, here.firstStartFile], { env })
      : await run('bash', [path, 'orders:read', demo.api], { env });
    assert.match(stdout, expected, name);
    assert.ok(!stdout.includes(demo.client_secret), name);
  }
});

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}
