/** Finds what a profile names (application, collections, policy) and holds its keys against the application's other keys. */
import type { Principal } from '../access/principal.ts';
import { visibleApplication } from '../access/visibility.ts';
import { collections } from '../apis/collections.ts';
import { clients } from '../clients/clients.ts';
import type { Mistake } from '../errors.ts';
import { policies } from '../limits/policies.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import { type Application, applications } from './applications.ts';
import { type KeySource, sharedKeyMistakes } from './profile-keys.ts';

/** Collects what it does not find, so that all of it can be named at once, and demands that what it finds stays. */
export class ProfileReferences {
  readonly mistakes: Mistake[] = [];
  readonly #storage: Storage;
  readonly #unit: Unit;
  readonly #principal: Principal;

  constructor({ storage, unit, principal }: { storage: Storage; unit: Unit; principal: Principal }) {
    this.#storage = storage;
    this.#unit = unit;
    this.#principal = principal;
  }

  /** @returns the application, where the principal may know of it */
  async application(id: string): Promise<Application | undefined> {
    const found = await visibleApplication({ storage: this.#storage, principal: this.#principal }, id);
    if (found === undefined) this.mistakes.push({ pointer: '/application_id', detail: 'names no application' });
    else this.#unit.require(applications, found);
    return found;
  }

  async collections(ids: readonly string[]): Promise<void> {
    const found = new Map((await this.#storage.getMany(collections, ids)).map((one) => [one.id, one]));
    for (const [index, id] of ids.entries()) {
      const collection = found.get(id);
      const pointer = `/collections/${index}`;
      if (ids.indexOf(id) < index) this.mistakes.push({ pointer, detail: 'is a repetition' });
      else if (collection === undefined) this.mistakes.push({ pointer, detail: 'names no collection' });
      else this.#unit.require(collections, collection);
    }
  }

  async policy(id: string): Promise<void> {
    const policy = await this.#storage.get(policies, id);
    if (policy === undefined) this.mistakes.push({ pointer: '/policy_id', detail: 'names no policy' });
    else this.#unit.require(policies, policy);
  }

  /** Holds the keys against those by which clients of the application authenticate. */
  async keys(source: KeySource, applicationId: string): Promise<void> {
    if (source.public_key === null && source.jwks === null) return;
    const others = await this.#storage.all(clients, { application_id: applicationId });
    for (const client of others) this.#unit.require(clients, client);
    this.mistakes.push(
      ...sharedKeyMistakes(
        source,
        others.flatMap(({ jwks }) => jwks ?? []),
      ),
    );
  }
}
