/**
 * What a gateway's Kong should have: a consumer for each client that may get tokens for its APIs, and for each API key
 * that is good at them. Read from the store anew each time, decided by the rules that issue and verify.
 */
import { setImmediate as breath } from 'node:timers/promises';
import { type ApiKey, apiKeys } from '../../api-keys/api-keys.ts';
import type { Api } from '../../apis/apis.ts';
import { accessProfiles } from '../../applications/access-profiles.ts';
import { applications } from '../../applications/applications.ts';
import type { Lookup } from '../../catalogue/holding.ts';
import { type KeyStanding, keyStandingOf } from '../../catalogue/key-standing.ts';
import { type Standing, standingOf } from '../../catalogue/standing.ts';
import { clients } from '../../clients/clients.ts';
import type { SigningKey } from '../../signing-keys/signing-keys.ts';
import type { Storage, StoredRecord, Table } from '../../store.ts';
import { isPermitted } from '../../tokens/grants.ts';
import { kongKeyOf } from '../../tokens/kong-key.ts';
import type { Gateway } from '../gateways.ts';
import { consumerId, type KongEntity, kongId, tagsOf } from './kong-entities.ts';
import { groupsOf } from './kong-groups.ts';
import { type KongKey, kongKeys } from './kong-keys.ts';

/** What is known of the small tables. */
export interface KongLookup extends Lookup {
  api(id: string): Api | undefined;
  signingKeys(): readonly SigningKey[];
}

/** Who reads it, and for which gateway. */
export interface WantedParts {
  readonly storage: Storage;
  readonly lookup: KongLookup;
  readonly gateway: Pick<Gateway, 'id' | 'api_ids'>;
}

/** Between two of these, requests get their turn. */
const PAGE = 50;

/** @param now milliseconds */
export async function wantedInKong({ storage, lookup, gateway }: WantedParts, now: number): Promise<KongEntity[]> {
  const apis = gateway.api_ids.flatMap((id) => lookup.api(id) ?? []);
  const keys = kongKeys(lookup.signingKeys(), apis, now);
  const wanted: KongEntity[] = [];
  const read = await remembering(storage);
  await eachOf(storage, clients, async (client) => {
    const standing = await standingOf(read, lookup, client, []);
    if (standing !== undefined) wanted.push(...ofClient(gateway.id, standing, apis, keys));
  });
  await eachOf(storage, apiKeys, async (key) => {
    if (key.kind !== 'application') return;
    const standing = await keyStandingOf(read, lookup, key);
    if (standing !== undefined) wanted.push(...ofApiKey(gateway.id, standing, apis, now));
  });
  return wanted;
}

/** @returns likewise for these clients and API keys alone */
export async function wantedOfHolders(
  parts: WantedParts,
  holders: readonly string[],
  now: number,
): Promise<KongEntity[]> {
  const { storage, lookup, gateway } = parts;
  const apis = gateway.api_ids.flatMap((id) => lookup.api(id) ?? []);
  const keys = kongKeys(lookup.signingKeys(), apis, now);
  const wanted: KongEntity[] = [];
  for (const client of await storage.getMany(clients, holders)) {
    const standing = await standingOf(storage, lookup, client, []);
    if (standing !== undefined) wanted.push(...ofClient(gateway.id, standing, apis, keys));
  }
  for (const key of await storage.getMany(apiKeys, holders)) wanted.push(...(await wantedOfApiKey(parts, key, now)));
  return wanted;
}

/** @returns likewise for one API key: nothing where it has nothing there */
export async function wantedOfApiKey(
  { storage, lookup, gateway }: WantedParts,
  key: ApiKey,
  now: number,
): Promise<KongEntity[]> {
  const apis = gateway.api_ids.flatMap((id) => lookup.api(id) ?? []);
  const standing = key.kind === 'application' ? await keyStandingOf(storage, lookup, key) : undefined;
  return standing === undefined ? [] : ofApiKey(gateway.id, standing, apis, now);
}

function ofClient(gatewayId: string, standing: Standing, apis: readonly Api[], keys: readonly KongKey[]): KongEntity[] {
  const permitted = apis.filter((api) => isPermitted(standing, api));
  if (!standing.enabled || !mayHaveTokens(standing) || permitted.length === 0) return [];
  const consumer = consumerOf(gatewayId, standing.id);
  const credentials = keys.map(({ kid, algorithm, pem, isNeeded }): KongEntity => {
    const key = kongKeyOf(standing, kid);
    return {
      kind: 'jwts',
      id: kongId(gatewayId, 'jwts', key),
      consumer: consumer.id,
      name: key,
      members: { key, algorithm, rsa_public_key: pem.trim() },
      isOptional: !isNeeded,
      tags: consumer.tags,
    };
  });
  return [consumer, ...credentials, ...groupEntities(gatewayId, consumer, groupsOf(standing, permitted, apis))];
}

/** What may restrict a token's use is asked when it is issued; whether it is issued at all is asked here. */
function mayHaveTokens({ client, profile }: Standing): boolean {
  if (client.access_profile_id === null) return true;
  // One that it names and that is not known leaves it nothing.
  return profile?.record.enabled === true && profile.record.authentication.method === 'token';
}

function ofApiKey(gatewayId: string, standing: KeyStanding, apis: readonly Api[], now: number): KongEntity[] {
  const permitted = apis.filter((api) => isGoodAt(standing, api));
  const hashes = goodProofs(standing.key, now);
  if (!isForKong(standing) || permitted.length === 0 || hashes.length === 0) return [];
  const consumer = consumerOf(gatewayId, standing.id);
  const credentials = hashes.map(
    (hash): KongEntity => ({
      kind: 'key-auths',
      id: kongId(gatewayId, 'key-auths', hash),
      consumer: consumer.id,
      name: standing.id,
      members: { hash },
      tags: consumer.tags,
    }),
  );
  return [consumer, ...credentials, ...groupEntities(gatewayId, consumer, groupsOf(standing, permitted, apis))];
}

/** Kong would hold a key to no address, no limit and no resource: one that has such a restriction is not given to it. */
function isForKong({ key, enabled, profile, restrictions }: KeyStanding): boolean {
  if (!enabled || key.leaked_at !== null || key.resources !== null) return false;
  if (key.access_profile_id !== null && profile?.record.enabled !== true) return false;
  if (profile !== null && profile.record.authentication.method !== 'token') return false;
  return restrictions.every(({ addresses, policyId }) => addresses === null && policyId === null);
}

function isGoodAt({ rights, environment }: KeyStanding, api: Api): boolean {
  if (!api.enabled || (rights.get(api.id)?.size ?? 0) === 0) return false;
  return api.environments === null || (environment !== null && api.environments.includes(environment));
}

function goodProofs({ current, earlier, expires_at }: ApiKey, now: number): string[] {
  const isOver = (time: string | null) => time !== null && Date.parse(time) <= now;
  if (isOver(expires_at)) return [];
  return [current, ...earlier.filter(({ ends_at }) => !isOver(ends_at))].map(({ hash }) => hash);
}

function consumerOf(gatewayId: string, holderId: string): KongEntity {
  return {
    kind: 'consumers',
    id: consumerId(gatewayId, holderId),
    consumer: null,
    name: holderId,
    members: { username: holderId, custom_id: holderId },
    tags: tagsOf(gatewayId),
  };
}

function groupEntities(gatewayId: string, consumer: KongEntity, groups: readonly string[]): KongEntity[] {
  return groups.map((group) => ({
    kind: 'acls',
    id: kongId(gatewayId, 'acls', consumer.name, group),
    consumer: consumer.id,
    name: `${consumer.name} ${group}`,
    members: { group },
    tags: consumer.tags,
  }));
}

async function eachOf<R extends StoredRecord>(
  storage: Storage,
  table: Table<R>,
  look: (record: R) => Promise<void>,
): Promise<void> {
  let after: R | undefined;
  for (;;) {
    const records: R[] = await storage.page(table, { limit: PAGE, after });
    for (const record of records) await look(record);
    after = records.at(-1);
    await breath();
    if (records.length < PAGE) return;
  }
}

/** What many clients have in common is read once. */
async function remembering(storage: Storage): Promise<Pick<Storage, 'get'>> {
  const [everyApplication, everyProfile] = await Promise.all([storage.all(applications), storage.all(accessProfiles)]);
  const known = new Map<string, Map<string, StoredRecord>>([
    [applications.name, byId(everyApplication)],
    [accessProfiles.name, byId(everyProfile)],
  ]);
  return {
    async get<R extends StoredRecord>(table: Table<R>, id: string): Promise<R | undefined> {
      const records = known.get(table.name);
      // Of this table, as it was stored.
      return records === undefined ? await storage.get(table, id) : (records.get(id) as R | undefined);
    },
  };
}

function byId(records: readonly StoredRecord[]): Map<string, StoredRecord> {
  return new Map(records.map((record) => [record.id, record]));
}
