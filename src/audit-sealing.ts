/** Seals the audit trail as it grows, and lets checkpoints of it leave the store: one process does it for all. */
import { appendFile } from 'node:fs/promises';
import { readHead, sealEntries } from './domain/audit/chain.ts';
import type { Checkpoint, CheckpointKey } from './domain/audit/checkpoints.ts';
import { Duty } from './domain/installation/duties.ts';
import type { Storage } from './domain/store.ts';

const SEAL_EVERY_MS = 200;
const CHECKPOINT_EVERY_MS = 60_000;

export interface SealingParts {
  readonly storage: Storage;
  readonly issuer: string;
  readonly checkpointKey: CheckpointKey;
  /** A file to which each checkpoint is appended, beside the log. */
  readonly checkpointFile: string | undefined;
  readonly onCheckpoint: (jws: string, checkpoint: Checkpoint) => void;
  readonly onError: (error: unknown) => void;
}

/** Begins. @returns a function that seals what there is, lets a last checkpoint go, and ends it */
export function sealAudit(parts: SealingParts): () => Promise<void> {
  const { storage, onError } = parts;
  const duty = new Duty(storage, 'audit-sealing');
  const checkpoints = new CheckpointWriter(parts);
  let round = Promise.resolve();
  const seal = async () => {
    const now = Date.now();
    if (!(await duty.isOurs(now))) return;
    while ((await sealEntries(storage, now)) > 0);
    await checkpoints.writeEvery(CHECKPOINT_EVERY_MS, now);
  };
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    round = seal()
      .catch(onError)
      .finally(() => {
        isBusy = false;
      });
  }, SEAL_EVERY_MS).unref();
  return async () => {
    clearInterval(timer);
    await round;
    try {
      if (await duty.isOurs(Date.now())) {
        while ((await sealEntries(storage, Date.now())) > 0);
        await checkpoints.writeEvery(0, Date.now());
      }
      await duty.giveUp();
    } catch (error) {
      onError(error);
    }
  };
}

class CheckpointWriter {
  readonly #parts: SealingParts;
  #count = 0;
  #writtenAt = 0;

  constructor(parts: SealingParts) {
    this.#parts = parts;
  }

  /** Where the chain has grown since the last one, and that is long enough ago. */
  async writeEvery(milliseconds: number, now: number): Promise<void> {
    if (now - this.#writtenAt < milliseconds) return;
    const { storage, issuer, checkpointKey, checkpointFile, onCheckpoint } = this.#parts;
    const { count, hash } = await readHead(storage);
    if (count === this.#count) return;
    const checkpoint = { iss: issuer, at: new Date(now).toISOString(), count, hash };
    const jws = checkpointKey.sign(checkpoint);
    onCheckpoint(jws, checkpoint);
    if (checkpointFile !== undefined) await appendFile(checkpointFile, `${jws}\n`, { mode: 0o600 });
    this.#count = count;
    this.#writtenAt = now;
  }
}
