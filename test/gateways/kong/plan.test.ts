/** What is to be done to a Kong, and when, decided without one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Api } from '../../../src/domain/apis/apis.ts';
import { type KongEntity, kongId, tagsOf } from '../../../src/domain/gateways/kong/kong-entities.ts';
import { groupsOf } from '../../../src/domain/gateways/kong/kong-groups.ts';
import { KongLine } from '../../../src/domain/gateways/kong/kong-line.ts';
import { planKong } from '../../../src/domain/gateways/kong/kong-plan.ts';
import type { Synced } from '../../../src/domain/gateways/kong/kong-syncer.ts';

const GATEWAY = 'gw_1';

function entity(kind: KongEntity['kind'], name: string, more: Partial<KongEntity> = {}): KongEntity {
  const consumer = kind === 'consumers' ? null : kongId(GATEWAY, 'consumers', 'one');
  return { kind, id: kongId(GATEWAY, kind, name), consumer, name, members: { name }, tags: tagsOf(GATEWAY), ...more };
}

function api(id: string, ...names: string[]): Api {
  return { id, identifier: `https://${id}.example`, scopes: names.map((name) => ({ name })) } as unknown as Api;
}

function rights(of: Record<string, string[]>): Map<string, Set<string>> {
  return new Map(Object.entries(of).map(([id, names]) => [id, new Set(names)]));
}

describe('what is to be done to a Kong', () => {
  test('ids are UUIDs that stay the same, and differ by gateway, kind and name', () => {
    assert.equal(kongId(GATEWAY, 'consumers', 'one'), kongId(GATEWAY, 'consumers', 'one'));
    assert.match(
      kongId(GATEWAY, 'consumers', 'one'),
      /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    const others = [
      kongId('gw_2', 'consumers', 'one'),
      kongId(GATEWAY, 'acls', 'one'),
      kongId(GATEWAY, 'consumers', 'two'),
    ];
    assert.equal(new Set([kongId(GATEWAY, 'consumers', 'one'), ...others]).size, 4);
    assert.notEqual(kongId(GATEWAY, 'acls', 'a', 'bc'), kongId(GATEWAY, 'acls', 'ab', 'c'));
  });

  test('nothing where it has what it should; what goes goes first, and takes along what belongs to it', () => {
    const [consumer, jwt, acl] = [entity('consumers', 'one'), entity('jwts', 'j'), entity('acls', 'a')];
    assert.deepEqual(planKong([consumer, jwt, acl], [acl, consumer, jwt]), []);
    const gone = planKong([], [acl, consumer, jwt]);
    assert.deepEqual(gone, [{ action: 'delete', entity: consumer }]);
    const two = entity('consumers', 'two');
    const its = entity('acls', 'its', { consumer: two.id });
    assert.deepEqual(
      planKong([its, two], [consumer, jwt]).map(({ action, entity: { name } }) => `${action} ${name}`),
      ['delete one', 'create two', 'create its'],
    );
  });

  test('what was changed is written anew; what hangs on another consumer, and a key that is not ours, is removed first', () => {
    const jwt = entity('jwts', 'j');
    const consumer = entity('consumers', 'one');
    const changed = { ...jwt, members: { name: 'x' } };
    assert.deepEqual(planKong([consumer, jwt], [consumer, changed]), [{ action: 'change', entity: jwt }]);
    const untagged = { ...jwt, tags: [...jwt.tags, 'more'] };
    assert.deepEqual(planKong([consumer, jwt], [consumer, untagged]), [{ action: 'change', entity: jwt }]);
    const moved = { ...jwt, consumer: kongId(GATEWAY, 'consumers', 'two') };
    assert.deepEqual(planKong([consumer, jwt], [consumer, moved]), [
      { action: 'delete', entity: moved },
      { action: 'create', entity: jwt },
    ]);
    const key = entity('key-auths', 'k', { members: { hash: 'ours' } });
    const theirs = { ...key, members: { hash: 'theirs' } };
    assert.deepEqual(planKong([consumer, key], [consumer, theirs]), [
      { action: 'delete', entity: theirs },
      { action: 'create', entity: key },
    ]);
  });

  test('a credential that is not needed now is kept, and not made', () => {
    const consumer = entity('consumers', 'one');
    const jwt = entity('jwts', 'j', { isOptional: true });
    assert.deepEqual(planKong([consumer, jwt], [consumer]), []);
    assert.deepEqual(planKong([consumer, jwt], [consumer, jwt]), []);
    assert.deepEqual(planKong([consumer], [consumer, jwt]), [{ action: 'delete', entity: jwt }]);
  });
});

describe('the groups of a consumer', () => {
  test('a scope of one API opens nothing at another that has a scope of this name', () => {
    const [orders, stock] = [api('orders', 'read', 'place'), api('stock', 'read')];
    const held = { rights: rights({ orders: ['read', 'place'] }), roles: ['clerk'] };
    const alone = groupsOf(held, [orders], [orders]);
    assert.deepEqual(alone, ['scope:read', 'scope:place', 'role:clerk']);
    const beside = groupsOf(held, [orders], [orders, stock]);
    assert.deepEqual(beside, [
      'scope:read@https://orders.example',
      'scope:place',
      'scope:place@https://orders.example',
      'role:clerk',
    ]);
    const both = { rights: rights({ orders: ['read'], stock: ['read'] }), roles: [] };
    assert.ok(groupsOf(both, [orders, stock], [orders, stock]).includes('scope:read'));
    assert.ok(!groupsOf(both, [orders], [orders, stock]).includes('scope:read'), 'where it may not use the other');
  });
});

describe('when a Kong is looked at', () => {
  const ended = (outcome: Synced['sync']['outcome'], present: KongEntity[] | undefined, isLasting = false): Synced => ({
    sync: { outcome, wanted: { consumers: 0, jwts: 0, acls: 0, key_auths: 0 } } as Synced['sync'],
    present,
    isLasting,
  });

  test('at once, then after each change by what is known, and now and then by what it says', () => {
    const line = new KongLine(10_000);
    assert.ok(line.isDue(0));
    const first = line.begin(0);
    assert.equal(first.known, undefined);
    first.end(ended('in_line', []), 0);
    assert.ok(!line.isDue(9_999));
    line.changed(100);
    assert.ok(line.isDue(100));
    const second = line.begin(100);
    assert.deepEqual(second.known, { present: [], holders: undefined, hasKeysChanged: false });
    line.changed(110, ['cli_1']);
    line.changed(115, ['cli_2']);
    second.end(ended('in_line', []), 120);
    assert.ok(line.isDue(140), 'what changed meanwhile is not forgotten');
    const third = line.begin(140);
    assert.deepEqual(third.known?.holders, ['cli_1', 'cli_2'], 'and nobody else is looked at');
    third.end(ended('in_line', []), 140);
    assert.ok(!line.isDue(9_999) && line.isDue(10_000));
    assert.equal(line.begin(10_000).known, undefined);
  });

  test('later and later while it is away, up to a minute, and not because of changes; other settings end the pause', () => {
    const line = new KongLine(10_000);
    let now = 0;
    const pauses: number[] = [];
    for (let n = 0; n < 9; n++) {
      line.begin(now).end(ended('failed', undefined), now);
      line.changed(now);
      let pause = 0;
      while (!line.isDue(now + pause)) pause += 1_000;
      pauses.push(pause / 1_000);
      now += pause;
    }
    assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    line.begin(now).end(ended('failed', undefined, true), now);
    assert.ok(!line.isDue(now + 59_000));
    line.forget(now);
    assert.ok(line.isDue(now));
    assert.equal(line.begin(now).known, undefined);
  });

  test('after a change of API keys it is asked at once and again, for others bring them', () => {
    const line = new KongLine(1_000_000);
    line.begin(0).end(ended('in_line', []), 0);
    line.keysChanged(100, ['key_1']);
    const first = line.begin(100);
    assert.deepEqual(first.known, { present: [], holders: ['key_1'], hasKeysChanged: true });
    first.end(ended('in_line', []), 100);
    assert.ok(!line.isDue(5_000) && line.isDue(5_100));
    const second = line.begin(5_100);
    assert.deepEqual(second.known, { present: [], holders: ['key_1'], hasKeysChanged: true });
    second.end(ended('in_line', []), 5_100);
    assert.ok(!line.isDue(900_000), 'once');
  });
});
