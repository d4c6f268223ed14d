/** Whether the token of a registration counts at this moment, and what may be done by it. */
import { demandGrants } from '../access/may-grant.ts';
import type { Principal } from '../access/principal.ts';
import { isTokenOf, recordIdOf } from '../access/recorded-tokens.ts';
import { apis } from '../apis/apis.ts';
import { roles } from '../apis/roles.ts';
import { type Application, applications } from '../applications/applications.ts';
import { permissionsOf } from '../catalogue/holding.ts';
import type { Standing } from '../catalogue/standing.ts';
import { type Client, clients } from '../clients/clients.ts';
import { DomainError } from '../errors.ts';
import { members } from '../members/members.ts';
import type { Storage } from '../store.ts';
import { Unit } from '../unit.ts';
import { type Ceiling, readCeiling } from './ceilings.ts';
import { type ClientRegistration, clientRegistrations } from './client-registrations.ts';
import { grantsOf } from './initial-access-token-changes.ts';
import {
  type InitialAccessToken,
  type InitialAccessTokenUses,
  initialAccessTokens,
  initialAccessTokenUses,
} from './initial-access-tokens.ts';

// Without it a machine makes none; members have it by their position.
const MAKING_SCOPE = 'initial-access-tokens:write';

/** What admissions look up beside the store. */
export interface AdmissionKnowledge {
  standing(clientId: string): Promise<Standing | undefined>;
}

/** An initial access token that counts now. */
export interface AdmittedToken {
  readonly token: InitialAccessToken;
  readonly uses: InitialAccessTokenUses;
  readonly application: Application;
  readonly ceiling: Ceiling;
}

/** A registration whose token was shown. */
export interface AdmittedRegistration {
  readonly registration: ClientRegistration;
  readonly client: Client;
  readonly ceiling: Ceiling;
  /** What it was registered by, while that counts, used up or not: without it the client is given nothing more. */
  readonly token: InitialAccessToken | undefined;
}

/**
 * @param now milliseconds
 * @returns undefined for what is unknown, expired, used up, disabled, of a disabled application, or of a maker who could
 * not make it any more: nobody is told which
 */
export async function admitInitialAccessToken(
  storage: Storage,
  knowledge: AdmissionKnowledge,
  presented: string,
  now: number,
): Promise<AdmittedToken | undefined> {
  const id = recordIdOf('iat', presented);
  const token = id === undefined ? undefined : await storage.get(initialAccessTokens, id);
  if (token === undefined || !isTokenOf(token, presented)) return undefined;
  const [uses, application] = await Promise.all([
    storage.get(initialAccessTokenUses, token.id),
    storage.get(applications, token.application_id),
  ]);
  if (uses === undefined || uses.uses >= (token.max_uses ?? Number.POSITIVE_INFINITY)) return undefined;
  if (application === undefined || !(await counts(storage, knowledge, token, application, now))) return undefined;
  return { token, uses, application, ceiling: await readCeiling(storage, token) };
}

/**
 * @param now milliseconds
 * @returns undefined where the token is none of this client's
 * @throws DomainError `forbidden` while the client or its application is disabled
 */
export async function admitRegistration(
  storage: Storage,
  knowledge: AdmissionKnowledge,
  clientId: string,
  presented: string,
  now: number,
): Promise<AdmittedRegistration | undefined> {
  const id = recordIdOf('reg', presented);
  const registration = id === undefined ? undefined : await storage.get(clientRegistrations, id);
  if (registration === undefined || !isTokenOf(registration, presented)) return undefined;
  if (registration.client_id !== clientId) return undefined;
  const client = await storage.get(clients, clientId);
  const application = client && (await storage.get(applications, client.application_id));
  if (client === undefined || application === undefined) return undefined;
  if (!client.enabled || !application.enabled) {
    throw new DomainError('forbidden', 'This client is disabled: its operator has to enable it first.');
  }
  const token = await storage.get(initialAccessTokens, registration.initial_access_token_id);
  const isGood = token !== undefined && (await counts(storage, knowledge, token, application, now));
  const ceiling = await readCeiling(storage, registration);
  return { registration, client, ceiling, token: isGood ? token : undefined };
}

/** @returns whether an initial access token may hand on its ceiling now, whatever is left of its uses */
async function counts(
  storage: Storage,
  knowledge: AdmissionKnowledge,
  token: InitialAccessToken,
  application: Application,
  now: number,
): Promise<boolean> {
  if (!token.enabled || Date.parse(token.expires_at) <= now || !application.enabled) return false;
  return await couldBeMadeNow(storage, knowledge, token, application);
}

/** Whoever has lost his rights, or is gone, registers nobody by what he has made. */
async function couldBeMadeNow(
  storage: Storage,
  knowledge: AdmissionKnowledge,
  token: InitialAccessToken,
  application: Application,
): Promise<boolean> {
  const { kind, id } = token.made_by;
  const maker = kind === 'member' ? await memberNow(storage, id, application) : await clientNow(storage, knowledge, id);
  if (maker === undefined) return false;
  try {
    await demandGrants({ storage, principal: maker, unit: new Unit() }, await grantsOf(storage, token, ''));
    return true;
  } catch (error) {
    if (error instanceof DomainError && error.kind === 'forbidden') return false;
    throw error;
  }
}

async function memberNow(storage: Storage, id: string, application: Application): Promise<Principal | undefined> {
  const member = await storage.get(members, id);
  if (member?.enabled !== true) return undefined;
  if (member.position === 'developer' && application.owner !== member.id) return undefined;
  const held = await storage.getMany(roles, member.role_ids);
  return {
    kind: 'member',
    member_id: member.id,
    position: member.position,
    key: null,
    scopes: new Set(),
    holds: held.flatMap(({ permissions }) => permissions),
    role_ids: held.map((role) => role.id),
  };
}

async function clientNow(storage: Storage, knowledge: AdmissionKnowledge, id: string): Promise<Principal | undefined> {
  const standing = await knowledge.standing(id);
  if (standing?.enabled !== true) return undefined;
  const holds = permissionsOf(standing);
  const named = await storage.getMany(apis, [...new Set(holds.map(({ api_id }) => api_id))]);
  const builtIn = named.filter(({ built_in }) => built_in).map((api) => api.id);
  const scopes = holds.filter(({ api_id }) => builtIn.includes(api_id)).map(({ scope }) => scope);
  if (!scopes.includes(MAKING_SCOPE)) return undefined;
  return { kind: 'machine', client_id: id, scopes: new Set(scopes), holds, role_ids: standing.client.role_ids };
}
