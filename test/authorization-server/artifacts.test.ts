/** The engine's Adapter contract, on every store. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { Artifacts, artifacts, ConsumedError } from '../../src/authorization-server/artifacts.ts';
import { Sealer } from '../../src/domain/installation/sealing.ts';
import { openStorage } from '../../src/storage/open.ts';
import { type Store, stores } from '../support/stores.ts';

const TOKEN = 'ClientCredentials';
const sealer = new Sealer(randomBytes(32));

async function opened(t: TestContext, store: Store) {
  const { uri, dispose } = await store.fresh();
  const storage = await openStorage(uri);
  t.after(async () => {
    await storage.close();
    await dispose();
  });
  return { storage, adapter: (model: string) => new Artifacts(storage, sealer, model) };
}

for (const store of stores()) {
  describe(`the engine's adapter (${store.name})`, { skip: store.skip }, async () => {
    test('what is upserted is found whole, overwritten by the next upsert, and gone once destroyed', async (t) => {
      const { adapter } = await opened(t, store);
      const payload = { jti: 'abc', kind: TOKEN, clientId: 'c', extra: { 'a.b': 1, $set: { x: null }, list: ['ü'] } };
      await adapter(TOKEN).upsert('abc', payload, 60);
      assert.deepEqual(await adapter(TOKEN).find('abc'), payload);
      await adapter(TOKEN).upsert('abc', { ...payload, clientId: 'd' }, 60);
      assert.equal((await adapter(TOKEN).find('abc'))?.clientId, 'd');
      await adapter(TOKEN).destroy('abc');
      assert.equal(await adapter(TOKEN).find('abc'), undefined);
      await adapter(TOKEN).destroy('abc');
    });

    test('models share no ids', async (t) => {
      const { adapter } = await opened(t, store);
      await adapter(TOKEN).upsert('abc', { kind: TOKEN }, 60);
      assert.equal(await adapter('AccessToken').find('abc'), undefined);
      await adapter('AccessToken').destroy('abc');
      assert.notEqual(await adapter(TOKEN).find('abc'), undefined);
    });

    test('what has expired is not found, before anything is swept', async (t) => {
      const { adapter } = await opened(t, store);
      await adapter(TOKEN).upsert('brief', { kind: TOKEN }, 0.05);
      const deadline = Date.now() + 2000;
      while (await adapter(TOKEN).find('brief')) assert.ok(Date.now() < deadline, 'it never expires');
      await adapter(TOKEN).upsert('lasting', { kind: TOKEN });
      assert.notEqual(await adapter(TOKEN).find('lasting'), undefined);
    });

    test('a session is found by its uid, a device code by its user code, each with its id', async (t) => {
      const { adapter } = await opened(t, store);
      await adapter('Session').upsert('s1', { uid: 'u1', kind: 'Session' }, 60);
      await adapter('DeviceCode').upsert('d1', { userCode: 'ABCD', kind: 'DeviceCode' }, 60);
      assert.equal((await adapter('Session').findByUid('u1'))?.jti, 's1');
      assert.equal((await adapter('DeviceCode').findByUserCode('ABCD'))?.jti, 'd1');
      assert.equal(await adapter('Session').findByUid('u2'), undefined);
      assert.equal(await adapter('DeviceCode').findByUserCode('EFGH'), undefined);
    });

    test('of 50 that consume at once one wins, and it stays consumed', async (t) => {
      const { adapter } = await opened(t, store);
      await adapter('AuthorizationCode').upsert('code', { kind: 'AuthorizationCode' }, 60);
      const tries = await Promise.allSettled(
        Array.from({ length: 50 }, () => adapter('AuthorizationCode').consume('code')),
      );
      assert.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
      for (const tried of tries) if (tried.status === 'rejected') assert.ok(tried.reason instanceof ConsumedError);
      assert.equal(typeof (await adapter('AuthorizationCode').find('code'))?.['consumed'], 'number');
      await assert.rejects(adapter('AuthorizationCode').consume('never was'), ConsumedError);
    });

    test('revoking a grant takes everything that was made from it, of every model, and nothing else', async (t) => {
      const { adapter } = await opened(t, store);
      await adapter('AccessToken').upsert('a1', { grantId: 'g1', kind: 'AccessToken' }, 60);
      await adapter('RefreshToken').upsert('r1', { grantId: 'g1', kind: 'RefreshToken' }, 60);
      await adapter('AccessToken').upsert('a2', { grantId: 'g2', kind: 'AccessToken' }, 60);
      await adapter('AccessToken').revokeByGrantId('g1');
      assert.equal(await adapter('AccessToken').find('a1'), undefined);
      assert.equal(await adapter('RefreshToken').find('r1'), undefined);
      assert.notEqual(await adapter('AccessToken').find('a2'), undefined);
    });

    test('no id is stored in clear: it is somebody’s token', async (t) => {
      const { storage, adapter } = await opened(t, store);
      const id = randomBytes(32).toString('base64url');
      await adapter(TOKEN).upsert(id, { jti: id, kind: TOKEN, grantId: 'g' }, 60);
      await adapter('Session').upsert(id, { jti: id, uid: 'u', kind: 'Session' }, 60);
      const stored = await storage.all(artifacts);
      assert.equal(stored.length, 2);
      assert.ok(!JSON.stringify(stored).includes(id));
    });
  });
}
