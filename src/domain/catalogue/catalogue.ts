/**
 * What this node knows: APIs, roles, collections, policies, signing keys and revocations whole, clients and API keys as
 * they are asked for. Kept true
 * by the change feed, so that issuing and verifying read no database. Where the feed is lost, the catalogue says how
 * long what it knows may still be used.
 */
import { apiKeys } from '../api-keys/api-keys.ts';
import { type Api, apis } from '../apis/apis.ts';
import { type Collection, collections } from '../apis/collections.ts';
import { type Role, roles } from '../apis/roles.ts';
import { accessProfiles } from '../applications/access-profiles.ts';
import { applications } from '../applications/applications.ts';
import { clientSecrets } from '../clients/client-secrets.ts';
import { clients } from '../clients/clients.ts';
import { DomainError } from '../errors.ts';
import { type Policy, policies } from '../limits/policies.ts';
import { members } from '../members/members.ts';
import { type SigningKey, signingKeys } from '../signing-keys/signing-keys.ts';
import type { Change, Storage, StoredRecord, Table } from '../store.ts';
import { revocations } from '../tokens/revocations.ts';
import { Revoked } from '../tokens/revoked.ts';
import { type KeyStanding, readKeyStanding } from './key-standing.ts';
import { ReadingLane, type Unread } from './reading-lane.ts';
import { Remembered } from './remembered.ts';
import { readStanding, type Standing } from './standing.ts';

// The feed is heard at least once a second; within this it counts as unbroken, a busy process's pauses included.
const FRESH_MS = 5_000;

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
export type CatalogueEvent = 'apis' | 'roles' | 'signing_keys';

export class Catalogue {
  readonly #storage: Storage;
  readonly #settings: CatalogueSettings;
  readonly #monotonic: () => number;
  readonly #listeners = new Set<(event: CatalogueEvent) => void>();
  readonly #standings: Remembered<Standing>;
  readonly #keyStandings: Remembered<KeyStanding>;
  #apis = new Map<string, Api>();
  #apisByIdentifier = new Map<string, Api>();
  #roles = new Map<string, Role>();
  #collections = new Map<string, Collection>();
  #policies = new Map<string, Policy>();
  #signingKeys: readonly SigningKey[] = [];
  #heardAt: number;
  readonly #lane: ReadingLane;
  #unfollow: (() => Promise<void>) | undefined;
  readonly revoked: Revoked;

  private constructor(storage: Storage, settings: CatalogueSettings) {
    this.#storage = storage;
    this.#settings = settings;
    this.#monotonic = settings.monotonic ?? (() => performance.now());
    this.#heardAt = this.#monotonic();
    this.revoked = new Revoked(settings.now ?? Date.now);
    this.#lane = new ReadingLane({
      read: (what) => this.#read(what),
      heardAt: () => this.#heardAt,
      onError: settings.onError,
    });
    this.#standings = new Remembered((id) => readStanding(storage, this, id));
    this.#keyStandings = new Remembered((id) => readKeyStanding(storage, this, id));
  }

  /** Follows the feed, then reads everything: a catalogue that is open is whole. */
  static async open(storage: Storage, settings: CatalogueSettings): Promise<Catalogue> {
    const catalogue = new Catalogue(storage, settings);
    catalogue.#unfollow = await storage.follow({
      changed: (changes) => void catalogue.apply(changes),
      gap: () => catalogue.#missed(),
      heard: () => catalogue.#heard(),
    });
    catalogue.#heard();
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

  signingKeys(): readonly SigningKey[] {
    return this.#signingKeys;
  }

  /** @returns the client's standing, from memory where it was asked for before @throws DomainError `unavailable` */
  standing(clientId: string): Promise<Standing | undefined> {
    return this.#standings.of(clientId);
  }

  /** @returns the API key's standing, likewise @throws DomainError `unavailable` */
  keyStanding(keyId: string): Promise<KeyStanding | undefined> {
    return this.#keyStandings.of(keyId);
  }

  /** Calls `listener` after each change of a small table. */
  subscribe(listener: (event: CatalogueEvent) => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Takes changes over: at once what is only forgotten, in order what must be read. Resolves when all is known, and
   * never rejects: where it cannot be read, the caller is not kept waiting, and what is known ages until it has been.
   */
  apply(changes: readonly Change[]): Promise<void> {
    const tables: string[] = [];
    const revokedIds: string[] = [];
    for (const change of changes) {
      if (this.#forgetFor(change)) continue;
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
    const silentMs = this.#monotonic() - this.#knownUntil();
    if (silentMs <= FRESH_MS) return Number.POSITIVE_INFINITY;
    const left = Math.floor(this.#settings.maxStaleSeconds - silentMs / 1000);
    if (left > 0) return left;
    throw new DomainError('unavailable', 'The store has been out of reach for too long.');
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
    return (this.#monotonic() - this.#knownUntil()) / 1000;
  }

  /** Forgets what a change makes untrue. @returns whether that was all there is to do */
  #forgetFor({ table, id, parent }: Change): boolean {
    switch (table) {
      case clients.name:
        this.#standings.forget(id);
        return true;
      case clientSecrets.name:
        if (parent !== null) this.#standings.forget(parent);
        return true;
      case apiKeys.name:
        this.#keyStandings.forget(id);
        return true;
      case applications.name:
        this.#standings.forgetWhere(({ application }) => application.id === id);
        this.#keyStandings.forgetWhere(({ application }) => application?.id === id);
        return true;
      case accessProfiles.name:
        this.#standings.forgetWhere(({ profile }) => profile?.record.id === id);
        this.#keyStandings.forgetWhere(({ profile }) => profile?.record.id === id);
        return true;
      case members.name:
        this.#keyStandings.forgetWhere(({ member }) => member?.id === id);
        return true;
      default:
        return false;
    }
  }

  #forgetStandings(): void {
    this.#standings.forgetAll();
    this.#keyStandings.forgetAll();
  }

  #heard(): void {
    this.#heardAt = this.#monotonic();
  }

  // While something announced is unread, hearing the feed proves nothing.
  #knownUntil(): number {
    return this.#lane.wholeUntil() ?? this.#heardAt;
  }

  /** The feed has a gap: nobody knows what has changed. */
  #missed(): void {
    // At once, and again once the roles have been read: by then some have been read anew, with the old roles.
    this.#forgetStandings();
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
    // Standings hold what these come to.
    if ([apis, collections, roles].some(isWanted)) this.#forgetStandings();
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
