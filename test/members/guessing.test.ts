/** Guessing passwords: who is slowed down by it, and who is not. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DomainError } from '../../src/domain/errors.ts';
import { Guessing } from '../../src/domain/members/guessing.ts';
import { registerApplication } from '../support/registered.ts';
import { running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { BEHIND_PROXY, Browser, invited, PASSWORD } from './browser.ts';

const GUESSER = '203.0.113.7';
const HOME = '198.51.100.4';

for (const store of stores()) {
  describe(`guessing (${store.name})`, { skip: store.skip }, () => {
    test('five wrong passwords shut a source out of an account, and nobody else', async (t) => {
      const server = await running(t, store, BEHIND_PROXY);
      const member = await invited(server, {}, HOME);
      const other = await invited(server, {}, HOME);
      const guesser = new Browser(server, GUESSER);
      for (let count = 0; count < 5; count++) {
        assert.equal((await guesser.signIn(member.email, `guess ${count}`)).status, 401);
      }
      const right = await guesser.signIn(member.email, PASSWORD);
      assert.equal(right.status, 429, right.text);
      assert.match(right.body.type, /too_many_requests$/);
      const wait = Number(right.headers.get('retry-after'));
      assert.ok(Number.isInteger(wait) && wait > 0 && wait <= 300, String(wait));
      assert.equal((await guesser.signIn(member.email.toUpperCase(), PASSWORD)).status, 429);

      assert.equal((await new Browser(server, HOME).signIn(member.email)).status, 201);
      assert.equal((await guesser.signIn(other.email)).status, 201);
    });

    test('a device that is known signs in from the very address of the guesser', async (t) => {
      const server = await running(t, store, BEHIND_PROXY);
      const { email, browser } = await invited(server, {}, HOME);
      const guesser = new Browser(server, HOME);
      for (let count = 0; count < 6; count++) await guesser.signIn(email, `guess ${count}`);
      assert.equal((await guesser.signIn(email)).status, 429);
      browser.cookies.delete('latchkey_session');
      const back = await browser.signIn(email);
      assert.equal(back.status, 201, back.text);
      assert.equal(back.headers.getSetCookie().length, 1, 'the device stays the one it is');

      // It is no way around the limits: counted for itself, and good for its own member only.
      const another = await invited(server, {}, '198.51.100.5');
      for (let count = 0; count < 5; count++) {
        assert.equal((await another.browser.signIn(email, `guess ${count}`)).status, 401);
        assert.equal((await browser.signIn(email, `guess ${count}`)).status, 401);
      }
      assert.equal((await another.browser.signIn(email)).status, 429);
      assert.equal((await browser.signIn(email)).status, 429);
    });

    test('a device that is known guesses others’ passwords as any source does', async (t) => {
      const server = await running(t, store, BEHIND_PROXY);
      const member = await invited(server, {}, GUESSER);
      const victim = await invited(server, {}, HOME);
      for (let count = 0; count < 5; count++) {
        assert.equal((await member.browser.signIn(victim.email, `guess ${count}`)).status, 401);
      }
      const another = new Browser(server, GUESSER);
      assert.equal((await another.signIn(victim.email)).status, 429, 'its guesses count for its source');
      assert.equal((await member.browser.signIn(member.email)).status, 201, 'and not for the device');
    });

    test('a flood from everywhere is refused, and known devices, open sessions and new clients do not feel it', async (t) => {
      const server = await running(t, store, BEHIND_PROXY);
      const { email, browser } = await invited(server, {}, HOME);
      const { id } = await registerApplication(server);
      let isOver = false;
      let sources = 0;
      const seen = new Set<number>();
      const flood = async () => {
        while (!isOver) {
          const source = new Browser(server, `2001:db8:${(sources++).toString(16)}::1`);
          seen.add((await source.signIn(`nobody${sources}@example.com`, 'a guess')).status);
        }
      };
      // More at once than all that may wait, of every kind.
      const floods = Promise.all(Array.from({ length: 100 }, flood));
      try {
        while (!seen.has(503)) await new Promise((resolve) => setTimeout(resolve, 20));
        for (let count = 0; count < 3; count++) {
          const back = await browser.signIn(email);
          assert.equal(back.status, 201, back.text);
          const environment = 'sandbox';
          const made = await server.call('POST', `/applications/${id}/clients`, { environment });
          assert.equal(made.status, 201, made.text);
        }
        browser.cookies.delete('latchkey_device');
        const current_password = PASSWORD;
        const change = { current_password, password: 'a new and better password' };
        assert.equal((await browser.call('PUT', '/session/password', change)).status, 200);
      } finally {
        isOver = true;
        await floods;
      }
      assert.deepEqual([...seen].sort(), [401, 503]);
    });

    test('an account that is not there is guarded just the same', async (t) => {
      const server = await running(t, store, BEHIND_PROXY);
      const guesser = new Browser(server, GUESSER);
      const statuses: number[] = [];
      for (let count = 0; count < 6; count++) statuses.push((await guesser.signIn('nobody@example.com', 'x')).status);
      assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429]);
    });

    test('the current password cannot be guessed by who found a session open', async (t) => {
      const server = await running(t, store);
      const { browser } = await invited(server);
      const change = (current_password: string) =>
        browser.call('PUT', '/session/password', { current_password, password: 'a password of the thief' });
      for (let count = 0; count < 5; count++) assert.equal((await change(`guess ${count}`)).status, 422);
      assert.equal((await change(PASSWORD)).status, 429);
    });

    test('trying links ends after fifty, by either door', async (t) => {
      const server = await running(t, store, BEHIND_PROXY);
      const guesser = new Browser(server, GUESSER);
      for (let count = 0; count < 50; count++) {
        assert.equal((await guesser.redeem(`#token=guess${count}`)).status, 403);
      }
      assert.equal((await guesser.redeem('#token=guess')).status, 429);
      const page = await send(`${server.issuer}/console/sign-in`, {
        method: 'POST',
        headers: { 'x-forwarded-for': GUESSER },
        body: new URLSearchParams({ token: 'guess', password: PASSWORD }),
      });
      assert.deepEqual([page.status, Number(page.headers.get('retry-after')) > 0], [429, true]);
      assert.equal((await new Browser(server, HOME).redeem(server.told.owner.sign_in_url)).status, 201);
    });
  });
}

describe('the limits on guessing', () => {
  const wrong = async () => undefined;
  const right = async () => true;

  test('of many at once no more are tried than one after another', async () => {
    const guessing = new Guessing();
    let tried = 0;
    const guess = { account: 'a', address: GUESSER };
    const slow = async () => {
      tried += 1;
      await new Promise((resolve) => setImmediate(resolve));
      return undefined;
    };
    const results = await Promise.allSettled(Array.from({ length: 40 }, () => guessing.attempt(guess, slow)));
    assert.equal(tried, 5);
    assert.ok(results.filter(({ status }) => status === 'rejected').length === 35);
  });

  test('a source has fifty over all accounts, and what it gets right is not counted against it', async () => {
    const guessing = new Guessing();
    for (let count = 0; count < 100; count++) {
      assert.ok(await guessing.attempt({ account: `right${count}`, address: GUESSER }, right));
    }
    for (let count = 0; count < 50; count++) {
      await guessing.attempt({ account: `wrong${count}`, address: GUESSER }, wrong);
    }
    await refused(guessing, { account: 'another', address: GUESSER });
    assert.ok(await guessing.attempt({ account: 'another', address: HOME }, right));
    assert.ok(await guessing.attempt({ account: 'another', address: GUESSER, deviceId: 'known' }, right));
  });

  test('who has an account of his own gains no guesses by signing in between', async () => {
    const guessing = new Guessing();
    for (let count = 0; count < 50; count++) {
      await guessing.attempt({ account: `wrong${count}`, address: GUESSER }, wrong);
      if (count < 49) await guessing.attempt({ account: 'own', address: GUESSER }, right);
    }
    await refused(guessing, { account: 'wrong50', address: GUESSER });
  });

  test('signing in forgets the failures before it', async () => {
    const guessing = new Guessing();
    const guess = { account: 'a', address: HOME };
    for (let round = 0; round < 3; round++) {
      for (let count = 0; count < 4; count++) await guessing.attempt(guess, wrong);
      assert.ok(await guessing.attempt(guess, right));
    }
  });

  test('what could not be tried does not count', async () => {
    const guessing = new Guessing();
    const guess = { account: 'a', address: HOME };
    const away = () => Promise.reject(new DomainError('unavailable', 'The store is away.'));
    for (let count = 0; count < 60; count++) {
      await assert.rejects(guessing.attempt<true>(guess, away), { kind: 'unavailable' });
    }
    assert.ok(await guessing.attempt(guess, right));
  });

  test('a network of IPv6 is one source, and so are all of whom nobody knows the address', async () => {
    for (const [first, second] of [
      ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9'],
      [undefined, undefined],
    ]) {
      const guessing = new Guessing();
      for (let count = 0; count < 5; count++) await guessing.attempt({ account: 'a', address: first }, wrong);
      await refused(guessing, { account: 'a', address: second });
      assert.ok(await guessing.attempt({ account: 'a', address: '2001:db8:1:3::1' }, right));
    }
  });

  test('after five minutes a source may try again', async (t) => {
    t.mock.timers.enable({ apis: ['Date', 'setTimeout'], now: Date.now() });
    const guessing = new Guessing();
    const guess = { account: 'a', address: GUESSER };
    for (let count = 0; count < 5; count++) await guessing.attempt(guess, wrong);
    t.mock.timers.tick(299_000);
    await refused(guessing, guess);
    t.mock.timers.tick(1_001);
    assert.equal(await guessing.attempt(guess, wrong), undefined);
  });

  test('however many there are, only so much is remembered', async () => {
    const guessing = new Guessing();
    const first = { account: 'a', address: GUESSER };
    for (let count = 0; count < 5; count++) await guessing.attempt(first, wrong);
    await refused(guessing, first);
    for (let count = 0; count < 20_001; count++) {
      await guessing.attempt(
        { account: 'a', address: `10.${count >> 16}.${(count >> 8) & 255}.${count & 255}` },
        wrong,
      );
    }
    assert.ok(await guessing.attempt(first, right), 'the longest untouched are forgotten');
  });

  test('a source that is over its limit pushes nobody’s count out of the memory', async () => {
    const guessing = new Guessing();
    for (let count = 0; count < 50; count++) {
      await guessing.attempt({ account: `first${count}`, address: GUESSER }, wrong);
    }
    const other = { account: 'a', address: HOME };
    for (let count = 0; count < 5; count++) await guessing.attempt(other, wrong);
    for (let count = 0; count < 20_001; count++) await refused(guessing, { account: `${count}`, address: GUESSER });
    await refused(guessing, other);
  });

  async function refused(guessing: Guessing, guess: Parameters<Guessing['attempt']>[0]): Promise<void> {
    await assert.rejects(
      guessing.attempt(guess, () => assert.fail('it was tried')),
      { kind: 'too_many_requests' },
    );
  }
});
