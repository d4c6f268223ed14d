/** Whether a webhook may carry an entry is one rule, asked of one entry or of many. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applications } from '../../src/domain/applications/applications.ts';
import { members } from '../../src/domain/members/members.ts';
import { mayCarry, readAudience } from '../../src/domain/webhooks/audience.ts';
import { openStorage } from '../../src/storage/open.ts';
import { stores } from '../support/stores.ts';

for (const store of stores()) {
  test(`what its owner may read, and nothing else (${store.name})`, { skip: store.skip }, async (t) => {
    const { uri, dispose } = await store.fresh();
    const storage = await openStorage(uri);
    t.after(async () => {
      await storage.close();
      await dispose();
    });
    const stored = { version: 1, created_at: '2026-11-21T08:00:00.000Z', updated_at: '2026-11-21T08:00:00.000Z' };
    for (const [id, position, enabled] of [
      ['mem_dev', 'developer', true],
      ['mem_gone', 'developer', false],
      ['mem_owner', 'platform_owner', true],
      ['mem_former', 'platform_owner', false],
    ] as const) {
      const email = `${id}@example.com`;
      await storage.put(members, {
        ...stored,
        id,
        email,
        name: id,
        position,
        enabled,
        role_ids: [],
        password_hash: null,
      });
    }
    for (const [id, owner] of [
      ['app_own', 'mem_dev'],
      ['app_foreign', 'mem_gone'],
      ['app_workspace', null],
    ] as const) {
      const application = {
        name: id,
        description: '',
        tags: [],
        enabled: true,
        tokens_valid_from: null,
        logo_id: null,
      };
      await storage.put(applications, { ...stored, ...application, id, owner } as never);
    }
    const things = ['mem_dev', 'app_own', 'app_foreign', 'app_workspace', 'app_none', 'mem_gone', null];
    const carried: Record<string, (string | null)[]> = {
      mem_dev: ['mem_dev', 'app_own'],
      mem_gone: [],
      mem_former: [],
      mem_nobody: [],
      mem_owner: things,
    };
    const owners = [...Object.keys(carried), null];
    const audience = await readAudience(
      storage,
      owners.map((owner) => ({ owner })),
    );
    for (const owner of owners) {
      const expected = owner === null ? things : carried[owner];
      const told = `of ${owner}`;
      assert.deepEqual(
        things.filter((belongs_to) => audience({ owner }, { belongs_to })),
        expected,
        told,
      );
      const one = await Promise.all(things.map((belongs_to) => mayCarry(storage, { owner }, { belongs_to })));
      assert.deepEqual(
        things.filter((_, index) => one[index]),
        expected,
        told,
      );
    }
  });
}
