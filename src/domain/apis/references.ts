/** Names on the wire <-> ids in storage: APIs by identifier, roles by name. The one place where they are exchanged. */
import { z } from 'zod';
import type { Permission } from '../access/principal.ts';
import { invalid, type Mistake } from '../errors.ts';
import { ScopeName } from '../record.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import { type Api, apis } from './apis.ts';
import { type Role, roles } from './roles.ts';

export const ApiIdentifier = z.string().min(1).max(255);

/** A permission as it is written: the API by its identifier. */
export const NamedPermission = z
  .strictObject({ api: ApiIdentifier, scope: ScopeName })
  .meta({ example: { api: 'https://api.example.com/orders', scope: 'orders:read' } });
export type NamedPermission = z.infer<typeof NamedPermission>;

/**
 * Finds what a request names and demands, in the unit, that it stays. Collects what it does not find, so that all
 * of it can be named at once.
 */
export class References {
  readonly mistakes: Mistake[] = [];
  readonly #storage: Storage;
  readonly #unit: Unit;
  readonly #apis = new Map<string, Promise<Api | undefined>>();

  constructor({ storage, unit }: { storage: Storage; unit: Unit }) {
    this.#storage = storage;
    this.#unit = unit;
  }

  /** @param at a JSON Pointer to the member */
  async api(identifier: string, at: string): Promise<Api | undefined> {
    let reading = this.#apis.get(identifier);
    if (reading === undefined) {
      reading = this.#storage.find(apis, { identifier });
      this.#apis.set(identifier, reading);
    }
    const api = await reading;
    if (api === undefined) this.mistakes.push({ pointer: at, detail: 'names no API' });
    // Its one scope is for the gateway alone.
    else if (api.gateway_id !== undefined) this.mistakes.push({ pointer: at, detail: 'is a gateway’s own' });
    else this.#unit.require(apis, api);
    return api?.gateway_id === undefined ? api : undefined;
  }

  /** @param at a JSON Pointer to the list */
  async apis(identifiers: readonly string[], at: string): Promise<string[]> {
    this.#refuseRepetitions(identifiers, at);
    const found = await Promise.all(identifiers.map((name, index) => this.api(name, `${at}/${index}`)));
    return found.flatMap((api) => api?.id ?? []);
  }

  /** @param at a JSON Pointer to the list */
  async permissions(named: readonly NamedPermission[], at: string): Promise<Permission[]> {
    this.#refuseRepetitions(
      named.map(({ api, scope }) => JSON.stringify([api, scope])),
      at,
    );
    const found: Permission[] = [];
    for (const [index, { api: identifier, scope }] of named.entries()) {
      const api = await this.api(identifier, `${at}/${index}/api`);
      if (api === undefined) continue;
      if (api.scopes.some(({ name }) => name === scope)) found.push({ api_id: api.id, scope });
      else this.mistakes.push({ pointer: `${at}/${index}/scope`, detail: 'is no scope of this API' });
    }
    return found;
  }

  /** @param at a JSON Pointer to the list @returns the roles' ids */
  async roles(names: readonly string[], at: string): Promise<string[]> {
    this.#refuseRepetitions(names, at);
    const found = await Promise.all(names.map((name) => this.#storage.find(roles, { name })));
    return found.flatMap((role: Role | undefined, index) => {
      if (role === undefined) {
        this.mistakes.push({ pointer: `${at}/${index}`, detail: 'names no role' });
        return [];
      }
      this.#unit.require(roles, role);
      return [role.id];
    });
  }

  /** @throws DomainError `invalid` naming all that was not found */
  demandAll(): void {
    if (this.mistakes.length > 0) throw invalid(this.mistakes);
  }

  #refuseRepetitions(keys: readonly string[], at: string): void {
    for (const [index, key] of keys.entries()) {
      if (keys.indexOf(key) < index) this.mistakes.push({ pointer: `${at}/${index}`, detail: 'is a repetition' });
    }
  }
}

/** The names of what records refer to, read for many records at once. */
export interface Names {
  api(id: string): string;
  role(id: string): string;
  permissions(stored: readonly Permission[]): NamedPermission[];
}

/** @returns the names of these APIs and roles */
export async function readNames(
  storage: Storage,
  apiIds: Iterable<string>,
  roleIds: Iterable<string> = [],
): Promise<Names> {
  const [foundApis, foundRoles] = await Promise.all([
    storage.getMany(apis, [...new Set(apiIds)]),
    storage.getMany(roles, [...new Set(roleIds)]),
  ]);
  const identifiers = new Map(foundApis.map(({ id, identifier }) => [id, identifier]));
  const roleNames = new Map(foundRoles.map(({ id, name }) => [id, name]));
  // What is referred to cannot go; between two reads it may seem so.
  const api = (id: string) => identifiers.get(id) ?? id;
  return {
    api,
    role: (id) => roleNames.get(id) ?? id,
    permissions: (stored) => stored.map(({ api_id, scope }) => ({ api: api(api_id), scope })),
  };
}
