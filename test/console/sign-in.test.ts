/** The page by which the first owner comes in, and the link that leads there. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import bcrypt from 'bcrypt';
import { members } from '../../src/domain/members/members.ts';
import { makeSignInLink } from '../../src/domain/members/sign-in-links.ts';
import { Unit } from '../../src/domain/unit.ts';
import { type Running, running, send } from '../support/running.ts';
import { stores } from '../support/stores.ts';

const EMAIL = 'owner@example.com';
const PASSWORD = 'correct horse battery staple';

for (const store of stores()) {
  describe(`the owner's sign-in link (${store.name})`, { skip: store.skip }, () => {
    test('is redeemed once, and the password is kept hashed', async (t) => {
      const server = await running(t, store);
      const token = tokenOf(server);
      const redeemed = await redeem(server, { token });
      assert.deepEqual([redeemed.status, /Password set/.test(redeemed.text)], [200, true]);
      const owner = await ownerOf(server);
      assert.equal(owner.email, EMAIL);
      assert.match(owner.password_hash ?? '', /^\$2b\$10\$/);
      assert.ok(await bcrypt.compare(PASSWORD, owner.password_hash ?? ''));

      const again = await redeem(server, { token, password: 'another password' });
      assert.equal(again.status, 403);
      assert.match(again.text, /not valid any more.*owner:link/);
      assert.deepEqual(await ownerOf(server), owner);
    });

    test('of many redeems at once one wins', async (t) => {
      const server = await running(t, store);
      const passwords = Array.from({ length: 10 }, (_, index) => `the password of try ${index}`);
      const answers = await Promise.all(
        passwords.map((password) => redeem(server, { token: tokenOf(server), password })),
      );
      const won = passwords.filter((_, index) => answers[index]?.status === 200);
      assert.equal(won.length, 1);
      assert.ok(answers.every(({ status }) => status === 200 || status === 403));
      assert.ok(await bcrypt.compare(won[0] ?? '', (await ownerOf(server)).password_hash ?? ''));
    });

    test('is void after half an hour', async (t) => {
      const server = await running(t, store);
      const late = await linkMadeAt(server, Date.now() - 30 * 60_000);
      assert.equal((await redeem(server, { token: late })).status, 403);
      const nearly = await linkMadeAt(server, Date.now() - 29 * 60_000);
      assert.equal((await redeem(server, { token: nearly })).status, 200);
    });

    test('is void once an owner has a password, however fresh it is', async (t) => {
      const server = await running(t, store);
      const other = await linkMadeAt(server, Date.now());
      assert.equal((await redeem(server, { token: tokenOf(server) })).status, 200);
      assert.equal((await redeem(server, { token: other })).status, 403);
      const { body } = await redeem(server, { token: await linkMadeAt(server, Date.now()) });
      assert.match(body, /not valid any more/);
    });

    test('survives a mistake in the form, of which every one is named', async (t) => {
      const server = await running(t, store);
      const token = tokenOf(server);
      const refused = await redeem(server, { token, email: 'nobody', password: 'short' });
      assert.equal(refused.status, 422);
      assert.match(refused.text, /email must be an email address/);
      assert.match(refused.text, /password must have at least 12 characters/);
      assert.ok(!refused.text.includes('short"'), 'the password is not sent back');
      for (const password of ['x'.repeat(73), `${'x'.repeat(20)}\0`, 'é'.repeat(40)]) {
        assert.equal((await redeem(server, { token, password })).status, 422);
      }
      assert.equal((await redeem(server, { token })).status, 200);
    });

    test('a wrong token tells nothing of the form, and nothing is set', async (t) => {
      const server = await running(t, store);
      for (const token of [
        '',
        'wrong',
        '__proto__',
        tokenOf(server).slice(0, -1),
        createHash('sha256').update(tokenOf(server)).digest('base64url'),
      ]) {
        const refused = await redeem(server, { token, password: 'short' });
        assert.equal(refused.status, 403, token);
        assert.doesNotMatch(refused.text, /at least/);
      }
      assert.equal((await ownerOf(server)).password_hash, null);
    });

    test('another site cannot post it', async (t) => {
      const server = await running(t, store);
      const token = tokenOf(server);
      for (const origin of [
        'https://evil.example',
        'null',
        `${server.issuer}.evil.example`,
        server.issuer.replace('http:', 'https:'),
      ]) {
        assert.equal((await redeem(server, { token }, { origin })).status, 403, origin);
      }
      assert.equal((await redeem(server, { token }, { origin: server.issuer })).status, 200);
    });
  });
}

describe('the sign-in page', () => {
  const [store] = stores() as [ReturnType<typeof stores>[number]];

  test('runs nothing but its own script, and lets itself be framed, cached and referred to by nobody', async (t) => {
    const server = await running(t, store);
    const { status, headers, text } = await send(`${server.issuer}/console/sign-in`, {});
    assert.equal(status, 200);
    assert.match(headers.get('content-type') ?? '', /^text\/html; charset=utf-8/);
    const policy = new Map(
      (headers.get('content-security-policy') ?? '').split('; ').map((part) => {
        const [name = '', ...values] = part.split(' ');
        return [name, values.join(' ')];
      }),
    );
    assert.equal(policy.get('default-src'), "'none'");
    assert.equal(policy.get('form-action'), "'self'");
    assert.equal(policy.get('frame-ancestors'), "'none'");
    assert.equal(policy.get('base-uri'), "'none'");
    assert.doesNotMatch([...policy.values()].join(' '), /unsafe|\*|http/);
    for (const [element, directive] of [
      ['script', 'script-src'],
      ['style', 'style-src'],
    ] as const) {
      const inline = Array.from(
        text.matchAll(new RegExp(`<${element}>(.*?)</${element}>`, 'gs')),
        ([, code = '']) => code,
      );
      assert.equal(inline.length, 1);
      const hash = createHash('sha256')
        .update(inline[0] ?? '')
        .digest('base64');
      assert.equal(policy.get(directive), `'sha256-${hash}'`);
    }
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(headers.get('x-frame-options'), 'DENY');
    // Under `no-referrer` a browser posts its own form with `Origin: null`, which is refused.
    assert.equal(headers.get('referrer-policy'), 'same-origin');
    assert.equal(headers.get('set-cookie'), null);
  });

  test('the link carries its token in the fragment, which no server sees', async (t) => {
    const server = await running(t, store, { LATCHKEY_LOG_LEVEL: 'trace' });
    const url = new URL(server.told.owner.sign_in_url);
    assert.equal(url.search, '');
    assert.match(url.hash, /^#token=[\w-]{43}$/);
    await send(server.told.owner.sign_in_url, {});
    await redeem(server, { token: tokenOf(server) });
    const log = server.log.join('');
    assert.match(log, /console\/sign-in/);
    for (const secret of [tokenOf(server), PASSWORD, EMAIL]) assert.ok(!log.includes(secret));
  });

  test('what was typed comes back as text, never as markup', async (t) => {
    const server = await running(t, store);
    const email = '"><script>alert(1)</script>';
    const { text } = await redeem(server, { token: tokenOf(server), email });
    assert.doesNotMatch(text, /<script>alert/);
    assert.match(text, /&#60;script&#62;/);
  });

  test('what is no form, too long or doubled is refused', async (t) => {
    const server = await running(t, store);
    const url = `${server.issuer}/console/sign-in`;
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    for (const [headers, body] of [
      [{ 'content-type': 'application/json' }, '{"token":"x"}'],
      [form, `token=x&password=${'y'.repeat(10_000)}`],
      [form, 'token=a&token=b&password=ccccccccccccc'],
      [form, 'password=ccccccccccccc'],
    ] as const) {
      assert.equal((await send(url, { method: 'POST', headers, body })).status, 400, body.slice(0, 40));
    }
    for (const method of ['PUT', 'DELETE', 'PATCH']) {
      const { status, headers } = await send(url, { method });
      assert.deepEqual([status, headers.get('allow')], [405, 'GET, HEAD, POST']);
    }
  });
});

function tokenOf(server: Running): string {
  return server.told.owner.sign_in_url.split('#token=')[1] ?? '';
}

async function redeem(
  server: Running,
  { token, email = EMAIL, password = PASSWORD }: { token: string; email?: string; password?: string },
  headers: Record<string, string> = {},
) {
  const body = new URLSearchParams({ token, email, password });
  return await send(`${server.issuer}/console/sign-in`, { method: 'POST', headers, body });
}

async function ownerOf(server: Running) {
  const [owner] = await server.storage.all(members, { position: 'platform_owner' });
  if (owner === undefined) throw new Error('there is no owner');
  return owner;
}

async function linkMadeAt(server: Running, milliseconds: number): Promise<string> {
  const unit = new Unit({ now: milliseconds });
  const token = makeSignInLink(unit, (await ownerOf(server)).id);
  await unit.commit(server.storage, async () => {});
  return token;
}
