/** A client's standing: everything about it that issuing and verifying ask for, read once and remembered. */
import type { Role } from '../apis/roles.ts';
import { type Application, applications } from '../applications/applications.ts';
import { shortKeyIds } from '../clients/client-keys.ts';
import { type ClientSecret, clientSecrets } from '../clients/client-secrets.ts';
import { type Client, clients } from '../clients/clients.ts';
import { shortId } from '../ids.ts';
import type { Storage } from '../store.ts';
import { type Holding, type Lookup, readProfile, restrictionOf, rightsOf, roleNames } from './holding.ts';

export interface Standing extends Holding {
  readonly client: Client;
  readonly application: Application;
  readonly secrets: readonly ClientSecret[];
  readonly secretsByShortId: ReadonlyMap<string, ClientSecret>;
  /** The short ids of its inline keys; null where they lie elsewhere (`jwks_uri`) or it has none. */
  readonly keyIds: ReadonlySet<string> | null;
  /** When keys that it has taken back were, by their short ids. */
  readonly endedKeys: ReadonlyMap<string, string>;
}

/** @returns the standing of a client as the store has it, or undefined where there is none */
export async function readStanding(storage: Storage, lookup: Lookup, clientId: string): Promise<Standing | undefined> {
  const [client, secrets] = await Promise.all([
    storage.get(clients, clientId),
    storage.all(clientSecrets, { client_id: clientId }),
  ]);
  return client && (await standingOf(storage, lookup, client, secrets));
}

/**
 * @param client as it is stored, or as it would be
 * @returns the standing of a client with this record and these secrets; undefined where its application is gone
 */
export async function standingOf(
  storage: Pick<Storage, 'get'>,
  lookup: Lookup,
  client: Client,
  secrets: readonly ClientSecret[],
): Promise<Standing | undefined> {
  const application = await storage.get(applications, client.application_id);
  if (application === undefined) return undefined;
  const profile = await readProfile(storage, lookup, client.access_profile_id);
  // Behind the last reading: what is looked up is as new as what was read, or newer.
  const roles: Role[] = client.role_ids.flatMap((id) => lookup.role(id) ?? []);
  return {
    id: client.id,
    client,
    application,
    environment: client.environment,
    enabled: client.enabled && application.enabled,
    secrets,
    secretsByShortId: new Map(secrets.map((secret) => [shortId(secret.id), secret])),
    keyIds: client.jwks === null ? null : shortKeyIds(client.jwks),
    endedKeys: new Map(client.ended_keys.map(({ short_id, ended_at }) => [short_id, ended_at])),
    rights: rightsOf(
      [client, ...roles].map(({ permissions }) => permissions),
      profile,
    ),
    roles: roleNames(roles, profile),
    defaultApiId: client.default_api_id,
    profile,
    restrictions: profile === null ? [] : [restrictionOf(profile.record)],
  };
}
