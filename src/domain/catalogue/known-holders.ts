/** The standings of clients and API keys that this node remembers, and which change makes which of them untrue. */
import { apiKeys } from '../api-keys/api-keys.ts';
import type { Api } from '../apis/apis.ts';
import { accessProfiles } from '../applications/access-profiles.ts';
import { applications } from '../applications/applications.ts';
import { clientSecrets } from '../clients/client-secrets.ts';
import { clients } from '../clients/clients.ts';
import { members } from '../members/members.ts';
import type { Change, Storage } from '../store.ts';
import type { Lookup } from './holding.ts';
import { type KeyStanding, readKeyStanding } from './key-standing.ts';
import { Remembered } from './remembered.ts';
import { readStanding, type Standing } from './standing.ts';

export class KnownHolders {
  readonly #clients: Remembered<Standing>;
  readonly #keys: Remembered<KeyStanding>;

  /** @param lookup the small tables, whose records standings are made from too: forget all when they change */
  constructor(storage: Storage, lookup: Lookup & { api(id: string): Api | undefined }) {
    this.#clients = new Remembered((id) => readStanding(storage, lookup, id));
    this.#keys = new Remembered((id) => readKeyStanding(storage, lookup, id));
  }

  client(id: string): Promise<Standing | undefined> {
    return this.#clients.of(id);
  }

  key(id: string): Promise<KeyStanding | undefined> {
    return this.#keys.of(id);
  }

  /** Forgets what a change makes untrue. @returns whether that was all there is to do about it */
  forgetFor({ table, id, parent }: Change): boolean {
    switch (table) {
      case clients.name:
        this.#clients.forget(id);
        return true;
      case clientSecrets.name:
        if (parent !== null) this.#clients.forget(parent);
        return true;
      case apiKeys.name:
        this.#keys.forget(id);
        return true;
      case applications.name:
        this.#clients.forgetWhere(({ application }) => application.id === id);
        this.#keys.forgetWhere(({ application }) => application?.id === id);
        return true;
      case accessProfiles.name:
        this.#clients.forgetWhere(({ profile }) => profile?.record.id === id);
        this.#keys.forgetWhere(({ profile }) => profile?.record.id === id);
        return true;
      case members.name:
        this.#keys.forgetWhere(({ member }) => member?.id === id);
        return true;
      default:
        return false;
    }
  }

  forgetAll(): void {
    this.#clients.forgetAll();
    this.#keys.forgetAll();
  }
}
