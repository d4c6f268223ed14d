/** An open store for one test, closed and deleted after it. */
import { after, type TestContext } from 'node:test';
import type { Change, Storage } from '../../src/domain/store.ts';
import { openStorage } from '../../src/storage/open.ts';
import type { FreshStore, Store } from '../support/stores.ts';

export interface Opened {
  readonly storage: Storage;
  readonly uri: string;
  /** @returns another handle on the same store, as another node has it */
  another(): Promise<Storage>;
}

/** One store for all tests of a suite; each test uses ids of its own, or a store of its own. */
export function openedFor(store: Store): () => Promise<Opened> {
  let opening: Promise<{ opened: Opened; close(): Promise<void> }> | undefined;
  after(async () => void (await (await opening)?.close()));
  return async () => {
    opening ??= openFresh(store);
    return (await opening).opened;
  };
}

/** A store for this test alone. */
export async function opened(store: Store, t: TestContext): Promise<Opened> {
  const { opened, close } = await openFresh(store);
  t.after(close);
  return opened;
}

/** What a follower was told, to be waited for. */
export interface Heard {
  readonly changes: readonly Change[];
  readonly gaps: number;
  readonly beats: readonly number[];
  until(condition: (heard: Heard) => boolean, milliseconds?: number): Promise<void>;
  stop(): Promise<void>;
}

export async function listening(storage: Pick<Storage, 'follow'>): Promise<Heard> {
  const changes: Change[] = [];
  const beats: number[] = [];
  let gaps = 0;
  const stop = await storage.follow({
    changed: (more) => void changes.push(...more),
    gap: () => void gaps++,
    heard: () => void beats.push(Date.now()),
  });
  const heard: Heard = {
    changes,
    beats,
    get gaps() {
      return gaps;
    },
    async until(condition, milliseconds = 1000) {
      const deadline = Date.now() + milliseconds;
      while (!condition(heard)) {
        if (Date.now() > deadline) throw new Error(`not heard within ${milliseconds} ms: ${JSON.stringify(changes)}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    stop,
  };
  return heard;
}

async function openFresh(store: Store) {
  const fresh: FreshStore = await store.fresh();
  const handles: Storage[] = [];
  async function another(): Promise<Storage> {
    const storage = await openStorage(fresh.uri);
    handles.push(storage);
    return storage;
  }
  async function close(): Promise<void> {
    for (const handle of handles) await handle.close();
    await fresh.dispose();
  }
  return { opened: { storage: await another(), uri: fresh.uri, another }, close };
}
