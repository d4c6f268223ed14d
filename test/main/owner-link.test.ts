/** `npm run owner:link`, on the host. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { send } from '../support/running.ts';
import { stores } from '../support/stores.ts';
import { place, ran, serving } from './process.ts';

const SCRIPT = 'src/owner-link.ts';

for (const store of stores()) {
  describe(`npm run owner:link (${store.name})`, { skip: store.skip }, () => {
    test('makes a link beside a running node; once an owner has a password it makes none', async (t) => {
      const here = await place(t, store);
      await serving(t, here.env());
      const made = await ran(t, here.env(), [], SCRIPT);
      assert.deepEqual([made.code, made.stderr], [0, '']);
      const [link = '', hint] = made.stdout.split('\n');
      assert.match(link, new RegExp(`^${here.issuer}/console/sign-in#token=[\\w-]{43}$`));
      assert.equal(hint, '(works once, for 30 minutes)');

      const redeem = (token: string) =>
        send(`${here.issuer}/console/sign-in`, {
          method: 'POST',
          body: new URLSearchParams({ token, email: 'owner@example.com', password: 'correct horse battery' }),
        });
      const token = link.split('#token=')[1] ?? '';
      assert.equal((await redeem(token)).status, 200);
      assert.equal((await redeem(token)).status, 403);

      const refused = await ran(t, here.env(), [], SCRIPT);
      assert.deepEqual([refused.code, refused.stdout], [1, '']);
      assert.match(refused.stderr, /An owner has a password already/);
    });

    test('says what to do where nothing is set up yet', async (t) => {
      const here = await place(t, store);
      const { code, stdout, stderr } = await ran(t, here.env(), [], SCRIPT);
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /not set up yet: start Latchkey first/);
    });
  });
}
