/** Which keys a client has taken back, and when: the tokens that they got are dead, also when a key is put back. */

import { LONGEST_LIFETIME_SECONDS } from '../record.ts';
import { shortKeyIds } from './client-keys.ts';
import type { Client } from './clients.ts';

/**
 * @param now the time of the change, in milliseconds
 * @returns the client's ended keys after the change; those whose last token is long over are left out
 */
export function endedKeys(
  before: Pick<Client, 'jwks' | 'ended_keys'>,
  after: Pick<Client, 'jwks'>,
  now: number,
): Client['ended_keys'] {
  const kept = after.jwks === null ? new Set<string>() : shortKeyIds(after.jwks);
  const gone = [...(before.jwks === null ? [] : shortKeyIds(before.jwks))].filter((id) => !kept.has(id));
  const oldest = now - LONGEST_LIFETIME_SECONDS * 1000;
  const earlier = before.ended_keys.filter(
    ({ short_id, ended_at }) => !gone.includes(short_id) && Date.parse(ended_at) > oldest,
  );
  return [...earlier, ...gone.map((short_id) => ({ short_id, ended_at: new Date(now).toISOString() }))];
}
