/** Which entries of the audit trail end tokens: those after which a token from before counts no more, and no others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditEntry } from '../../../src/domain/audit/audit-entries.ts';
import { endingOf } from '../../../src/domain/gateways/endings.ts';
import { clientJwtRevocationId } from '../../../src/domain/tokens/revocations.ts';
import { AUDIT_VERBS } from '../../../src/domain/webhooks/events.ts';

const NOW = Date.parse('2026-11-21T08:00:00.000Z');
const DAY_MS = 24 * 3600 * 1000;
const daysAgo = (days: number) => new Date(NOW - days * DAY_MS).toISOString();

type Members = Record<string, unknown>;

function entry(action: string, before: Members = {}, after: Members = {}, id = 'the_id'): AuditEntry {
  const [type = ''] = action.split('.');
  const facts = { at: daysAgo(0), action, target: { type, id }, changes: { before, after, hidden: [] } };
  return facts as unknown as AuditEntry;
}

test('of all that the audit trail can tell, these alone end tokens that a gateway would take', () => {
  const actions = Object.entries(AUDIT_VERBS).flatMap(([noun, verbs]) => verbs.map((verb) => `${noun}.${verb}`));
  assert.deepEqual(
    actions.filter((action) => endingOf(entry(action, { enabled: true }, { expires_at: daysAgo(-1) }))).sort(),
    [
      'application.disabled',
      'client.deleted',
      'client.disabled',
      'client.tokens_revoked',
      'revocation.created',
      'secret.deleted',
      'secret.disabled',
    ],
  );
});

test('a revoked token ends when it would have; a JWT that a client signed is none that gateways take', () => {
  const remembered = { client_id: 'cli_one', audience: 'https://api.example', expires_at: '2026-11-21T09:05:30.000Z' };
  assert.deepEqual(endingOf(entry('revocation.created', {}, remembered, 'a.jti')), {
    of: 'token',
    jti: 'a.jti',
    client_id: 'cli_one',
    audience: 'https://api.example',
    ends_at: '2026-11-21T09:00:00.000Z',
  });
  assert.equal(
    endingOf(entry('revocation.created', {}, remembered, clientJwtRevocationId('cli_one', 'jti'))),
    undefined,
  );
});

test('a deleted secret ends tokens, unless they were ended before or have ended by themselves', () => {
  const deleted = (members: Members) => endingOf(entry('secret.deleted', { client_id: 'cli_one', ...members }));
  const ending = { of: 'secret', secret_id: 'the_id', client_id: 'cli_one' };
  assert.deepEqual(deleted({ enabled: true, expires_at: null }), ending);
  assert.deepEqual(deleted({ enabled: true, expires_at: daysAgo(1) }), ending);
  assert.equal(deleted({ enabled: true, expires_at: daysAgo(30) }), undefined);
  assert.equal(deleted({ enabled: false, expires_at: null }), undefined);
});

test('of changes of a client those end tokens after which it proves itself otherwise', () => {
  const changed = (before: Members, after: Members) => endingOf(entry('client.updated', before, after)) !== undefined;
  const method = (token_endpoint_auth_method: string) => ({ token_endpoint_auth_method });
  const keys = (...xs: string[]) => ({ jwks: { keys: xs.map((x) => ({ kty: 'OKP', crv: 'Ed25519', x })) } });
  assert.ok(!changed(method('client_secret_basic'), method('client_secret_post')));
  assert.ok(changed(method('client_secret_basic'), method('private_key_jwt')));
  assert.ok(changed(method('private_key_jwt'), method('client_secret_post')));
  assert.ok(changed({ jwks_uri: 'https://a.example' }, { jwks_uri: 'https://b.example' }));
  assert.ok(!changed(keys('a'), keys('a', 'b')));
  assert.ok(changed(keys('a', 'b'), keys('b')));
  assert.ok(changed(keys('a'), { jwks: null }));
  assert.ok(!changed({ token_lifetime_seconds: 60, permissions: [] }, { token_lifetime_seconds: 30, permissions: [] }));
});
