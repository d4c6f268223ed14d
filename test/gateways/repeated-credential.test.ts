/** A credential that a gateway sends twice is none at its dialect: what stands between might read the other one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { expectStatus } from '../support/registered.ts';
import { running } from '../support/running.ts';
import { anyStore } from '../support/stores.ts';
import { raw } from './forward-auth.ts';

for (const store of anyStore()) {
  describe(`credentials of gateways that are sent twice (${store.name})`, { skip: store.skip }, () => {
    for (const [type, header] of [
      ['wso2-okta', 'Authorization: SSWS '],
      ['kong-konnect', 'X-API-KEY: '],
    ] as const) {
      test(`${type}: refused, whichever of the two is good`, async (t) => {
        const server = await running(t, store);
        const draft = { type, name: 'Gateway', settings: { apis: [server.demo.api] } };
        const { credentials, endpoints } = expectStatus(await server.call('POST', '/gateways', draft), 201);
        const good = header + credentials.api_key;
        const { pathname } = new URL(
          `${endpoints.registration}/cli_nobody${type === 'kong-konnect' ? '/secrets' : ''}`,
        );
        const status = async (...lines: string[]) => {
          const head = [`GET ${pathname} HTTP/1.1`, 'Host: latchkey', ...lines, 'Connection: close', '', ''];
          return (await raw(server.issuer, head.join('\r\n')))[0]?.status;
        };
        assert.equal(await status(good), 404, 'let in: there is no such client');
        assert.equal(await status(), 401);
        for (const other of [good, `${header}garbage`, header]) {
          assert.equal(await status(good, other), 401, `then ${other}`);
          assert.equal(await status(other, good), 401, `first ${other}`);
        }
      });
    }
  });
}
