/** `npm run audit:verify`, on the host: whole, tampered with, cut; with the checkpoints that left the store. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { auditEntries } from '../../src/domain/audit/audit-entries.ts';
import { chainHeads, positionOf } from '../../src/domain/audit/chain.ts';
import { openStorage } from '../../src/storage/open.ts';
import { stores } from '../support/stores.ts';
import { place, ran, serving } from './process.ts';

const SCRIPT = 'src/audit-verify.ts';

for (const store of stores()) {
  describe(`npm run audit:verify (${store.name})`, { skip: store.skip }, () => {
    test('finds the trail whole, names what was altered, and by a checkpoint what was cut off', async (t) => {
      const here = await place(t, store);
      const checkpoints = join(here.folder, 'checkpoints');
      const env = { ...here.env(), LATCHKEY_AUDIT_CHECKPOINT_FILE: checkpoints };
      const node = await serving(t, env);
      await node.stop();
      assert.match(await readFile(checkpoints, 'utf8'), /^[\w-]+\.[\w-]+\.[\w-]+\n$/);

      const verify = (...given: string[]) => ran(t, env, given, SCRIPT);
      const whole = await verify('--checkpoints', checkpoints);
      assert.deepEqual([whole.code, whole.stderr], [0, '']);
      assert.match(whole.stdout, /is whole: \d+ entries/);
      assert.match(whole.stdout, /holds against 1 checkpoints/);
      assert.match((await verify()).stdout, /Without a checkpoint a cut tail does not show/);

      const storage = await openStorage(here.uri);
      const head = await storage.get(chainHeads, 'head');
      assert.ok(head);
      const at = async (sequence: number) => (await storage.all(auditEntries, { position: [positionOf(sequence)] }))[0];
      const [third, last, before] = [await at(3), await at(head.count), await at(head.count - 1)];
      assert.ok(third && last && before);
      await storage.put(auditEntries, { ...third, ip: '192.0.2.66' });
      const altered = await verify();
      assert.equal(altered.code, 1);
      assert.match(altered.stdout, /NOT whole: entry 3 is not what was sealed \(altered; 2 before it are\)/);
      await storage.put(auditEntries, third);
      await storage.removeWhere(auditEntries, { id: last.id });
      await storage.put(chainHeads, { ...head, count: head.count - 1, hash: before.hash });
      const cut = await verify('--checkpoints', checkpoints);
      assert.equal(cut.code, 1);
      assert.match(cut.stdout, /NOT whole: 1 entries are cut off/);
      await storage.close();
    });

    test('a checkpoint of another installation, or none in the file, is told of', async (t) => {
      const here = await place(t, store);
      const nothing = await ran(t, here.env(), [], SCRIPT);
      assert.deepEqual([nothing.code, nothing.stdout], [2, '']);
      assert.match(nothing.stderr, /Nothing was verified\. This store is not set up yet/);
    });
  });
}
