/** Nothing that registration shows is in the store or in the log. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bytesOf } from '../main/contents.ts';
import { running } from '../support/running.ts';
import { stores, watched } from '../support/stores.ts';
import { initialAccessToken, register, registered } from './portal.ts';

for (const store of stores()) {
  describe(store.name, { skip: store.skip }, () => {
    test('no token and no secret is in the store’s bytes or in the log', async (t) => {
      const { store: seen, uri } = watched(store);
      const server = await running(t, seen, { LATCHKEY_LOG_LEVEL: 'trace' });
      const { token } = await initialAccessToken(server);
      const { manage, client_id, client_secret, registration_access_token } = await registered(server, token);
      await manage('PUT', { client_id, client_secret, client_name: 'x' });
      await manage('PUT', { client_secret: `${client_secret}x` });
      await register(server, token, '{');
      await manage('GET', undefined, token);
      const [bytes, log] = [await bytesOf(uri()), server.log.join('')];
      // The search would find what is there.
      assert.ok(bytes.includes(client_id));
      for (const [what, secret] of Object.entries({ token, client_secret, registration_access_token })) {
        const random = secret.slice(-30);
        assert.ok(!bytes.includes(secret) && !bytes.includes(random), `${what} is in the store`);
        assert.ok(!log.includes(secret) && !log.includes(random), `${what} is in the log`);
      }
    });
  });
}
