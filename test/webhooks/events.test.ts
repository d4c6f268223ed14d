/** Events are exactly the actions of the audit trail: what can be asked for is told of, and what is told of can be asked for. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { AnyTable } from '../../src/domain/store.ts';
import { AUDIT_VERBS, asksFor, EventPattern, eventMistakes } from '../../src/domain/webhooks/events.ts';

const FILES = globSync('src/**/*.ts').filter(
  (path) => !/^src\/(main|owner-link|audit-verify|keys-export)\.ts$/.test(path),
);
const OBVIOUS = ['created', 'updated', 'deleted', 'enabled', 'disabled'];

test('what can be asked for is what tables and remarks tell of', async () => {
  const tables = await auditedTables();
  const told = new Map<string, Set<string>>(
    tables.map(({ audit }) => [
      audit?.noun ?? '',
      new Set(OBVIOUS.slice(0, Object.hasOwn(audit?.members ?? {}, 'enabled') ? 5 : 3)),
    ]),
  );
  for (const [noun, verb] of remarks()) told.set(noun, (told.get(noun) ?? new Set()).add(verb));
  assert.ok(told.size > 15);
  assert.deepEqual(Object.keys(AUDIT_VERBS).sort(), [...told.keys()].sort());
  for (const [noun, verbs] of told) {
    const others = (AUDIT_VERBS[noun] ?? []).filter((verb) => !verbs.has(verb));
    const missing = [...verbs].filter((verb) => !AUDIT_VERBS[noun]?.includes(verb));
    assert.deepEqual(missing, [], noun);
    // The verbs of changes that name their own are not said beside their table.
    for (const verb of others) assert.ok(namedVerbs().includes(verb), `${noun}.${verb} is never told of`);
  }
  const known = Object.values(AUDIT_VERBS).flat();
  for (const verb of namedVerbs()) assert.ok(known.includes(verb), `${verb} cannot be asked for`);
});

test('a pattern asks for one action, for those of a noun, or for all', () => {
  assert.ok(asksFor(['client.created'], 'client.created'));
  assert.ok(!asksFor(['client.created'], 'client.updated'));
  assert.ok(asksFor(['policy.created', 'client.*'], 'client.updated'));
  assert.ok(!asksFor(['client.*'], 'client_registration.created'));
  assert.ok(asksFor(['*'], 'anything.done'));
});

test('names of nothing are mistakes, told with what there is', () => {
  assert.deepEqual(eventMistakes(['*', 'client.*', 'client.created']), []);
  const [noun, verb, inherited] = eventMistakes(['clients.created', 'client.creatd', 'constructor.name']);
  assert.match(noun?.detail ?? '', /its nouns are access_profile, api, /);
  assert.match(verb?.detail ?? '', /of client there are created, /);
  assert.ok(inherited);
  for (const text of ['', 'client', 'client.', '.created', '*.created', 'client.**', 'Client.created', 'a.b.c']) {
    assert.ok(!EventPattern.safeParse(text).success, text);
  }
});

async function auditedTables(): Promise<AnyTable[]> {
  const modules = await Promise.all(FILES.map((path) => import(`../../${path}`)));
  const values = modules.flatMap((module) => Object.values(module));
  return values.filter((value): value is AnyTable => {
    return typeof value === 'object' && value !== null && 'audit' in value && 'name' in value;
  });
}

/** Actions that are told of by name, beside any record's change. */
function remarks(): [string, string][] {
  return FILES.filter((path) => !path.startsWith('src/admin-api/audit-entries')).flatMap((path) => {
    const text = readFileSync(path, 'utf8');
    const named = Array.from(text.matchAll(/(?:action: |TESTED = )'([a-z_]+)\.([a-z_]+)'/g));
    const made = Array.from(text.matchAll(/'([a-z_]+)\.(expiring)'/g));
    const isEvent = !path.endsWith('admin-api/webhook-deliveries.ts');
    return isEvent ? [...named, ...made].map(([, noun = '', verb = '']): [string, string] => [noun, verb]) : [];
  });
}

/** The verbs of changes that say more than that something was updated. */
function namedVerbs(): string[] {
  return FILES.flatMap((path) =>
    Array.from(readFileSync(path, 'utf8').matchAll(/verb: '([a-z_]+)'/g), ([, verb = '']) => verb),
  );
}
