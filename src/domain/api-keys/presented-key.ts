/** Tells whether a presented API key is genuine, and until when. Whether it may be used is decided elsewhere. */
import { timingSafeEqual } from 'node:crypto';
import type { KeyStanding } from '../catalogue/key-standing.ts';
import type { ReadCredential } from '../verdicts/credentials.ts';
import { apiKeyIdOf, importedApiKeyId, looksLikeApiKey, sha256Of } from './api-key-format.ts';
import type { ApiKey } from './api-keys.ts';

/** Where keys are known: the catalogue. */
export interface KeyKnowledge {
  keyStanding(id: string): Promise<KeyStanding | undefined>;
}

/**
 * Compares a key with what is kept of it, and of those before it that are in their grace. Says nothing of whether it is
 * enabled or was reported as leaked.
 * @param now milliseconds
 * @returns `expired` where it is genuine but over; `invalid` where it is none of ours, or no longer
 * @throws DomainError `unavailable` where it cannot be told
 */
export async function readApiKey(knowledge: KeyKnowledge, presented: string, now: number): Promise<ReadCredential> {
  const id = looksLikeApiKey(presented) ? apiKeyIdOf(presented) : importedApiKeyId(sha256Of(presented));
  const standing = id === undefined ? undefined : await knowledge.keyStanding(id);
  if (standing === undefined) return { outcome: 'invalid' };
  const match = matchOf(standing.key, presented);
  if (match === undefined) return { outcome: 'invalid' };
  const { expires_at } = standing.key;
  const ends = [expires_at, match.ends_at].filter((time) => time !== null).map((time) => Date.parse(time));
  const endsAt = ends.length === 0 ? null : Math.min(...ends);
  const credential = { kind: 'api_key', standing, endsAt } as const;
  return { outcome: endsAt !== null && endsAt <= now ? 'expired' : 'genuine', credential };
}

/** @returns which of a record's keys this is: the current one, or an earlier one with its end */
export function matchOf(
  { current, earlier }: Pick<ApiKey, 'current' | 'earlier'>,
  presented: string,
): { readonly ends_at: string | null } | undefined {
  const hash = Buffer.from(sha256Of(presented));
  const isIt = (proof: { hash: string }) => {
    const kept = Buffer.from(proof.hash);
    return kept.length === hash.length && timingSafeEqual(kept, hash);
  };
  if (isIt(current)) return { ends_at: null };
  return earlier.find(isIt);
}
