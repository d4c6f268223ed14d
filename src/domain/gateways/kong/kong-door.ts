/** What a sync asks of a Kong, and what Kong may say to it. */
import type { KongEntity, KongKind } from './kong-entities.ts';

export interface KongDoor {
  /** @returns every entity of this kind that has both of the gateway's tags @throws KongFailure */
  list(kind: KongKind): Promise<KongEntity[]>;
  /** Makes it what it should be, whatever it was: anything but an API key. @throws KongRefusal, KongFailure */
  put(entity: KongEntity): Promise<void>;
  /** Makes an API key. @throws KongRefusal, KongFailure */
  putKey(entity: KongEntity, key: ClearKey): Promise<void>;
  /** Removes it, also where it is gone already. @throws KongRefusal, KongFailure */
  remove(entity: KongEntity): Promise<void>;
}

/** An API key as its holder has it. */
export interface ClearKey {
  readonly text: string;
  /** Milliseconds since 1970; null for never. */
  readonly endsAt: number | null;
}

/** Kong does not take this one entity; the message says why, without anything that was sent. */
export class KongRefusal extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KongRefusal';
  }
}

/** Kong cannot be worked with now; the message says why. */
export class KongFailure extends Error {
  /** Whether it will not be otherwise until somebody changes something. */
  readonly isLasting: boolean;

  constructor(message: string, { isLasting = false, cause }: { isLasting?: boolean; cause?: unknown } = {}) {
    super(message, { cause });
    this.name = 'KongFailure';
    this.isLasting = isLasting;
  }
}
