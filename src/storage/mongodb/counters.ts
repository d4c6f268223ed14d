/**
 * The counters that all nodes share. Nothing is added twice: what is sent again because a primary went is sent by the
 * driver, once, under the number by which the servers know it. Where that fails too, it may have been added or not.
 */
import type { Collection, Document, MongoClient } from 'mongodb';
import type { Addition } from '../additions.ts';
import type { Counter } from './collections.ts';
import { untilInserted, untilOneInserted } from './insert-races.ts';
import { persistently } from './persistence.ts';

// Beyond this, one answer for each counter costs more than what it adds: a tenth of the time, for thousands.
const FEW = 16;

/**
 * @returns what each counter comes to, by its id: just by this addition where they are few, so that no two callers are
 * told the same; where they are many, maybe with what others added a moment later
 */
export async function addToCounters(
  client: MongoClient,
  counters: Collection<Counter>,
  additions: readonly Addition[],
): Promise<Map<string, number>> {
  if (additions.length > FEW) return await addToMany(client, counters, additions);
  return new Map(await Promise.all(additions.map((addition) => addToOne(counters, addition))));
}

async function addToOne(counters: Collection<Counter>, addition: Addition): Promise<[string, number]> {
  const after = await untilOneInserted(() =>
    counters.findOneAndUpdate({ _id: { $eq: addition.id } }, updateFor(addition), {
      upsert: true,
      returnDocument: 'after',
    }),
  );
  return [addition.id, after?.total ?? addition.by];
}

async function addToMany(
  client: MongoClient,
  counters: Collection<Counter>,
  additions: readonly Addition[],
): Promise<Map<string, number>> {
  // In one causal session: also a primary that is new shows what was added, before it knows that a majority has it.
  return await client.withSession({ causalConsistency: true }, async (session) => {
    await untilInserted(additions, async (missing) => {
      const updates = missing.map((addition) => ({
        updateOne: { filter: { _id: { $eq: addition.id } }, update: updateFor(addition), upsert: true },
      }));
      await counters.bulkWrite(updates, { ordered: false, session });
    });
    const ids = additions.map(({ id }) => id);
    const found = await persistently(() => counters.find({ _id: { $in: ids } }, { session }).toArray());
    const totals = new Map(found.map(({ _id, total }) => [_id, total]));
    // Missing is only what was over at once, and removed.
    return new Map(additions.map(({ id, by }) => [id, totals.get(id) ?? by]));
  });
}

/** Computed by the server from what is there: what is over counts as zero, removed or not. */
function updateFor({ by, expires }: Addition): Document[] {
  const before = { $cond: [{ $gt: ['$_expires', new Date()] }, '$total', 0] };
  return [{ $set: { total: { $add: [before, by] }, _expires: new Date(expires) } }];
}
