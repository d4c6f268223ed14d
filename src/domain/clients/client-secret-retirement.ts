/** Whether a secret can be deleted without anybody's noticing: what is known of its use, and of the use of the others. */
import { z } from 'zod';
import { apis } from '../apis/apis.ts';
import type { Storage } from '../store.ts';
import { type ClientSecret, clientSecrets, isLive } from './client-secrets.ts';
import type { Client } from './clients.ts';

export const UNUSED_DAYS_DEFAULT = 7;
export const UNUSED_DAYS_MAX = 365;

/**
 * `unused`: the one that is safe. `used_lately`: it was used within the time that was asked about. `too_new`: it never
 * was, and is younger than that. `tokens_live`: a token that it got may still be in use, and would end with it.
 * `no_other_in_use`: no other secret has been used since, so nobody can tell whether its user has another.
 */
export const RetirementReason = z.enum(['unused', 'used_lately', 'too_new', 'tokens_live', 'no_other_in_use']);

export interface Retirement {
  readonly safe: boolean;
  readonly reason: z.infer<typeof RetirementReason>;
  /** The other live secret that was used last, where it was used after this one. */
  readonly in_use_instead: string | null;
}

const DAY_MS = 24 * 3600 * 1000;

/**
 * @param unusedDays how long it must not have been used
 * @param now milliseconds
 */
export async function retirementOf(
  storage: Storage,
  client: Client,
  secret: ClientSecret,
  unusedDays: number,
  now: number,
): Promise<Retirement> {
  const { created_at, last_used_at } = secret;
  const since = Date.parse(last_used_at ?? created_at);
  const secrets = await storage.all(clientSecrets, { client_id: client.id });
  const in_use_instead = usedSince(since, secrets, secret.id, now)?.id ?? null;
  const answer = (reason: Retirement['reason']) => ({ safe: reason === 'unused', reason, in_use_instead });
  if (now - since < unusedDays * DAY_MS) return answer(last_used_at === null ? 'too_new' : 'used_lately');
  if (last_used_at !== null && now - since < (await longestLifetimeMs(storage, client))) return answer('tokens_live');
  return answer(in_use_instead === null ? 'no_other_in_use' : 'unused');
}

function usedSince(since: number, secrets: readonly ClientSecret[], id: string, now: number): ClientSecret | undefined {
  const others = secrets.filter((other) => other.id !== id && isLive(other, now) && usedAt(other) > since);
  return others.sort((a, b) => usedAt(b) - usedAt(a))[0];
}

function usedAt({ last_used_at }: ClientSecret): number {
  return last_used_at === null ? Number.NEGATIVE_INFINITY : Date.parse(last_used_at);
}

/** As lifetimes are now; a policy may shorten them, and one that is over-estimated does no harm. */
async function longestLifetimeMs(storage: Storage, { token_lifetime_seconds }: Client): Promise<number> {
  if (token_lifetime_seconds !== null) return token_lifetime_seconds * 1000;
  const lifetimes = (await storage.all(apis)).map((api) => api.token_lifetime_seconds);
  return Math.max(0, ...lifetimes) * 1000;
}
