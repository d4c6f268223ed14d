/** What becomes of signing keys that sign no more. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { Sealer } from '../../../src/domain/installation/sealing.ts';
import { SigningKeyring } from '../../../src/domain/signing-keys/signing-key-rotation.ts';
import { removedAt, signingKeys } from '../../../src/domain/signing-keys/signing-keys.ts';
import { Unit } from '../../../src/domain/unit.ts';
import { openStorage } from '../../../src/storage/open.ts';
import { stores } from '../../support/stores.ts';

for (const store of stores()) {
  describe(`sweeping signing keys (${store.name})`, { skip: store.skip }, () => {
    test('the private half goes soon after a key has signed its last, the key once its last token has ended', async (t) => {
      const { uri, dispose } = await store.fresh();
      const storage = await openStorage(uri);
      t.after(async () => {
        await storage.close();
        await dispose();
      });
      const keyring = new SigningKeyring(storage, new Sealer(randomBytes(32)), 600);
      const committed = async (unit: Unit, work: (unit: Unit) => Promise<unknown>) => {
        await work(unit);
        await unit.commit(storage, async () => {});
      };
      await committed(new Unit(), (unit) => keyring.ensure(unit, 'ES256'));
      const [old] = await storage.all(signingKeys);
      await committed(new Unit(), (unit) => keyring.rotate(unit, { algorithm: 'ES256', immediate: true }));

      const retired = await storage.get(signingKeys, String(old?.id));
      assert.ok(retired?.sealed_private_key, 'a node whose clock is behind may still sign');
      const retiredAt = Date.parse(String(retired.retires_at));
      await committed(new Unit({ now: retiredAt + 61_000 }), (unit) => keyring.sweep(unit));
      const retained = await storage.get(signingKeys, retired.id);
      assert.equal(retained?.sealed_private_key, null);
      assert.ok(retained && keyring.open(retained) === undefined);

      const end = Number(removedAt(retained));
      await committed(new Unit({ now: end - 1 }), (unit) => keyring.sweep(unit));
      assert.equal((await storage.all(signingKeys)).length, 2);
      await committed(new Unit({ now: end }), (unit) => keyring.sweep(unit));
      const [left, ...others] = await storage.all(signingKeys);
      assert.deepEqual([left?.id === retired.id, others.length], [false, 0]);
      assert.ok(left?.sealed_private_key);
    });
  });
}
