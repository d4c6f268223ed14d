/** What may be done with initial access tokens. */
import { z } from 'zod';
import { endOfActing } from '../access/key-expiry.ts';
import { demandGrants, type Grant, grantsOfRoles } from '../access/may-grant.ts';
import { memberOf, type Permission, type Principal } from '../access/principal.ts';
import { type Inquirer, visibleApplication } from '../access/visibility.ts';
import { apis } from '../apis/apis.ts';
import { NamedPermission, References } from '../apis/references.ts';
import { RoleName, roles } from '../apis/roles.ts';
import { type Application, applications } from '../applications/applications.ts';
import { addedGrants, NO_RIGHTS } from '../clients/client-grants.ts';
import { DomainError, invalid, type Mistake } from '../errors.ts';
import { changesNothing, definedIn } from '../merge.ts';
import { Timestamp } from '../record.ts';
import type { Storage } from '../store.ts';
import { Unit } from '../unit.ts';
import type { Work } from '../work.ts';
import {
  InitialAccessToken,
  initialAccessTokens,
  initialAccessTokenUses,
  type Maker,
} from './initial-access-tokens.ts';
import { newRegistrationToken } from './registration-tokens.ts';

const LONGEST_LIFE_DAYS = 366;
const DAY_MS = 24 * 3600 * 1000;

const { shape } = InitialAccessToken;

const writable = {
  name: shape.name,
  max_uses: shape.max_uses.meta({ description: 'How many clients it may register in all; null for any number.' }),
  expires_at: Timestamp.meta({ description: 'From then on it registers nothing; a year ahead at most.' }),
  enabled: shape.enabled,
};

/** What an initial access token is made from. */
export const InitialAccessTokenDraft = z
  .strictObject({
    ...writable,
    application_id: z.string().min(1).max(100).meta({ description: 'Whose clients they become.' }),
    environment: shape.environment,
    permissions: z
      .array(NamedPermission)
      .max(500)
      .default([])
      .meta({ description: 'The most that a client may be given by it.' }),
    roles: z.array(RoleName).max(100).default([]).meta({ description: 'Likewise.' }),
    max_uses: writable.max_uses.default(null),
    enabled: writable.enabled.default(true),
  })
  .meta({
    id: 'InitialAccessTokenDraft',
    example: {
      name: 'Developer portal',
      application_id: 'app_5vq3m8t1c7w2zk9x4n6bd0fh',
      environment: 'production',
      permissions: [{ api: 'https://api.example.com/orders', scope: 'orders:read' }],
      max_uses: 100,
      expires_at: '2027-06-30T00:00:00.000Z',
    },
  });
export type InitialAccessTokenDraft = z.output<typeof InitialAccessTokenDraft>;

/** What of one may be changed. Another ceiling is another token. */
export const InitialAccessTokenChanges = z
  .strictObject(writable)
  .partial()
  .meta({ id: 'InitialAccessTokenChanges', example: { enabled: false } });
export type InitialAccessTokenChanges = z.output<typeof InitialAccessTokenChanges>;

type Given = Partial<InitialAccessTokenDraft>;

/**
 * @param before the token that is changed; undefined for one that is made
 * @returns what is wrong with these members, beyond what their schemas say
 */
export async function initialAccessTokenMistakes(
  { storage, principal }: Inquirer,
  given: Given,
  before?: InitialAccessToken,
): Promise<Mistake[]> {
  return (await resolve({ storage, principal, unit: new Unit() }, given, before)).mistakes;
}

/** @returns the record, and the token itself to be shown once @throws DomainError `invalid`, `forbidden` */
export async function createInitialAccessToken(
  work: Work,
  draft: InitialAccessTokenDraft,
): Promise<{ record: InitialAccessToken; token: string }> {
  const { permissions, role_ids, mistakes } = await resolve(work, draft);
  if (mistakes.length > 0) throw invalid(mistakes);
  demandLasting(work.principal, ['']);
  await demandGrants(work, await addedGrants(work.storage, NO_RIGHTS, { ...NO_RIGHTS, permissions, role_ids }));
  const { id, token, proof } = newRegistrationToken('iat');
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
  const { mistakes } = await resolve(work, given, before);
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

async function resolve(work: Work, given: Given, before?: InitialAccessToken) {
  const references = new References(work);
  const permissions = await references.permissions(given.permissions ?? [], '/permissions');
  const role_ids = await references.roles(given.roles ?? [], '/roles');
  const mistakes = [
    ...references.mistakes,
    ...(await applicationMistakes(work, given.application_id)),
    ...(await administrationMistakes(work.storage, given, permissions, role_ids)),
    ...endMistakes(work.unit.now, given.expires_at, before),
  ];
  return { permissions, role_ids, mistakes };
}

async function applicationMistakes(work: Work, id: string | undefined): Promise<Mistake[]> {
  if (id === undefined) return [];
  const application = await visibleApplication(work, id);
  if (application === undefined) return [{ pointer: '/application_id', detail: 'names no application' }];
  work.unit.require(applications, application);
  return [];
}

/** What registers itself administers nothing. */
async function administrationMistakes(
  storage: Storage,
  given: Given,
  permissions: readonly Permission[],
  roleIds: readonly string[],
): Promise<Mistake[]> {
  const held = await storage.getMany(roles, roleIds);
  const all = [...permissions, ...held.flatMap((role) => role.permissions)];
  const named = await storage.getMany(apis, [...new Set(all.map(({ api_id }) => api_id))]);
  const builtIn = named.filter(({ built_in }) => built_in);
  const administers = held.filter((role) =>
    role.permissions.some((one) => builtIn.some(({ id }) => id === one.api_id)),
  );
  return [
    ...(given.permissions ?? []).flatMap(({ api }, index) =>
      builtIn.some(({ identifier }) => identifier === api)
        ? [{ pointer: `/permissions/${index}/api`, detail: 'must not be the admin API' }]
        : [],
    ),
    ...(given.roles ?? []).flatMap((name, index) =>
      administers.some((role) => role.name === name)
        ? [{ pointer: `/roles/${index}`, detail: 'must not hold scopes of the admin API' }]
        : [],
    ),
  ];
}

function endMistakes(now: number, end: string | undefined, before?: InitialAccessToken): Mistake[] {
  // One that is only repeated may lie in the past.
  if (end === undefined || (before && Date.parse(end) === Date.parse(before.expires_at))) return [];
  if (Date.parse(end) <= now) return [{ pointer: '/expires_at', detail: 'must lie ahead' }];
  if (Date.parse(end) <= now + LONGEST_LIFE_DAYS * DAY_MS) return [];
  return [{ pointer: '/expires_at', detail: 'must be no more than a year ahead' }];
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
