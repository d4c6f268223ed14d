/** What is done now and then, off every request. */
import { systemAuthor } from './domain/audit/author.ts';
import { type NoticeParts, noticeExpiringInTurn } from './domain/clients/expiry-notices.ts';
import type { LastUsed } from './domain/clients/last-used.ts';
import type { SigningKeyring } from './domain/signing-keys/signing-key-rotation.ts';
import { StaleError, type Storage } from './domain/store.ts';
import { type ChangeObserver, Unit } from './domain/unit.ts';
import type { UsageCounter } from './domain/usage/usage-counter.ts';

const LAST_USED_EVERY_MS = 5_000;
const USAGE_EVERY_MS = 5_000;
const KEYS_EVERY_MS = 60_000;
const NOTICES_EVERY_MS = 60_000;

export interface HousekeepingParts {
  readonly storage: Storage;
  readonly lastUsed: LastUsed;
  readonly usage: UsageCounter;
  readonly keyring: SigningKeyring;
  readonly onExpiring: NoticeParts['onExpiring'];
  readonly observer: ChangeObserver;
  readonly onError: (error: unknown) => void;
}

/** Begins. @returns a function that ends it, after writing what is still in memory */
export function housekeeping(parts: HousekeepingParts): () => Promise<void> {
  const { lastUsed, usage, onError } = parts;
  const timers = [
    setInterval(() => void lastUsed.flush().catch(onError), LAST_USED_EVERY_MS),
    setInterval(() => void usage.flush().catch(onError), USAGE_EVERY_MS),
    setInterval(() => void sweepKeys(parts).catch(onError), KEYS_EVERY_MS),
    setInterval(() => void noticeExpiringInTurn(parts, Date.now()).catch(onError), NOTICES_EVERY_MS),
  ];
  for (const timer of timers) timer.unref();
  return async () => {
    for (const timer of timers) clearInterval(timer);
    await lastUsed.flush().catch(onError);
    await usage.close().catch(onError);
  };
}

async function sweepKeys({ keyring, storage, observer }: HousekeepingParts): Promise<void> {
  const unit = new Unit({ author: systemAuthor('housekeeping') });
  await keyring.sweep(unit);
  try {
    await unit.commit(storage, observer);
  } catch (error) {
    // Another node has swept at the same time.
    if (!(error instanceof StaleError)) throw error;
  }
}
