/** What may be done with initial access tokens. */
import { endOfActing } from '../access/key-expiry.ts';
import { demandGrants, type Grant, grantsOfRoles } from '../access/may-grant.ts';
import { memberOf, type Principal } from '../access/principal.ts';
import { newRecordedToken } from '../access/recorded-tokens.ts';
import type { Application } from '../applications/applications.ts';
import { addedGrants, NO_RIGHTS } from '../clients/client-grants.ts';
import { DomainError, invalid } from '../errors.ts';
import { changesNothing, definedIn } from '../merge.ts';
import type { Storage } from '../store.ts';
import type { Work } from '../work.ts';
import type { InitialAccessTokenChanges, InitialAccessTokenDraft } from './initial-access-token-drafts.ts';
import { resolveInitialAccessToken } from './initial-access-token-references.ts';
import {
  type InitialAccessToken,
  initialAccessTokens,
  initialAccessTokenUses,
  type Maker,
} from './initial-access-tokens.ts';

/** @returns the record, and the token itself to be shown once @throws DomainError `invalid`, `forbidden` */
export async function createInitialAccessToken(
  work: Work,
  draft: InitialAccessTokenDraft,
): Promise<{ record: InitialAccessToken; token: string }> {
  const { permissions, role_ids, mistakes } = await resolveInitialAccessToken(work, draft);
  if (mistakes.length > 0) throw invalid(mistakes);
  demandLasting(work.principal, ['']);
  await demandGrants(work, await addedGrants(work.storage, NO_RIGHTS, { ...NO_RIGHTS, permissions, role_ids }));
  const { id, token, proof } = newRecordedToken('iat');
  const { roles: _, ...own } = draft;
  const record = work.unit.insert(initialAccessTokens, {
    id,
    ...own,
    permissions,
    role_ids,
    expires_at: new Date(draft.expires_at).toISOString(),
    ...proof,
    made_by: makerOf(work.principal),
  });
  work.unit.insert(initialAccessTokenUses, { id, uses: 0 });
  return { record, token };
}

/** @throws DomainError `invalid`; `forbidden` where it would register more clients than who asks could himself */
export async function changeInitialAccessToken(
  work: Work,
  before: InitialAccessToken,
  changes: InitialAccessTokenChanges,
): Promise<InitialAccessToken> {
  const given = definedIn(changes);
  const { mistakes } = await resolveInitialAccessToken(work, given, before);
  if (mistakes.length > 0) throw invalid(mistakes);
  const patch = { ...given, ...(given.expires_at && { expires_at: new Date(given.expires_at).toISOString() }) };
  if (changesNothing(before, patch)) return before;
  const places = widenedPlaces(before, { ...before, ...patch });
  demandLasting(work.principal, places);
  for (const at of places) await demandGrants(work, await grantsOf(work.storage, before, at));
  return work.unit.replace(initialAccessTokens, before, patch);
}

/** The clients that it registered stay. */
export async function removeInitialAccessToken({ storage, unit }: Work, token: InitialAccessToken): Promise<void> {
  unit.remove(initialAccessTokens, token);
  const uses = await storage.get(initialAccessTokenUses, token.id);
  if (uses) unit.remove(initialAccessTokenUses, uses);
}

/** Removes those of an application that goes. */
export async function removeInitialAccessTokensOf(work: Work, applicationId: string): Promise<void> {
  for (const token of await work.storage.all(initialAccessTokens, { application_id: applicationId })) {
    await removeInitialAccessToken(work, token);
  }
}

/**
 * Demands what those of an application hand on that is enabled again, for they register clients again. Those of his own
 * application a member handles whatever they hold.
 * @param at the place in the request that would bring it about
 * @throws DomainError `forbidden`
 */
export async function demandRightsOfTokensOf(work: Work, application: Application, at: string): Promise<void> {
  const { storage, principal, unit } = work;
  const tokens = await storage.all(initialAccessTokens, { application_id: application.id });
  for (const token of tokens.filter(({ enabled }) => enabled)) {
    unit.require(initialAccessTokens, token);
    demandLasting(principal, [at]);
    const isOwn = application.owner !== null && application.owner === memberOf(principal);
    if (!isOwn) await demandGrants(work, await grantsOf(storage, token, at));
  }
}

/** @returns everything that a token hands on, as asked for at `at` */
export async function grantsOf(
  storage: Storage,
  { permissions, role_ids }: Pick<InitialAccessToken, 'permissions' | 'role_ids'>,
  at: string,
): Promise<Grant[]> {
  return [
    ...permissions.map((permission) => ({ permission, at })),
    ...(await grantsOfRoles(storage, role_ids, () => at)),
  ];
}

/** @returns what would let it register clients that it could not register before, as JSON Pointers */
function widenedPlaces(before: InitialAccessToken, after: InitialAccessToken): string[] {
  const most = ({ max_uses }: InitialAccessToken) => max_uses ?? Number.POSITIVE_INFINITY;
  return [
    ...(after.enabled && !before.enabled ? ['/enabled'] : []),
    ...(Date.parse(after.expires_at) > Date.parse(before.expires_at) ? ['/expires_at'] : []),
    ...(most(after) > most(before) ? ['/max_uses'] : []),
  ];
}

/** @throws DomainError `forbidden` where the principal acts by a key that ends: clients that are registered would not */
function demandLasting(principal: Principal, places: readonly string[]): void {
  if (endOfActing(principal) === null || places.length === 0) return;
  throw new DomainError('forbidden', 'A personal key that ends lets no clients be registered: they would outlive it.', {
    errors: places.map((pointer) => ({ pointer, detail: 'is not for a personal key that ends' })),
  });
}

function makerOf(principal: Principal): Maker {
  if (principal.kind === 'machine') return { kind: 'client', id: principal.client_id };
  return { kind: 'member', id: principal.member_id };
}
