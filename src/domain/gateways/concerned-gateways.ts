/**
 * Whose tokens an ending is about, and which gateways that concerns: those through which the client was made or by which
 * it was adopted, and those at whose APIs it may do anything.
 */
import { type Api, apis } from '../apis/apis.ts';
import { type Role, roles } from '../apis/roles.ts';
import { auditEntries } from '../audit/audit-entries.ts';
import { clientSecrets } from '../clients/client-secrets.ts';
import { type Client, clients } from '../clients/clients.ts';
import type { Storage } from '../store.ts';
import type { Ending, ToldClient } from './endings.ts';
import type { Gateway } from './gateways.ts';

/** A client whose tokens end, as far as gateways are concerned. */
export interface Holder {
  readonly client_id: string;
  readonly gateway_id: string | null;
  readonly api_ids: ReadonlySet<string>;
}

/** @returns whether the gateway might be shown tokens of the client */
export function isConcerned(gateway: Pick<Gateway, 'id' | 'api_ids'>, holder: Holder): boolean {
  return holder.gateway_id === gateway.id || gateway.api_ids.some((id) => holder.api_ids.has(id));
}

/** Tells whose tokens end; reads what it needs once. */
export class Holders {
  readonly #storage: Storage;
  #rights: Promise<{ apis: readonly Api[]; roles: readonly Role[] }> | undefined;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** @returns the clients; none where they are gone, of which another entry tells */
  async of(ending: Ending): Promise<Holder[]> {
    switch (ending.of) {
      case 'token':
        return [...(await this.#present(ending.client_id)), await this.#audienceOf(ending)];
      case 'client':
        return await this.#present(ending.client_id);
      case 'secret':
        return await this.#present(ending.client_id ?? (await this.#clientOf(ending.secret_id)));
      case 'gone_client':
        return [await this.#told(ending.client_id, ending.told)];
      case 'application': {
        const all = await this.#storage.all(clients, { application_id: ending.application_id });
        return await Promise.all(all.map((client) => this.#holder(client)));
      }
    }
  }

  /** The API that a token is for, whatever its client may by now. */
  async #audienceOf({ client_id, audience }: Extract<Ending, { of: 'token' }>): Promise<Holder> {
    const { apis: all } = await this.#read();
    const api_ids = all.filter(({ identifier }) => identifier === audience).map(({ id }) => id);
    return { client_id: client_id ?? '', gateway_id: null, api_ids: new Set(api_ids) };
  }

  async #present(clientId: string | null): Promise<Holder[]> {
    const client = clientId === null ? undefined : await this.#storage.get(clients, clientId);
    return client === undefined ? [] : [await this.#holder(client)];
  }

  /** Of a secret that was deleted since, its last entry says whose it was. */
  async #clientOf(secretId: string): Promise<string | null> {
    const secret = await this.#storage.get(clientSecrets, secretId);
    if (secret !== undefined) return secret.client_id;
    const where = { target_id: secretId, action: 'secret.deleted' };
    const [entry] = await this.#storage.page(auditEntries, { where, limit: 1 });
    const told = entry?.changes?.before?.['client_id'];
    return typeof told === 'string' ? told : null;
  }

  async #holder({ id, gateway_id = null, permissions, role_ids }: Client): Promise<Holder> {
    const rights = await this.#read();
    const held = rights.roles.filter((role) => role_ids.includes(role.id));
    const api_ids = [permissions, ...held.map((role) => role.permissions)].flat().map(({ api_id }) => api_id);
    return { client_id: id, gateway_id, api_ids: new Set(api_ids) };
  }

  /** Names that nothing has any more name nothing that a gateway has. */
  async #told(client_id: string, { gateway_id, permissions, roles: names }: ToldClient): Promise<Holder> {
    const rights = await this.#read();
    const own = rights.apis.filter(({ identifier }) => permissions.some(({ api }) => api === identifier));
    const held = rights.roles.filter(({ name }) => names.includes(name));
    const api_ids = [
      ...own.map(({ id }) => id),
      ...held.flatMap((role) => role.permissions.map(({ api_id }) => api_id)),
    ];
    return { client_id, gateway_id, api_ids: new Set(api_ids) };
  }

  #read() {
    this.#rights ??= (async () => ({
      apis: await this.#storage.all(apis),
      roles: await this.#storage.all(roles),
    }))();
    return this.#rights;
  }
}
