/** Finds what a request about an initial access token names, and tells all that is wrong with it at once. */
import type { Permission } from '../access/principal.ts';
import { type Inquirer, visibleApplication } from '../access/visibility.ts';
import { apis } from '../apis/apis.ts';
import { References } from '../apis/references.ts';
import { roles } from '../apis/roles.ts';
import { applications } from '../applications/applications.ts';
import type { Mistake } from '../errors.ts';
import type { Storage } from '../store.ts';
import { Unit } from '../unit.ts';
import type { Work } from '../work.ts';
import type { InitialAccessTokenDraft } from './initial-access-token-drafts.ts';
import type { InitialAccessToken } from './initial-access-tokens.ts';

const LONGEST_LIFE_DAYS = 366;
const DAY_MS = 24 * 3600 * 1000;

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
  return (await resolveInitialAccessToken({ storage, principal, unit: new Unit() }, given, before)).mistakes;
}

/** Exchanges names for ids, and demands in the unit that what was named stays. */
export async function resolveInitialAccessToken(work: Work, given: Given, before?: InitialAccessToken) {
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
