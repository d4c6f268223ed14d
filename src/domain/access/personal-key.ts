/** Whether a personal key opens the admin API, and to whom. What the key itself restricts holds here as at any door. */
import { looksLikeApiKey } from '../api-keys/api-key-format.ts';
import { readApiKey } from '../api-keys/presented-key.ts';
import { type PolicyLookup, policiesOf } from '../catalogue/holding.ts';
import type { KeyStanding } from '../catalogue/key-standing.ts';
import { DomainError } from '../errors.ts';
import type { Limits } from '../limits/limits.ts';
import { type AdminReach, type AdminScopeKnowledge, memberPrincipal } from './member-principal.ts';
import type { MemberPrincipal } from './principal.ts';

export interface PersonalKeyParts extends AdminReach {
  readonly knowledge: AdminScopeKnowledge &
    PolicyLookup & { keyStanding(id: string): Promise<KeyStanding | undefined> };
  readonly limits: Pick<Limits, 'admit'>;
  /** Told of each use. */
  readonly onKeyUsed: (keyId: string, at: number) => void;
}

/**
 * @param address from where it was sent, as far as anyone knows
 * @param now milliseconds
 * @returns whom it speaks for; undefined where it opens nothing
 * @throws DomainError `too_many_requests` where its policy's limit is reached, `unavailable` where that cannot be told
 */
export async function admitPersonalKey(
  parts: PersonalKeyParts,
  presented: string,
  address: string | undefined,
  now: number,
): Promise<MemberPrincipal | undefined> {
  const { knowledge, limits } = parts;
  // None is imported: what was made elsewhere is looked for nowhere.
  if (!looksLikeApiKey(presented)) return undefined;
  const read = await readApiKey(knowledge, presented, now);
  if (read.outcome !== 'genuine' || read.credential.kind !== 'api_key') return undefined;
  const { standing } = read.credential;
  const { key, member, restrictions } = standing;
  if (member === null || !isForAdministration(standing, knowledge.apiByIdentifier(parts.resource)?.id))
    return undefined;
  if (!restrictions.every(({ addresses }) => addresses === null || addresses.has(address))) return undefined;
  const policies = policiesOf(knowledge, standing);
  if (policies.length > 0) {
    const admission = await limits.admit(key.id, policies);
    if (!admission.admitted) throw limitReached(admission.retry_after_seconds);
  }
  parts.onKeyUsed(key.id, now);
  return memberPrincipal(member, key, knowledge, parts);
}

function limitReached(retryAfterSeconds: number): DomainError {
  return new DomainError('too_many_requests', "This key's limit is reached.", { retryAfterSeconds });
}

function isForAdministration({ key, enabled, profile }: KeyStanding, adminApiId: string | undefined): boolean {
  const isOurs = key.kind === 'personal' && key.for === 'admin' && enabled && key.leaked_at === null;
  if (!isOurs || profile === null) return isOurs;
  // A profile narrows to its collections' APIs, and lets in keys only where they are what it takes.
  const { record, apiIds } = profile;
  return (
    record.enabled && record.authentication.method === 'token' && adminApiId !== undefined && apiIds.has(adminApiId)
  );
}
