/** The chain: who alters, takes out, moves or cuts off entries by hand is told of, and what was the first. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { type AuditEntry, auditEntries } from '../../src/domain/audit/audit-entries.ts';
import { type ChainHead, chainHeads, hashOf, positionOf, sealEntries } from '../../src/domain/audit/chain.ts';
import { CheckpointKey, openCheckpoint } from '../../src/domain/audit/checkpoints.ts';
import { verifyChain } from '../../src/domain/audit/verification.ts';
import type { Storage } from '../../src/domain/store.ts';
import { Unit } from '../../src/domain/unit.ts';
import { openStorage } from '../../src/storage/open.ts';
import { stores } from '../support/stores.ts';
import { sealedEntries } from './reading.ts';

const COUNT = 9;

for (const store of stores()) {
  /** A store with sealed entries, and a way to take the place of whoever can write to it. */
  async function sealed(t: Pick<TestContext, 'after'>) {
    const { uri, dispose } = await store.fresh();
    const storage = await openStorage(uri);
    t.after(async () => {
      await storage.close();
      await dispose();
    });
    for (let i = 1; i <= COUNT; i++) await note(storage, `thing_${i}`);
    while ((await sealEntries(storage, Date.now())) > 0);
    const entries = await sealedEntries(storage);
    assert.equal(entries.length, COUNT);
    const at = (sequence: number) => entries[sequence - 1] as AuditEntry;
    const head = (await storage.get(chainHeads, 'head')) as ChainHead;
    assert.deepEqual(await verifyChain(storage), { verified: COUNT, hash: at(COUNT).hash, fault: null });
    return { storage, at, head };
  }

  async function note(storage: Storage, id: string): Promise<void> {
    const unit = new Unit();
    unit.note({ action: 'thing.seen', target: { type: 'thing', id }, details: { id } });
    await unit.commit(storage, async () => {});
  }

  async function faultOf(storage: Storage) {
    const { fault } = await verifyChain(storage);
    return [fault?.kind, fault?.sequence];
  }

  /** Takes entries out behind everybody's back. */
  async function takeOut(storage: Storage, ...entries: AuditEntry[]): Promise<void> {
    for (const { id } of entries) await storage.removeWhere(auditEntries, { id });
  }

  describe(`the chain of the audit trail (${store.name})`, { skip: store.skip }, () => {
    test('an altered entry is named, whichever of its members it was', async (t) => {
      const { storage, at } = await sealed(t);
      const whole = at(4);
      for (const change of [
        { action: 'thing.missed' },
        { actor: { ...whole.actor, id: 'somebody' }, actor_id: 'somebody' },
        { target: { type: 'thing', id: 'thing_0' }, target_id: 'thing_0' },
        { target_id: 'thing_0' },
        { actor_id: 'somebody' },
        { at: '2020-01-01T00:00:00.000Z' },
        { ip: '192.0.2.1' },
        { details: { id: 'thing_4', more: true } },
        { changes: { before: null, after: {}, hidden: [] } },
        { belongs_to: 'app_other' },
        { created_at: '2020-01-01T00:00:00.000Z' },
        { updated_at: '2031-01-01T00:00:00.000Z' },
        { hash: '0'.repeat(64) },
        { previous_hash: null },
      ]) {
        await storage.put(auditEntries, { ...whole, ...change });
        assert.deepEqual(await faultOf(storage), ['altered', 4], JSON.stringify(change));
        await storage.put(auditEntries, whole);
      }
      assert.deepEqual(await faultOf(storage), [undefined, undefined]);
    });

    test('an entry that was altered and hashed anew is told of by the next', async (t) => {
      const { storage, at } = await sealed(t);
      const forged = { ...at(4), action: 'thing.missed' };
      await storage.put(auditEntries, { ...forged, hash: hashOf(forged, 4, forged.previous_hash) });
      assert.deepEqual(await faultOf(storage), ['altered', 5]);
    });

    test('the first missing entry is named', async (t) => {
      const { storage, at } = await sealed(t);
      await takeOut(storage, at(7), at(3));
      assert.deepEqual(await faultOf(storage), ['missing', 3]);
    });

    test('two entries that changed places are told of', async (t) => {
      const { storage, at } = await sealed(t);
      const [third, fourth] = [at(3), at(4)];
      await takeOut(storage, third, fourth);
      await storage.put(auditEntries, { ...third, position: positionOf(4) });
      await storage.put(auditEntries, { ...fourth, position: positionOf(3) });
      assert.deepEqual(await faultOf(storage), ['altered', 3]);
    });

    test('a tail that was cut off is missing, a head set back is told of, and both together by a checkpoint', async (t) => {
      const { storage, at, head } = await sealed(t);
      const checkpoint = { iss: 'https://login.example.com', at: head.updated_at, count: COUNT, hash: head.hash };
      await storage.put(chainHeads, { ...head, count: 6, hash: at(6).hash });
      assert.deepEqual(await faultOf(storage), ['beyond_head', 7]);
      await storage.put(chainHeads, head);
      await takeOut(storage, at(7), at(8), at(9));
      assert.deepEqual(await faultOf(storage), ['missing', 7]);
      await storage.put(chainHeads, { ...head, count: 6, hash: at(6).hash });
      assert.deepEqual(await faultOf(storage), [undefined, undefined], 'nothing in the store can tell');
      const { fault } = await verifyChain(storage, {
        checkpoints: [{ ...checkpoint, count: 2, hash: at(2).hash }, checkpoint],
      });
      assert.deepEqual([fault?.kind, fault?.sequence], ['cut', 7]);
      assert.match(fault?.detail ?? '', /^3 entries are cut off/);
    });

    test('a chain that was made anew as a whole contradicts a checkpoint', async (t) => {
      const { storage, at, head } = await sealed(t);
      let hash: string | null = null;
      for (let sequence = 1; sequence <= COUNT; sequence++) {
        const forged: AuditEntry = { ...at(sequence), previous_hash: hash };
        if (sequence === 4) Object.assign(forged, { action: 'thing.missed' });
        hash = hashOf(forged, sequence, hash);
        await storage.put(auditEntries, { ...forged, hash });
      }
      await storage.put(chainHeads, { ...head, hash });
      assert.deepEqual(await faultOf(storage), [undefined, undefined], 'nothing in the store can tell');
      const checkpoint = { iss: '', at: head.updated_at, count: 6, hash: at(6).hash };
      const { fault } = await verifyChain(storage, { checkpoints: [checkpoint] });
      assert.deepEqual([fault?.kind, fault?.sequence], ['altered', 6]);
    });

    test('of many who seal at once one gets through at each turn, and the chain is whole', async (t) => {
      const { storage } = await sealed(t);
      await Promise.all(
        Array.from({ length: 4 }, async (_, who) => {
          for (let i = 0; i < 10; i++) {
            await note(storage, `thing_${who}_${i}`);
            await sealEntries(storage, Date.now());
          }
        }),
      );
      while ((await sealEntries(storage, Date.now())) > 0);
      const { verified, fault } = await verifyChain(storage);
      assert.deepEqual([verified, fault], [COUNT + 40, null]);
    });
  });
}

test('a checkpoint counts only as it was signed, by the key of this installation', () => {
  const key = new CheckpointKey(randomBytes(32));
  const checkpoint = { iss: 'https://login.example.com', at: '2026-11-21T08:00:00.000Z', count: 3, hash: 'abc' };
  const jws = key.sign(checkpoint);
  assert.deepEqual(openCheckpoint(`${jws}\n`, key.publicKey), checkpoint);
  const [header, , signature] = jws.split('.');
  const forged = Buffer.from(JSON.stringify({ ...checkpoint, count: 2 })).toString('base64url');
  for (const wrong of [`${header}.${forged}.${signature}`, `${jws}.x`, '', 'a.b.c']) {
    assert.throws(() => openCheckpoint(wrong, key.publicKey), /not genuine/);
  }
  assert.throws(() => openCheckpoint(jws, new CheckpointKey(randomBytes(32)).publicKey), /not genuine/);
});
