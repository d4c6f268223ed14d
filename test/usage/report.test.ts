/** What the admin API tells of usage: to whom, of which hours, by what, and what it refuses. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { type Usage, usage } from '../../src/domain/usage/usage.ts';
import { admin } from '../admin-api/admin.ts';
import { byKey, makeMember, signedIn } from '../support/people.ts';
import { expectStatus } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { counts } from './counted.ts';

const DAY = 'from=2026-11-20T00:00:00Z&to=2026-11-22T00:00:00Z';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('counts are added up by each thing that is named, by time and then the largest first', async (t) => {
      const a = await admin(t, store);
      await a.storage.accumulate(usage, 'count', [
        counted('2026-11-20T23:00:00.000Z', 5, { outcome: 'invalid_client' }),
        counted('2026-11-21T00:00:00.000Z', 1, { client_id: 'cli_1', application_id: 'app_1', belongs_to: 'app_1' }),
        counted('2026-11-21T00:00:00.000Z', 2, { client_id: 'cli_2', application_id: 'app_1', belongs_to: 'app_1' }),
        counted('2026-11-21T09:00:00.000Z', 4, { kind: 'verdict', api_key_id: 'key_1', api: 'https://b' }),
      ]);
      const data = async (by: string) => (await a.must(200, 'GET', `/usage?${DAY}&by=${by}`)).data;
      assert.deepEqual((await a.must(200, 'GET', `/usage?${DAY}`)).data, [{ count: 12 }]);
      assert.deepEqual(await data('application'), [
        { application_id: null, count: 9 },
        { application_id: 'app_1', count: 3 },
      ]);
      assert.deepEqual(await data('client'), [
        { client_id: null, count: 9 },
        { client_id: 'cli_2', count: 2 },
        { client_id: 'cli_1', count: 1 },
      ]);
      assert.deepEqual(await data('api_key'), [
        { api_key_id: null, count: 8 },
        { api_key_id: 'key_1', count: 4 },
      ]);
      assert.deepEqual(await data('key'), await data('api_key'));
      assert.deepEqual(await data('outcome,%20key'), await data('outcome,api_key'));
      assert.deepEqual(await data('api,kind'), [
        { api: 'https://a', kind: 'token', count: 8 },
        { api: 'https://b', kind: 'verdict', count: 4 },
      ]);
      assert.deepEqual(await data('outcome'), [
        { outcome: 'issued', count: 7 },
        { outcome: 'invalid_client', count: 5 },
      ]);
      assert.deepEqual(await data('hour'), [
        { hour: '2026-11-20T23:00:00.000Z', count: 5 },
        { hour: '2026-11-21T00:00:00.000Z', count: 3 },
        { hour: '2026-11-21T09:00:00.000Z', count: 4 },
      ]);
      assert.deepEqual(await data('day,outcome'), [
        { day: '2026-11-20', outcome: 'invalid_client', count: 5 },
        { day: '2026-11-21', outcome: 'issued', count: 7 },
      ]);
      for (const [filter, count] of [
        ['application_id=app_1', 3],
        ['client_id=cli_2', 2],
        ['client_id=cli_2&application_id=app_1', 2],
        ['api_key_id=key_1', 4],
        ['api=https://a', 8],
        ['kind=verdict', 4],
        ['outcome=issued', 7],
        ['outcome=issued&kind=token', 3],
      ] as const) {
        assert.deepEqual((await a.must(200, 'GET', `/usage?${DAY}&${filter}`)).data, [{ count }], filter);
      }
      for (const filter of ['client_id=cli_2&application_id=app_2', 'application_id=app_none', 'outcome=none']) {
        assert.deepEqual((await a.must(200, 'GET', `/usage?${DAY}&${filter}`)).data, [], filter);
      }
    });

    test('times are widened to whole hours, and the last day is what is told of otherwise', async (t) => {
      const a = await admin(t, store);
      const hours = ['07', '08', '09', '10'].map((hour) => `2026-11-21T${hour}:00:00.000Z`);
      await a.storage.accumulate(
        usage,
        'count',
        hours.map((hour) => counted(hour, 1)),
      );
      const told = async (from: string, to: string) => {
        const answer = await a.must(200, 'GET', `/usage?by=hour&from=${from}&to=${to}`);
        return [answer.data.map(({ hour }: Usage & { hour: string }) => hour), answer.from, answer.to];
      };
      const [, eight, nine, ten] = hours;
      assert.deepEqual(await told('2026-11-21T08:59:59.999Z', '2026-11-21T09:00:00.001Z'), [[eight, nine], eight, ten]);
      assert.deepEqual(await told('2026-11-21T08:00:00Z', '2026-11-21T09:00:00Z'), [[eight], eight, nine]);
      assert.deepEqual(await told('2026-11-21T10:30:00%2B02:00', '2026-11-21T11:00:00%2B02:00'), [
        [eight],
        eight,
        nine,
      ]);
      const { from, to, data } = await a.must(200, 'GET', '/usage');
      assert.equal(Date.parse(to) - Date.parse(from), 24 * 3_600_000);
      assert.ok(Date.parse(to) > Date.now() && Date.parse(to) <= Date.now() + 3_600_000);
      assert.ok(Array.isArray(data));
      assert.deepEqual(await told('9999-12-31T20:00:00Z', '9999-12-31T23:59:59Z'), [
        [],
        '9999-12-31T20:00:00.000Z',
        '9999-12-31T23:00:00.000Z',
      ]);
    });

    test('every parameter that is wrong is named at once, and so are times that do not go together', async (t) => {
      const a = await admin(t, store);
      const named = async (query: string) => {
        const { status, body, text } = await a.call('GET', `/usage?${query}`);
        assert.equal(status, 400, text);
        return body.errors.map(
          ({ parameter, detail }: { parameter: string; detail: string }) => `${parameter}: ${detail}`,
        );
      };
      const wrong = await named(
        `by=client,planet,hour,moon,hour&from=yesterday&to=2026-13-01T00:00:00Z&kind=x&api=&bogus=1`,
      );
      const all = 'application, client, api_key, api, kind, outcome, hour, day';
      assert.deepEqual(
        wrong.filter((text: string) => text.startsWith('by')),
        [`by: cannot be "planet": only ${all}`, 'by: names hour more than once', `by: cannot be "moon": only ${all}`],
      );
      const places = new Set(wrong.map((text: string) => text.split(':')[0]));
      assert.deepEqual([...places].sort(), ['api', 'bogus', 'by', 'from', 'kind', 'to']);
      assert.deepEqual(await named('by=key,api_key'), ['by: names api_key more than once']);
      assert.deepEqual(await named('by='), [`by: cannot be "": only ${all}`]);
      for (const [query, parameter] of [
        ['from=2026-11-21T08:00:00Z&to=2026-11-21T08:00:00Z', 'from'],
        ['from=2026-11-22T08:00:00Z&to=2026-11-21T08:00:00Z', 'from'],
        ['from=2026-01-01T00:00:00Z&to=2026-04-03T00:00:01Z', 'from'],
        ['from=2020-01-01T00:00:00Z', 'from'],
        ['from=2999-01-01T00:00:00Z', 'from'],
      ]) {
        const [mistake, ...others] = await named(`${query}`);
        assert.ok(mistake.startsWith(`${parameter}:`) && others.length === 0, `${query}: ${mistake}`);
        assert.equal((await named(`${query}&bogus=1`)).length, 2);
      }
      await a.must(200, 'GET', '/usage?from=2026-01-01T00:00:00Z&to=2026-04-03T00:00:00Z');
    });

    test('an answer of too many counts is refused by the parameter that would make it less', async (t) => {
      const a = await admin(t, store);
      const many = Array.from({ length: 10_001 }, (_, n) =>
        counted('2026-11-21T08:00:00.000Z', 1, { client_id: `cli_${n}`, belongs_to: 'app_1', application_id: 'app_1' }),
      );
      await a.storage.accumulate(usage, 'count', many);
      const { status, body } = await a.call('GET', `/usage?${DAY}&by=client`);
      assert.deepEqual([status, body.errors[0].parameter], [400, 'by']);
      assert.deepEqual((await a.must(200, 'GET', `/usage?${DAY}&by=application`)).data, [
        { application_id: 'app_1', count: 10_001 },
      ]);
    });

    test('developers see what belongs to their applications and their own keys; owners and machines all of it', async (t) => {
      const server = await running(t, store);
      const [mine, other] = [await makeMember(server), await makeMember(server)];
      const application = async (member: typeof mine) =>
        expectStatus(await (await signedIn(server, member))('POST', '/applications', { name: 'Shop' }), 201)
          .id as string;
      const [own, foreign] = [await application(mine), await application(other)];
      const at = '2026-11-21T08:00:00.000Z';
      const of = (id: string, client_id: string) => ({ application_id: id, belongs_to: id, client_id });
      await server.storage.accumulate(usage, 'count', [
        counted(at, 1, of(own, 'cli_own')),
        counted(at, 2, { api_key_id: 'key_own', belongs_to: mine.id }),
        counted(at, 4, { api_key_id: 'key_applications', belongs_to: own, application_id: own }),
        counted(at, 8, of(foreign, 'cli_foreign')),
        counted(at, 16, { api_key_id: 'key_foreign', belongs_to: other.id }),
        counted(at, 32, { api_key_id: 'key_machines' }),
        counted(at, 64),
      ]);
      for (const call of [await signedIn(server, mine), await byKey(server, mine)]) {
        assert.deepEqual(await counts(call, `${DAY}&by=client,api_key`), {
          'cli_own -': 1,
          '- key_own': 2,
          '- key_applications': 4,
        });
        assert.deepEqual(await counts(call, DAY), { '': 7 });
        assert.deepEqual(await counts(call, `${DAY}&application_id=${own}`), { '': 5 });
        assert.deepEqual(await counts(call, `${DAY}&client_id=cli_own`), { '': 1 });
        for (const filter of [`application_id=${foreign}`, 'client_id=cli_foreign', 'api_key_id=key_foreign']) {
          assert.deepEqual(await counts(call, `${DAY}&${filter}`), {}, filter);
        }
      }
      const owner = await makeMember(server, { position: 'platform_owner' });
      for (const call of [await signedIn(server, owner), await byKey(server, owner), server.call]) {
        assert.deepEqual(await counts(call, DAY), { '': 127 });
      }
      // Whoever has the application now sees what it did before.
      expectStatus(await server.call('PATCH', `/applications/${own}`, { owner: other.id }), 200);
      assert.deepEqual(await counts(await signedIn(server, other), DAY), { '': 1 + 4 + 8 + 16 });
      assert.deepEqual(await counts(await signedIn(server, mine), DAY), { '': 2 });
      expectStatus(await server.call('DELETE', `/applications/${own}`), 204);
      assert.deepEqual(await counts(await signedIn(server, other), DAY), { '': 8 + 16 });
      assert.deepEqual(await counts(server.call, `${DAY}&application_id=${own}`), { '': 5 });
    });

    test('more than a page of records is added up, and reading it goes on between others’ requests', async (t) => {
      const a = await admin(t, store);
      const hours = Array.from({ length: 48 }, (_, n) => new Date(Date.UTC(2026, 10, 20, n)).toISOString());
      const records = hours.flatMap((hour) =>
        Array.from({ length: 60 }, (_, n) => counted(hour, 1, { client_id: `cli_${n}` })),
      );
      await a.storage.accumulate(usage, 'count', records);
      assert.deepEqual((await a.must(200, 'GET', `/usage?${DAY}`)).data, [{ count: 48 * 60 }]);
      const { data } = await a.must(200, 'GET', `/usage?${DAY}&by=hour`);
      assert.deepEqual(
        data,
        hours.map((hour) => ({ hour, count: 60 })),
      );
    });
  });
}

/** A record as counting makes it, of nobody unless something else is given. */
function counted(hour: string, count: number, more: Partial<Usage> = {}): Usage {
  const members = {
    created_at: hour,
    kind: 'token' as const,
    outcome: 'issued',
    application_id: null,
    client_id: null,
    api_key_id: null,
    api: 'https://a',
    belongs_to: null,
    ...more,
  };
  const id = createHash('sha256').update(JSON.stringify(members)).digest('hex');
  return { id, version: 1, updated_at: hour, ...members, count, expires_at: '2999-01-01T00:00:00.000Z' };
}
