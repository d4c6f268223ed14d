/** Follows the change feed through a change stream, across changes of the primary and outages of any length. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type ChangeStream,
  type Collection,
  type MongoClient,
  MongoNetworkError,
  type ResumeToken,
  Timestamp,
} from 'mongodb';
import type { Change, FeedListener } from '../../domain/store.ts';
import type { FeedRow } from './collections.ts';
import { isTransient, persistently } from './persistence.ts';

// How long the server holds back an answer when there is no news: the listener is to hear something every second.
const AWAIT_MS = 250;
const RETRY_MS = 250;
// A stream that is silent for longer is given up: the driver would first look for its lost server for seconds.
const SILENCE_MS = 1_500;

/** What one look at the stream brought. */
type Look = { changes: readonly Change[]; isAnew: boolean } | 'failed';

export class Follower {
  readonly #client: MongoClient;
  readonly #feed: Collection<FeedRow>;
  readonly #listener: FeedListener;
  readonly #stopping = new AbortController();
  #stream: ChangeStream<FeedRow> | undefined;
  /** Where to go on; undefined before the first start, and where the history behind it is lost. */
  #position: ResumeToken;

  private constructor(client: MongoClient, feed: Collection<FeedRow>, listener: FeedListener) {
    this.#client = client;
    this.#feed = feed;
    this.#listener = listener;
  }

  /** Resolves once the stream is open; see `Storage.follow`. */
  static async start(client: MongoClient, feed: Collection<FeedRow>, listener: FeedListener): Promise<Follower> {
    const follower = new Follower(client, feed, listener);
    const first = await persistently(() => follower.#begin());
    void follower.#run(first.look);
    return follower;
  }

  /** @returns the first look, still under way: the server holds back its answer, but the stream is open by then */
  async #begin(): Promise<{ look: Promise<Look> }> {
    const stream = await this.#open();
    this.#stream = stream;
    const isOpen = new Promise((resolve) => stream.once('resumeTokenChanged', resolve));
    const first = this.#nextOrClosed();
    await Promise.race([isOpen, first]);
    return { look: first.then((changes) => ({ changes, isAnew: false })).catch(() => 'failed' as const) };
  }

  stop(): void {
    this.#stopping.abort();
    this.#closeStream();
  }

  async #run(first: Promise<Look>): Promise<void> {
    let look = await first;
    while (!this.#stopping.signal.aborted) {
      if (look === 'failed') {
        await delay(RETRY_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      } else {
        // Only after the new stream is open: what is read because of the gap misses nothing that comes later.
        if (look.isAnew) this.#listener.gap();
        if (look.changes.length > 0) this.#listener.changed(look.changes);
        this.#listener.heard();
      }
      look = await this.#look();
    }
    // It may have been opened while it was being stopped.
    this.#closeStream();
  }

  async #look(): Promise<Look> {
    const isAnew = this.#stream === undefined && this.#position === undefined;
    try {
      return { changes: await this.#nextOrClosed(), isAnew };
    } catch (error) {
      // Anything but an outage means that the position is of no use: the history behind it is gone, or was replaced.
      if (!isTransient(error)) this.#position = undefined;
      return 'failed';
    }
  }

  async #nextOrClosed(): Promise<readonly Change[]> {
    try {
      return await this.#next();
    } catch (error) {
      this.#closeStream();
      throw error;
    }
  }

  /** @returns what the stream has next, nothing where there is none; opens it where it is not open */
  async #next(): Promise<readonly Change[]> {
    const stream = this.#stream ?? (await this.#open());
    this.#stream = stream;
    const event = await answered(stream.tryNext());
    this.#position = stream.resumeToken;
    // When the collection is dropped the server ends the stream, and the driver says so in no other way.
    if (event === null && stream.closed) throw new Error('MongoDB has ended the change stream.');
    return event?.operationType === 'insert' ? event.fullDocument.changes : [];
  }

  async #open(): Promise<ChangeStream<FeedRow>> {
    const from =
      this.#position === undefined
        ? { startAtOperationTime: oneTickBehind(await this.#settledTime()) }
        : { resumeAfter: this.#position };
    return this.#feed.watch([{ $match: { operationType: 'insert' } }], { ...from, maxAwaitTimeMS: AWAIT_MS });
  }

  /**
   * @returns a time of the set up to which every commit is visible to whoever reads from now on. To begin just "now"
   * would leave a moment in between: what is written already, but not yet kept by a majority.
   */
  async #settledTime(): Promise<Timestamp> {
    const session = this.#client.startSession({ causalConsistency: true });
    try {
      await this.#feed.db.command({ ping: 1 }, { session });
      const time = session.operationTime;
      if (time === undefined) throw new Error('MongoDB did not tell its operation time.');
      await this.#feed.findOne({}, { session, projection: { _id: 1 } });
      return time;
    } finally {
      await session.endSession();
    }
  }

  #closeStream(): void {
    const stream = this.#stream;
    this.#stream = undefined;
    // Nobody waits for it: where its server is gone, the driver looks for that server in vain for seconds.
    stream?.close().catch(() => undefined);
  }
}

/** As the server itself begins: the last operation was before, and may have been the one that ended the old stream. */
function oneTickBehind(time: Timestamp): Timestamp {
  return new Timestamp({ t: time.t, i: time.i + 1 });
}

/** @throws MongoNetworkError where the answer takes too long */
async function answered<T>(answer: Promise<T>): Promise<T> {
  const waiting = new AbortController();
  const silence = delay(SILENCE_MS, undefined, { signal: waiting.signal }).then(() => {
    throw new MongoNetworkError('MongoDB does not answer.');
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    // Whichever comes last is of no interest, even where it fails.
    silence.catch(() => undefined);
    answer.catch(() => undefined);
    waiting.abort();
  }
}
