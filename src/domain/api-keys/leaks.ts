/** What becomes of API keys that somebody found: whoever holds one can end it, without any credential. */
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import { apiKeyIdOf, proofOf } from './api-key-format.ts';
import { apiKeys } from './api-keys.ts';
import { matchOf } from './presented-key.ts';

/**
 * Reads the records that these texts could be keys of, all at once.
 * @returns those that are keys of ours; all others have cost a checksum, or a hash and a share of that reading
 */
export async function genuineKeys(storage: Storage, texts: readonly string[]): Promise<string[]> {
  const idsByText = new Map(texts.map((text) => [text, apiKeyIdOf(text)]));
  const ids = new Set([...idsByText.values()].filter((id) => id !== undefined));
  if (ids.size === 0) return [];
  const records = new Map((await storage.getMany(apiKeys, [...ids])).map((record) => [record.id, record]));
  return [...idsByText].flatMap(([text, id = '']) => {
    const record = records.get(id);
    return record !== undefined && matchOf(record, text) !== undefined ? [text] : [];
  });
}

/**
 * Ends a key that leaked. With the current one end those in their grace, for who had that may have had them too, and its
 * record stays refused until it is refreshed. One in its grace ends alone, for good: else an old key would be enough to
 * stop whoever has replaced it.
 * @returns the record's id; undefined where there was nothing to end
 */
export async function endLeakedKey(
  { storage, unit }: { storage: Storage; unit: Unit },
  presented: string,
): Promise<string | undefined> {
  const id = apiKeyIdOf(presented);
  const record = id === undefined ? undefined : await storage.get(apiKeys, id);
  const match = record && matchOf(record, presented);
  if (record === undefined || match === undefined) return undefined;
  if (match.ends_at !== null) {
    const { hash } = proofOf(presented);
    unit.replace(
      apiKeys,
      record,
      { earlier: record.earlier.filter((proof) => proof.hash !== hash) },
      { verb: 'leaked' },
    );
  } else if (record.leaked_at === null) {
    unit.replace(apiKeys, record, { leaked_at: unit.at }, { verb: 'leaked' });
  } else return undefined;
  return record.id;
}
