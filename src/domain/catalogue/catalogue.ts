/**
 * What this node knows: APIs, roles, signing keys and revocations whole, clients as they are asked for. Kept true
 * by the change feed, so that issuing and verifying read no database. Where the feed is lost, the catalogue says how
 * long what it knows may still be used.
 */
import { type Api, apis } from '../apis/apis.ts';
import { type Role, roles } from '../apis/roles.ts';
import { applications } from '../applications/applications.ts';
import { clientSecrets } from '../clients/client-secrets.ts';
import { clients } from '../clients/clients.ts';
import { DomainError } from '../errors.ts';
import { type SigningKey, signingKeys } from '../signing-keys/signing-keys.ts';
import type { Change, Storage } from '../store.ts';
import { revocations } from '../tokens/revocations.ts';
import { Revoked } from '../tokens/revoked.ts';
import { KnownStandings } from './known-standings.ts';
import { ReadingLane, type Unread } from './reading-lane.ts';
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
  readonly #standings: KnownStandings;
  #apis = new Map<string, Api>();
  #apisByIdentifier = new Map<string, Api>();
  #roles = new Map<string, Role>();
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
    this.#standings = new KnownStandings((id) => readStanding(storage, (roleId) => this.#roles.get(roleId), id));
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

  signingKeys(): readonly SigningKey[] {
    return this.#signingKeys;
  }

  /** @returns the client's standing, from memory where it was asked for before @throws DomainError `unavailable` */
  standing(clientId: string): Promise<Standing | undefined> {
    return this.#standings.of(clientId);
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
      if (change.table === clients.name) this.#standings.forget(change.id);
      else if (change.table === clientSecrets.name && change.parent) this.#standings.forget(change.parent);
      else if (change.table === applications.name) this.#standings.forgetApplication(change.id);
      else if (change.table === revocations.name) {
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
    this.#standings.forgetAll();
    this.#lane.toRead().isEverything = true;
  }

  // One after the other: where one fails, none of the others may answer later.
  async #read(what: Unread | 'everything'): Promise<void> {
    const isAll = what === 'everything';
    this.revoked.learn(
      isAll ? await this.#storage.all(revocations) : await this.#storage.getMany(revocations, what.revokedIds),
    );
    if (isAll || what.tables.has(apis.name)) await this.#readApis();
    if (isAll || what.tables.has(signingKeys.name)) await this.#readSigningKeys();
    if (isAll || what.tables.has(roles.name)) await this.#readRoles();
  }

  async #readApis(): Promise<void> {
    const all = await this.#storage.all(apis);
    this.#apis = new Map(all.map((api) => [api.id, api]));
    this.#apisByIdentifier = new Map(all.map((api) => [api.identifier, api]));
    this.#tell('apis');
  }

  async #readRoles(): Promise<void> {
    this.#roles = new Map((await this.#storage.all(roles)).map((role) => [role.id, role]));
    // Standings hold what roles grant.
    this.#standings.forgetAll();
    this.#tell('roles');
  }

  async #readSigningKeys(): Promise<void> {
    this.#signingKeys = await this.#storage.all(signingKeys);
    this.#tell('signing_keys');
  }

  #tell(event: CatalogueEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
