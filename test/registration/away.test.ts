/** Registration without its store: said at once, and never answered as if something were wrong with the token. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import Koa from 'koa';
import { type RegistrationParts, registration } from '../../src/authorization-server/registration.ts';
import { newRecordedToken } from '../../src/domain/access/recorded-tokens.ts';
import { DomainError } from '../../src/domain/errors.ts';
import type { Storage } from '../../src/domain/store.ts';
import { at, REGISTER } from './portal.ts';

const away = () => {
  throw new DomainError('unavailable', 'The store is out of reach.');
};

for (const [what, demandStore] of [
  ['is known to be away', away],
  ['turns out to be away', () => undefined],
] as const) {
  test(`where the store ${what}, every request is answered 503, to be tried again`, async (t) => {
    const errors: unknown[] = [];
    const get = async () => away();
    const parts: RegistrationParts = {
      issuer: 'https://auth.example.com',
      storage: { get } as unknown as Storage,
      observer: async () => undefined,
      secrets: { mint: away, match: away },
      allowsPlainHttp: false,
      knowledge: { demandStore, standing: away },
      addressOf: () => undefined,
      onUnauthenticated: () => assert.fail('nothing is wrong with the token'),
      onError: (error) => errors.push(error),
    };
    const server = createServer(new Koa().use(registration(parts)).callback());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => server.close().closeAllConnections());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${REGISTER}`;
    const answers = [
      await at(url, 'POST', newRecordedToken('iat').token, {}),
      await at(`${url}/cli_x`, 'GET', newRecordedToken('reg').token),
      await at(`${url}/cli_x`, 'PUT', newRecordedToken('reg').token, {}),
      await at(`${url}/cli_x`, 'DELETE', newRecordedToken('reg').token),
    ];
    for (const { status, body, headers } of answers) {
      assert.deepEqual([status, body.error], [503, 'temporarily_unavailable']);
      assert.ok(Number(headers.get('retry-after')) > 0);
      assert.equal(headers.get('cache-control'), 'no-store');
    }
    assert.equal(errors.length, answers.length);
  });
}
