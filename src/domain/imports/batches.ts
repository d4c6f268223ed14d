/** Gathers what comes one by one into batches, and lets nothing wait for what does not come. */

export interface BatchLimits {
  readonly max: number;
  /** How long the first of a batch waits for others. */
  readonly waitMs: number;
}

/** @returns batches in order, none empty; asks for no more items than go into the batch that was asked for */
export async function* inBatches<T>(items: AsyncIterable<T>, { max, waitMs }: BatchLimits): AsyncGenerator<T[]> {
  const iterator = items[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<T>> | undefined;
  try {
    for (;;) {
      next ??= iterator.next();
      const first = await next;
      next = undefined;
      if (first.done) return;
      const batch = [first.value];
      const timer = new Timer(waitMs);
      while (batch.length < max) {
        next = iterator.next();
        // It is awaited later, where this batch is not kept waiting for it.
        next.catch(() => undefined);
        const result = await Promise.race([next, timer.over]);
        if (result === undefined) break;
        next = undefined;
        if (result.done) {
          timer.stop();
          yield batch;
          return;
        }
        batch.push(result.value);
      }
      timer.stop();
      yield batch;
    }
  } finally {
    await iterator.return?.();
  }
}

class Timer {
  readonly over: Promise<undefined>;
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.over = new Promise((resolve) => {
      this.#timer = setTimeout(() => resolve(undefined), ms);
    });
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
