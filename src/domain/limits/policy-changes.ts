/**
 * What may be done with policies. There is no rule of granting here: a policy hands out nothing, and how much may be
 * asked is decided by whoever may write policies, which is for platform owners and the machines that they let do it.
 * Only what limits himself, or what administers Latchkey, nobody changes who does not stand for a platform owner.
 */
import { z } from 'zod';
import { demandOwnerOver } from '../access/may-grant.ts';
import { isPlatformOwner } from '../access/principal.ts';
import { demandOwnHands } from '../api-keys/api-key-rights.ts';
import { apiKeys } from '../api-keys/api-keys.ts';
import { accessProfiles } from '../applications/access-profiles.ts';
import { clients } from '../clients/clients.ts';
import { DomainError, invalid, type Mistake } from '../errors.ts';
import { newId } from '../ids.ts';
import { changesNothing, definedIn } from '../merge.ts';
import type { Work } from '../work.ts';
import { Policy, policies, Quota, RateLimit, TokenIssuance } from './policies.ts';

const { name, max_token_lifetime_seconds } = Policy.shape;
const example = { name: 'Partners', rate_limit: { requests: 100, per_seconds: 1 } };

/** What a policy is made from. */
export const PolicyDraft = z
  .strictObject({
    name,
    rate_limit: RateLimit.nullable().default(null),
    quota: Quota.nullable().default(null),
    max_token_lifetime_seconds: max_token_lifetime_seconds.default(null),
    token_issuance: TokenIssuance.nullable().default(null),
  })
  .meta({ id: 'PolicyDraft', example });
export type PolicyDraft = z.output<typeof PolicyDraft>;

/** What of a policy may be changed; what is left out within a limit stays as it is, too (RFC 7396). */
export const PolicyChanges = z
  .strictObject({
    name,
    rate_limit: RateLimit.partial().nullable(),
    quota: Quota.partial().nullable(),
    max_token_lifetime_seconds,
    token_issuance: TokenIssuance.partial().nullable(),
  })
  .partial()
  .meta({ id: 'PolicyChanges', example: { rate_limit: { requests: 200 } } });
export type PolicyChanges = z.output<typeof PolicyChanges>;

const LIMITS = { rate_limit: RateLimit, quota: Quota, token_issuance: TokenIssuance };

/** @returns what is missing from limits that would begin with this change */
export function policyMistakes(before: Policy, changes: PolicyChanges): Mistake[] {
  const after = merged(before, changes);
  return Object.entries(LIMITS).flatMap(([limit, { shape }]) => {
    const value = Reflect.get(after, limit);
    if (value === undefined || value === null) return [];
    return Object.keys(shape).flatMap((member) =>
      Reflect.get(value, member) === undefined ? [{ pointer: `/${limit}/${member}`, detail: 'is required' }] : [],
    );
  });
}

/** Makes a policy, which binds nobody until a profile or a key names it. */
export function createPolicy({ unit }: Work, draft: PolicyDraft): Policy {
  return unit.insert(policies, { id: newId('pol'), ...draft });
}

/** Holds from now on for what is counted already, too. @throws DomainError `invalid`, `forbidden` */
export async function changePolicy(work: Work, before: Policy, changes: PolicyChanges): Promise<Policy> {
  const { unit } = work;
  await demandForeignPolicy(work, before);
  const mistakes = policyMistakes(before, changes);
  if (mistakes.length > 0) throw invalid(mistakes);
  const patch = merged(before, changes) as Partial<Policy>;
  if (changesNothing(before, patch)) return before;
  await demandUnderNoAdministration(work, before);
  return unit.replace(policies, before, patch);
}

/** @throws DomainError at the commit `conflict` while a profile or a key names it */
export function removePolicy({ unit }: Work, policy: Policy): void {
  unit.remove(policies, policy);
}

/** @throws DomainError `forbidden` where the principal's own client, key or access profile names the policy */
async function demandForeignPolicy({ storage, principal }: Work, policy: Policy): Promise<void> {
  if (isPlatformOwner(principal)) return;
  const own =
    principal.kind === 'machine'
      ? await storage.get(clients, principal.client_id)
      : principal.key && (await storage.get(apiKeys, principal.key.id));
  const profileId = own?.access_profile_id ?? null;
  const profile = profileId === null ? undefined : await storage.get(accessProfiles, profileId);
  const isUnder = profile?.policy_id === policy.id || (own && 'policy_id' in own && own.policy_id === policy.id);
  if (!isUnder) return;
  throw new DomainError('forbidden', 'This policy limits who asks: let a platform owner change it.');
}

/**
 * With limits that nobody can keep one could shut out those who administer Latchkey.
 * @throws DomainError `forbidden` where their clients or keys are under the policy, by themselves or by an access profile
 */
async function demandUnderNoAdministration(work: Work, policy: Policy): Promise<void> {
  const { storage, principal } = work;
  if (isPlatformOwner(principal)) return;
  const profileIds = (await storage.all(accessProfiles, { policy_id: policy.id })).map(({ id }) => id);
  await demandOwnerOver(work, await storage.all(clients, { access_profile_id: profileIds }));
  const keys = [
    ...(await storage.all(apiKeys, { policy_id: policy.id })),
    ...(await storage.all(apiKeys, { access_profile_id: profileIds })),
  ];
  for (const key of keys) demandOwnHands(principal, key);
}

function merged(before: Policy, changes: PolicyChanges): Partial<PolicyChanges> {
  const { rate_limit, quota, token_issuance, ...others } = changes;
  return definedIn({
    ...others,
    rate_limit: rate_limit && { ...before.rate_limit, ...definedIn(rate_limit) },
    quota: quota && { ...before.quota, ...definedIn(quota) },
    token_issuance: token_issuance && { ...before.token_issuance, ...definedIn(token_issuance) },
  });
}
