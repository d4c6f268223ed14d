/** Keeps Kongs in line: one process does it for all, and another goes on within seconds of its end. */

import { type ApiKey, apiKeys } from './domain/api-keys/api-keys.ts';
import { collections } from './domain/apis/collections.ts';
import { accessProfiles } from './domain/applications/access-profiles.ts';
import { applications } from './domain/applications/applications.ts';
import type { Catalogue } from './domain/catalogue/catalogue.ts';
import { clients } from './domain/clients/clients.ts';
import { settingPlace } from './domain/gateways/gateway-references.ts';
import type { Gateway } from './domain/gateways/gateways.ts';
import type { KongEntity } from './domain/gateways/kong/kong-entities.ts';
import { KongLine } from './domain/gateways/kong/kong-line.ts';
import { KongSyncer } from './domain/gateways/kong/kong-syncer.ts';
import type { KongSync } from './domain/gateways/kong/kong-syncs.ts';
import { ShownKeys, type ShownKeysParts } from './domain/gateways/kong/shown-keys.ts';
import { Duty } from './domain/installation/duties.ts';
import type { Sealer } from './domain/installation/sealing.ts';
import type { Storage } from './domain/store.ts';
import { type KongAddress, kongAdmin } from './gateways/kong/admin-client.ts';
import type { OutgoingFetch } from './http/outgoing.ts';

const LOOK_EVERY_MS = 250;
/** How long somebody may wait for a sync that he asked for. */
const REQUEST_MS = 20_000;
/** How often Kong is asked what it has: so long may last what somebody changed there by hand. */
export const ASK_EVERY_MS = 5 * 60_000;

/** What several consumers follow from, beside the small tables. */
const FOR_MANY = [applications, accessProfiles, collections].map(({ name }) => name);

export interface KongSyncParts {
  readonly storage: Storage;
  readonly catalogue: Catalogue;
  readonly sealer: Pick<Sealer, 'open'>;
  /** Without memory of failures: when it is worth trying again is decided here. */
  readonly fetch: OutgoingFetch;
  readonly askEveryMs: number;
  /** Told of each sync that did something, or failed. */
  readonly onSynced: (told: { gateway_id: string; outcome: string; detail: string | null; changes: number }) => void;
  /** Told of an API key that did not get to a Kong. */
  readonly onKeyLost: ShownKeysParts['onLost'];
  readonly onError: (error: unknown) => void;
}

export interface KongKeeping {
  sync(gateway: Gateway, order: { dryRun: boolean }): Promise<KongSync>;
  wanted(gateway: Gateway): Promise<KongEntity[]>;
  keyShown(key: ApiKey, text: string): void;
  /** Lets what is under way end, and leaves the duty to others. */
  stop(): Promise<void>;
}

interface Kept {
  readonly line: KongLine;
  /** Of the gateway's record. */
  version: number;
  underWay: Promise<void> | undefined;
}

/** Begins. */
export function keepKongsInLine(parts: KongSyncParts): KongKeeping {
  const { storage, catalogue, sealer, fetch, askEveryMs, onSynced, onError } = parts;
  const doorTo = (gateway: Gateway) => kongAdmin(fetch, addressOf(gateway, sealer));
  const syncer = new KongSyncer({ storage, lookup: catalogue, doorTo });
  const gateways = () => catalogue.gateways();
  const shownKeys = new ShownKeys({ storage, gateways, syncer, onLost: parts.onKeyLost, onError });
  const duty = new Duty(storage, 'kong-sync');
  const kept = new Map<string, Kept>();
  let round: Promise<void> | undefined;
  let isOurs = false;
  let isEnding = false;

  catalogue.subscribe(() => {
    for (const { line } of kept.values()) line.changed(Date.now());
  });
  catalogue.watch((changes) => {
    const idsOf = (name: string) => changes.filter(({ table }) => table === name).map(({ id }) => id);
    const [clientIds, keyIds] = [idsOf(clients.name), idsOf(apiKeys.name)];
    const isForMany = changes.some(({ table }) => FOR_MANY.includes(table));
    for (const { line } of kept.values()) {
      if (clientIds.length > 0) line.changed(Date.now(), clientIds);
      if (keyIds.length > 0) line.keysChanged(Date.now(), keyIds);
      if (isForMany) line.changed(Date.now());
    }
  });

  async function look(): Promise<void> {
    const now = Date.now();
    shownKeys.carry(now);
    const kongs = [...catalogue.gateways()].filter(({ type, enabled }) => type === 'kong-admin' && enabled);
    for (const id of kept.keys()) if (!kongs.some((gateway) => gateway.id === id)) kept.delete(id);
    // Nobody needs a duty of which there is nothing to do.
    if (kongs.length === 0 && !isOurs) return;
    isOurs = await duty.isOurs(now);
    // Whoever comes back to it later knows nothing of what others have done meanwhile.
    if (!isOurs) return kept.clear();
    for (const gateway of kongs) begin(gateway, now);
  }

  function begin(gateway: Gateway, now: number): void {
    const known = kept.get(gateway.id) ?? { line: new KongLine(askEveryMs), version: 0, underWay: undefined };
    kept.set(gateway.id, known);
    if (known.version !== gateway.version) known.line.forget(now);
    known.version = gateway.version;
    if (isEnding || known.underWay !== undefined || !known.line.isDue(now)) return;
    known.underWay = run(gateway, known.line).finally(() => {
      known.underWay = undefined;
    });
  }

  async function run(gateway: Gateway, line: KongLine): Promise<void> {
    const { known, end } = line.begin(Date.now());
    try {
      const whyStop = () => (isOurs && !isEnding ? undefined : 'Another node goes on with it.');
      const synced = await syncer.sync(gateway, { known, whyStop });
      end(synced, Date.now());
      const { outcome, detail, created, changed, deleted } = synced.sync;
      const changes = created + changed + deleted;
      if (outcome === 'in_line' && changes === 0) return;
      onSynced({ gateway_id: gateway.id, outcome, detail, changes });
    } catch (error) {
      line.broke(Date.now());
      onError(error);
    }
  }

  const timer = setInterval(() => {
    if (isEnding || round !== undefined) return;
    round = look()
      .catch(onError)
      .finally(() => {
        round = undefined;
      });
  }, LOOK_EVERY_MS).unref();

  return {
    async sync(gateway, { dryRun }) {
      const end = Date.now() + REQUEST_MS;
      const whyStop = () => (Date.now() < end ? undefined : 'It takes long: it is gone on with beside requests.');
      return (await syncer.sync(gateway, { dryRun, whyStop })).sync;
    },
    wanted: (gateway) => syncer.wanted(gateway),
    keyShown: (key, text) => shownKeys.show(key, text, Date.now()),
    async stop() {
      isEnding = true;
      clearInterval(timer);
      await round;
      await Promise.all([...kept.values()].map(({ underWay }) => underWay));
      await shownKeys.close();
      await duty.giveUp().catch(onError);
    },
  };
}

function addressOf({ id, kong }: Gateway, sealer: Pick<Sealer, 'open'>): KongAddress {
  if (kong === null) throw new Error(`the gateway ${id} names no Kong`);
  const { url, path_prefix: pathPrefix, header: name, sealed_value } = kong;
  const value = sealed_value && sealer.open(settingPlace(id, 'kong.value'), sealed_value).toString();
  return { gatewayId: id, url, pathPrefix, header: value ? { name, value } : undefined };
}
