/**
 * What this node knows: APIs, roles, collections, policies, gateways with their keys, signing keys and revocations whole,
 * clients and API keys as they are asked for. Kept true by the change feed, so that issuing and verifying read no database. Where the feed is
 * lost, the catalogue says how long what it knows may still be used.
 */
import { type Api, apis } from '../apis/apis.ts';
import { type Collection, collections } from '../apis/collections.ts';
import { type Role, roles } from '../apis/roles.ts';
import { DomainError } from '../errors.ts';
import { type GatewayKey, gatewayKeys } from '../gateways/gateway-credentials.ts';
import { type Gateway, gateways } from '../gateways/gateways.ts';
import { type Policy, policies } from '../limits/policies.ts';
import { type SigningKey, signingKeys } from '../signing-keys/signing-keys.ts';
import type { Change, Storage, StoredRecord, Table } from '../store.ts';
import { revocations } from '../tokens/revocations.ts';
import { Revoked } from '../tokens/revoked.ts';
import type { KeyStanding } from './key-standing.ts';
import { KnownHolders } from './known-holders.ts';
import { ReadingLane, type Unread } from './reading-lane.ts';
import { Staleness } from './staleness.ts';
import type { Standing } from './standing.ts';

export interface CatalogueSettings {
  readonly maxStaleSeconds: number;
  /** The wall clock: what is stored is dated by it. */
  readonly now?: () => number;
  /** What staleness is measured with, in milliseconds: a wall clock that is set back would make it look fresh. */
  readonly monotonic?: () => number;
  /** Told when reading what changed has failed; it is tried again. */
  readonly onError: (error: unknown) => void;
}

/** Which of the small tables has changed. */
export type CatalogueEvent = 'apis' | 'roles' | 'signing_keys' | 'gateways';

export class Catalogue {
  readonly #storage: Storage;
  readonly #listeners = new Set<(event: CatalogueEvent) => void>();
  readonly #watchers = new Set<(changes: readonly Change[]) => void>();
  readonly #holders: KnownHolders;
  readonly #staleness: Staleness;
  #apis = new Map<string, Api>();
  #apisByIdentifier = new Map<string, Api>();
  #roles = new Map<string, Role>();
  #collections = new Map<string, Collection>();
  #policies = new Map<string, Policy>();
  #gateways = new Map<string, Gateway>();
  #gatewayKeys = new Map<string, GatewayKey>();
  #signingKeys: readonly SigningKey[] = [];
  readonly #lane: ReadingLane;
  #unfollow: (() => Promise<void>) | undefined;
  readonly revoked: Revoked;

  private constructor(storage: Storage, settings: CatalogueSettings) {
    this.#storage = storage;
    this.revoked = new Revoked(settings.now ?? Date.now);
    this.#lane = new ReadingLane({
      read: (what) => this.#read(what),
      heardAt: () => this.#staleness.heardAt,
      onError: settings.onError,
    });
    this.#staleness = new Staleness({
      maxStaleSeconds: settings.maxStaleSeconds,
      monotonic: settings.monotonic ?? (() => performance.now()),
      wholeUntil: () => this.#lane.wholeUntil(),
    });
    this.#holders = new KnownHolders(storage, this);
  }

  /** Follows the feed, then reads everything: a catalogue that is open is whole. */
  static async open(storage: Storage, settings: CatalogueSettings): Promise<Catalogue> {
    const catalogue = new Catalogue(storage, settings);
    catalogue.#unfollow = await storage.follow({
      changed: (changes) => void catalogue.apply(changes),
      gap: () => catalogue.#missed(),
      heard: () => catalogue.#staleness.heard(),
    });
    catalogue.#staleness.heard();
    await catalogue.#lane.readEverything();
    return catalogue;
  }

  async close(): Promise<void> {
    this.#lane.close();
    await this.#unfollow?.();
  }

  api(id: string): Api | undefined {
    return this.#apis.get(id);
  }

  apiByIdentifier(identifier: string): Api | undefined {
    return this.#apisByIdentifier.get(identifier);
  }

  apis(): Iterable<Api> {
    return this.#apis.values();
  }

  role(id: string): Role | undefined {
    return this.#roles.get(id);
  }

  collection(id: string): Collection | undefined {
    return this.#collections.get(id);
  }

  policy(id: string): Policy | undefined {
    return this.#policies.get(id);
  }

  gateway(id: string): Gateway | undefined {
    return this.#gateways.get(id);
  }

  gateways(): Iterable<Gateway> {
    return this.#gateways.values();
  }

  gatewayKey(id: string): GatewayKey | undefined {
    return this.#gatewayKeys.get(id);
  }

  signingKeys(): readonly SigningKey[] {
    return this.#signingKeys;
  }

  /** @returns the client's standing, from memory where it was asked for before @throws DomainError `unavailable` */
  standing(clientId: string): Promise<Standing | undefined> {
    return this.#holders.client(clientId);
  }

  /** @returns the API key's standing, likewise @throws DomainError `unavailable` */
  keyStanding(keyId: string): Promise<KeyStanding | undefined> {
    return this.#holders.key(keyId);
  }

  /** Calls `listener` after each change of a small table. */
  subscribe(listener: (event: CatalogueEvent) => void): void {
    this.#listeners.add(listener);
  }

  /** Calls `watcher` with all changes, once what is held here of what has changed has been read. */
  watch(watcher: (changes: readonly Change[]) => void): void {
    this.#watchers.add(watcher);
  }

  /**
   * Takes changes over: at once what is only forgotten, in order what must be read. Resolves when all is known, and
   * never rejects: where it cannot be read, the caller is not kept waiting, and what is known ages until it has been.
   */
  apply(changes: readonly Change[]): Promise<void> {
    const known = this.#take(changes);
    for (const watcher of this.#watchers) void known.then(() => watcher(changes));
    return known;
  }

  #take(changes: readonly Change[]): Promise<void> {
    const tables: string[] = [];
    const revokedIds: string[] = [];
    for (const change of changes) {
      if (this.#holders.forgetFor(change)) continue;
      if (change.table === revocations.name) {
        this.revoked.add(change.id);
        revokedIds.push(change.id);
      } else tables.push(change.table);
    }
    if (tables.length === 0 && revokedIds.length === 0) return Promise.resolve();
    const unread = this.#lane.toRead();
    for (const table of tables) unread.tables.add(table);
    unread.revokedIds.push(...revokedIds);
    return unread.done;
  }

  /**
   * How long what is known may be used: Infinity while the feed is heard, else the seconds that are left.
   * @throws DomainError `unavailable` once none are left
   */
  secondsToServe(): number {
    return this.#staleness.secondsToServe();
  }

  /**
   * For what must be written durably before it is answered: refuses at once where the store is known to be away.
   * @throws DomainError `unavailable`
   */
  demandStore(): void {
    if (this.secondsToServe() === Number.POSITIVE_INFINITY) return;
    throw new DomainError('unavailable', 'The store is out of reach.');
  }

  /** Seconds since the feed was last heard and all that it had announced was read. */
  secondsSinceHeard(): number {
    return this.#staleness.secondsSinceHeard();
  }

  /** The feed has a gap: nobody knows what has changed. */
  #missed(): void {
    // At once, and again once the roles have been read: by then some have been read anew, with the old roles.
    this.#holders.forgetAll();
    this.#lane.toRead().isEverything = true;
  }

  // One after the other: where one fails, none of the others may answer later.
  async #read(what: Unread | 'everything'): Promise<void> {
    const isAll = what === 'everything';
    this.revoked.learn(
      isAll ? await this.#storage.all(revocations) : await this.#storage.getMany(revocations, what.revokedIds),
    );
    const isWanted = (table: { name: string }) => isAll || what.tables.has(table.name);
    if (isWanted(signingKeys)) await this.#readSigningKeys();
    if (isWanted(policies)) this.#policies = await this.#readById(policies);
    if (isWanted(apis)) await this.#readApis();
    if (isWanted(collections)) this.#collections = await this.#readById(collections);
    if (isWanted(roles)) await this.#readRoles();
    if ([gateways, gatewayKeys].some(isWanted)) await this.#readGateways();
    // Standings hold what these come to.
    if ([apis, collections, roles].some(isWanted)) this.#holders.forgetAll();
  }

  async #readApis(): Promise<void> {
    const all = await this.#storage.all(apis);
    this.#apis = new Map(all.map((api) => [api.id, api]));
    this.#apisByIdentifier = new Map(all.map((api) => [api.identifier, api]));
    this.#tell('apis');
  }

  async #readRoles(): Promise<void> {
    this.#roles = await this.#readById(roles);
    this.#tell('roles');
  }

  async #readGateways(): Promise<void> {
    this.#gateways = await this.#readById(gateways);
    this.#gatewayKeys = await this.#readById(gatewayKeys);
    this.#tell('gateways');
  }

  async #readById<R extends StoredRecord>(table: Table<R>): Promise<Map<string, R>> {
    return new Map((await this.#storage.all(table)).map((record) => [record.id, record]));
  }

  async #readSigningKeys(): Promise<void> {
    this.#signingKeys = await this.#storage.all(signingKeys);
    this.#tell('signing_keys');
  }

  #tell(event: CatalogueEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
