/** A client's standing: everything about it that issuing and verifying ask for, read once and remembered. */

import type { Permission } from '../access/principal.ts';
import type { Role } from '../apis/roles.ts';
import { type Application, applications } from '../applications/applications.ts';
import { shortKeyIds } from '../clients/client-keys.ts';
import { type ClientSecret, clientSecrets } from '../clients/client-secrets.ts';
import { type Client, clients } from '../clients/clients.ts';
import { shortId } from '../ids.ts';
import type { Storage } from '../store.ts';

export interface Standing {
  readonly client: Client;
  readonly application: Application;
  readonly secrets: readonly ClientSecret[];
  readonly secretsByShortId: ReadonlyMap<string, ClientSecret>;
  /** The short ids of its inline keys; null where they lie elsewhere (`jwks_uri`) or it has none. */
  readonly keyIds: ReadonlySet<string> | null;
  /** When keys that it has taken back were, by their short ids. */
  readonly endedKeys: ReadonlyMap<string, string>;
  /** The scopes that it may have, own and by its roles, by the API's id. */
  readonly rights: ReadonlyMap<string, ReadonlySet<string>>;
  /** Its roles' names, sorted. */
  readonly roles: readonly string[];
}

/** @returns the standing of a client as the store has it, or undefined where there is none */
export async function readStanding(
  storage: Storage,
  roleById: (id: string) => Role | undefined,
  clientId: string,
): Promise<Standing | undefined> {
  const [client, secrets] = await Promise.all([
    storage.get(clients, clientId),
    storage.all(clientSecrets, { client_id: clientId }),
  ]);
  if (client === undefined) return undefined;
  const application = await storage.get(applications, client.application_id);
  if (application === undefined) return undefined;
  const roles = client.role_ids.flatMap((id) => roleById(id) ?? []);
  return {
    client,
    application,
    secrets,
    secretsByShortId: new Map(secrets.map((secret) => [shortId(secret.id), secret])),
    keyIds: client.jwks === null ? null : shortKeyIds(client.jwks),
    endedKeys: new Map(client.ended_keys.map(({ short_id, ended_at }) => [short_id, ended_at])),
    rights: rightsOf(client, roles),
    roles: roles.map(({ name }) => name).sort(),
  };
}

/** @returns whether the client and its application may be used at all */
export function isEnabled({ client, application }: Standing): boolean {
  return client.enabled && application.enabled;
}

/** @returns a client's rights as a list, the form in which grants are compared */
export function permissionsOf(standing: Standing): Permission[] {
  return [...standing.rights].flatMap(([api_id, scopes]) => [...scopes].map((scope) => ({ api_id, scope })));
}

function rightsOf(client: Client, roles: readonly Role[]): Map<string, Set<string>> {
  const rights = new Map<string, Set<string>>();
  for (const { permissions } of [client, ...roles]) {
    for (const { api_id, scope } of permissions) {
      const scopes = rights.get(api_id) ?? new Set();
      rights.set(api_id, scopes.add(scope));
    }
  }
  return rights;
}
