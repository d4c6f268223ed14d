/**
 * Sets stores up for tests. A first start makes two signing keys and hashes two secrets, which takes a third of a second
 * and says nothing new the hundredth time: what it writes is made once a process and written again, for another issuer.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../src/config.ts';
import type { FirstStart } from '../../src/domain/installation/first-start.ts';
import { type Installation, readInstallation } from '../../src/domain/installation/installation.ts';
import { leases } from '../../src/domain/installation/leases.ts';
import { Sealer } from '../../src/domain/installation/sealing.ts';
import type { Storage, Write } from '../../src/domain/store.ts';
import { ensureInstalled } from '../../src/first-start.ts';
import { openStorage } from '../../src/storage/open.ts';

/** What a first start wrote and told. */
export interface Template {
  /** The key-encryption key under which it is sealed. */
  readonly key: Buffer;
  readonly issuer: string;
  readonly writes: readonly Write[];
  readonly told: FirstStart;
}

const templates = new Map<number, Promise<Template>>();

/**
 * @param place which of the servers of one test it is for: two have nothing in common
 * @param config as the server has it; its issuer stands in the template
 */
export function template(place: number, config: Config): Promise<Template> {
  let made = templates.get(place);
  if (made === undefined) {
    made = make(config);
    templates.set(place, made);
  }
  return made;
}

/** Sets the store up where it is not. @returns what was told, where it was set up now */
export async function install(
  storage: Storage,
  { writes, told, issuer }: Template,
  wanted: string,
): Promise<{ installation: Installation; told: FirstStart | undefined }> {
  const existing = await readInstallation(storage);
  if (existing !== undefined) return { installation: existing, told: undefined };
  await storage.commit(
    writes.map((write) => ('record' in write ? { ...write, record: moved(write.record, issuer, wanted) } : write)),
  );
  const installation = await readInstallation(storage);
  if (installation === undefined) throw new Error('a first start always installs');
  return { installation, told: moved(told, issuer, wanted) };
}

async function make(config: Config): Promise<Template> {
  const key = randomBytes(32);
  const { writes, made } = await written((storage) => ensureInstalled(storage, new Sealer(key), config));
  if (made.told === undefined) throw new Error('a first start tells something');
  const kept = writes.filter(({ table }) => table !== leases);
  return { key, issuer: config.issuer, writes: kept, told: made.told };
}

/** @returns what `make` wrote into an empty store, to be written into others, and what it returned */
export async function written<T>(make: (storage: Storage) => Promise<T>): Promise<{ writes: Write[]; made: T }> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-test-'));
  const storage = await openStorage(`sqlite:${join(folder, 'latchkey.db')}`);
  const writes: Write[] = [];
  const commit: Storage['commit'] = async (committed) => {
    writes.push(...committed);
    return await storage.commit(committed);
  };
  const recording = new Proxy(storage, {
    get(target, name) {
      const member = name === 'commit' ? commit : Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
  try {
    return { made: await make(recording), writes };
  } finally {
    await storage.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function moved<T>(value: T, from: string, to: string): T {
  return JSON.parse(JSON.stringify(value).replaceAll(from, to));
}
