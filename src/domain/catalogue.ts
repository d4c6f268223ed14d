/**
 * What this node knows: APIs, roles, signing keys and revocations whole, clients as they are asked for. Kept true
 * by the change feed, so that issuing and verifying read no database. Where the feed is lost, the catalogue says how
 * long what it knows may still be used.
 */
import { type Api, apis } from './apis.ts';
import { applications } from './applications.ts';
import { clientSecrets } from './client-secrets.ts';
import { clients } from './clients.ts';
import { DomainError } from './errors.ts';
import { KnownStandings } from './known-standings.ts';
import { revocations } from './revocations.ts';
import { Revoked } from './revoked.ts';
import { type Role, roles } from './roles.ts';
import { type SigningKey, signingKeys } from './signing-keys.ts';
import { readStanding, type Standing } from './standing.ts';
import type { Change, Storage } from './store.ts';

// The feed is heard at least once a second; within this it counts as unbroken, a busy process's pauses included.
const FRESH_MS = 5_000;
const RETRY_MS = 500;

export interface CatalogueSettings {
  readonly maxStaleSeconds: number;
  readonly now?: () => number;
  /** Told when reading what changed has failed; it is tried again. */
  readonly onError: (error: unknown) => void;
}

/** Which of the small tables has changed. */
export type CatalogueEvent = 'apis' | 'roles' | 'signing_keys';

export class Catalogue {
  readonly #storage: Storage;
  readonly #settings: CatalogueSettings;
  readonly #now: () => number;
  readonly #listeners = new Set<(event: CatalogueEvent) => void>();
  readonly #standings: KnownStandings;
  #apis = new Map<string, Api>();
  #apisByIdentifier = new Map<string, Api>();
  #roles = new Map<string, Role>();
  #signingKeys: readonly SigningKey[] = [];
  #heardAt: number;
  #reloading: Promise<void> | undefined;
  #work: Promise<void> = Promise.resolve();
  #unfollow: (() => Promise<void>) | undefined;
  #closed = false;
  readonly revoked: Revoked;

  private constructor(storage: Storage, settings: CatalogueSettings) {
    this.#storage = storage;
    this.#settings = settings;
    this.#now = settings.now ?? Date.now;
    this.#heardAt = this.#now();
    this.revoked = new Revoked(this.#now);
    this.#standings = new KnownStandings((id) => readStanding(storage, (roleId) => this.#roles.get(roleId), id));
  }

  /** Follows the feed, then reads everything: a catalogue that is open is whole. */
  static async open(storage: Storage, settings: CatalogueSettings): Promise<Catalogue> {
    const catalogue = new Catalogue(storage, settings);
    catalogue.#unfollow = await storage.follow({
      changed: (changes) => void catalogue.apply(changes),
      gap: () => catalogue.#reload(),
      heard: () => catalogue.#heard(),
    });
    await catalogue.#readAll();
    return catalogue;
  }

  async close(): Promise<void> {
    this.#closed = true;
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

  /** Takes changes over: at once what is only forgotten, in order what must be read. Resolves when all is known. */
  apply(changes: readonly Change[]): Promise<void> {
    const tables = new Set<string>();
    const revokedIds: string[] = [];
    for (const change of changes) {
      if (change.table === clients.name) this.#standings.forget(change.id);
      else if (change.table === clientSecrets.name && change.parent) this.#standings.forget(change.parent);
      else if (change.table === applications.name) this.#standings.forgetApplication(change.id);
      else if (change.table === revocations.name) {
        this.revoked.add(change.id);
        revokedIds.push(change.id);
      } else tables.add(change.table);
    }
    if (tables.size === 0 && revokedIds.length === 0) return Promise.resolve();
    this.#work = this.#work.then(() => this.#readChanged(tables, revokedIds));
    return this.#work;
  }

  /**
   * How long what is known may be used: Infinity while the feed is heard, else the seconds that are left.
   * @throws DomainError `unavailable` once none are left
   */
  secondsToServe(): number {
    const silentMs = this.#now() - this.#heardAt;
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

  /** Seconds since the feed was last heard. */
  secondsSinceHeard(): number {
    return (this.#now() - this.#heardAt) / 1000;
  }

  #heard(): void {
    // While something changed is still unread, hearing the feed proves nothing.
    if (this.#reloading === undefined) this.#heardAt = this.#now();
  }

  async #readChanged(tables: ReadonlySet<string>, revokedIds: readonly string[]): Promise<void> {
    try {
      this.revoked.learn(await this.#storage.getMany(revocations, revokedIds));
      if (tables.has(apis.name)) await this.#readApis();
      if (tables.has(roles.name)) await this.#readRoles();
      if (tables.has(signingKeys.name)) await this.#readSigningKeys();
    } catch (error) {
      this.#settings.onError(error);
      this.#reload();
    }
  }

  /** Forgets what may be wrong and reads everything again, until that has worked. */
  #reload(): void {
    if (this.#reloading !== undefined || this.#closed) return;
    this.#reloading = (async () => {
      while (!this.#closed) {
        try {
          await this.#readAll();
          break;
        } catch (error) {
          this.#settings.onError(error);
          await new Promise((resolve) => setTimeout(resolve, RETRY_MS).unref());
        }
      }
    })().finally(() => {
      this.#reloading = undefined;
    });
  }

  async #readAll(): Promise<void> {
    await Promise.all([this.#readApis(), this.#readSigningKeys(), this.#readRevocations()]);
    await this.#readRoles();
    this.#heardAt = this.#now();
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

  async #readRevocations(): Promise<void> {
    this.revoked.learn(await this.#storage.all(revocations));
  }

  #tell(event: CatalogueEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
