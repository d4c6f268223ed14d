/** What may be done with gateways. They are for platform owners: a gateway makes clients, and introspects. */
import type { KeySupply } from '../apis/api-changes.ts';
import { apis } from '../apis/apis.ts';
import { roles } from '../apis/roles.ts';
import { applications } from '../applications/applications.ts';
import { readHead } from '../audit/chain.ts';
import { insertSecret } from '../clients/client-secret-changes.ts';
import { clientSecrets } from '../clients/client-secrets.ts';
import { clients } from '../clients/clients.ts';
import { DomainError, invalid, type Mistake } from '../errors.ts';
import type { Sealer } from '../installation/sealing.ts';
import { changesNothing, definedIn } from '../merge.ts';
import type { Storage, StoredRecord, Table } from '../store.ts';
import { Unit } from '../unit.ts';
import type { Work } from '../work.ts';
import { insertGatewayKey, type MintedCredentials, removeGatewayKeys } from './gateway-credential-changes.ts';
import { type GatewayChanges, type GatewayDraft, type GatewaySettings, settingMistakes } from './gateway-drafts.ts';
import { identityNameOf, insertIdentity } from './gateway-identity.ts';
import { NO_SETTINGS, resolveSettings } from './gateway-references.ts';
import { demandGateways, permissionsOfRole, roleNameOf } from './gateway-rights.ts';
import { type Gateway, type GatewayType, gateways, isWso2 } from './gateways.ts';
import { kongSyncs } from './kong/kong-syncs.ts';
import { notifyingFrom, removeNoticesOf } from './notice-changes.ts';
import { leavePushedScopes } from './pushed-scopes.ts';
import { followInPushedScopes } from './scope-bindings.ts';

/** What the rules about gateways need to know of the installation. */
export interface GatewaySurroundings {
  readonly issuer: string;
  readonly allowsPlainHttp: boolean;
  readonly sealer: Pick<Sealer, 'seal'>;
  readonly keyring: KeySupply;
}

export type GatewayWork = Work & { readonly services: GatewaySurroundings };

/** @returns what is wrong with these members, beyond what their schemas say @param before the gateway that is changed */
export async function gatewayMistakes(
  {
    storage,
    services,
  }: Pick<GatewayWork, 'storage'> & { services: Pick<GatewaySurroundings, 'allowsPlainHttp' | 'sealer'> },
  { type, settings }: { readonly type?: GatewayType | undefined; readonly settings?: GatewaySettings | undefined },
  before?: Gateway,
): Promise<Mistake[]> {
  const known = type ?? before?.type;
  // Of settings that could not be read nothing is said, and of those that were not sent nothing is wrong.
  if (known === undefined || settings === undefined) return [];
  const surroundings = { storage, unit: new Unit(), ...services };
  const { mistakes } = await resolveSettings(surroundings, before?.id ?? '', settings, before);
  return [...settingMistakes(known, settings, before === undefined), ...mistakes];
}

/** @param credentials what it proves itself with, made beforehand @throws DomainError `invalid`, `forbidden` */
export async function createGateway(
  work: GatewayWork,
  draft: GatewayDraft,
  { gateway_id: id, client, key }: MintedCredentials,
): Promise<{ gateway: Gateway; credential_ids: string[] }> {
  await demandGateways(work);
  const { storage, unit, services } = work;
  const { type, name, enabled } = draft;
  const { settings, mistakes } = await resolveSettings({ storage, unit, ...services }, id, draft.settings);
  const all = [...settingMistakes(type, draft.settings, true), ...mistakes];
  if (all.length > 0) throw invalid(all);
  const stored = { ...NO_SETTINGS, ...settings };
  const identity = client && (await insertIdentity(work, { id, name, enabled, api_ids: stored.api_ids }, client.id));
  const secret =
    identity && client && insertSecret(work, identity.client, client.minted, { label: '', expires_at: null });
  const role = isWso2(type)
    ? unit.insert(roles, {
        id: roleIdOf(id),
        name: roleNameOf(id),
        description: roleDescriptionOf(draft),
        permissions: await permissionsOfRole(storage, stored),
      })
    : undefined;
  const gateway = unit.insert(gateways, {
    id,
    type,
    name,
    enabled,
    ...stored,
    client_id: identity?.client.id ?? null,
    application_id: identity?.application.id ?? null,
    audience_id: identity?.audience.id ?? null,
    role_id: role?.id ?? null,
    begins_after: (await readHead(storage)).count,
  });
  const added = key && insertGatewayKey(unit, gateway, key, '');
  return { gateway, credential_ids: [secret?.id, added?.id].filter((made) => made !== undefined) };
}

/** Disabling it ends its own tokens; clients that were made through it go on. @throws DomainError `invalid`, `forbidden` */
export async function changeGateway(work: GatewayWork, before: Gateway, changes: GatewayChanges): Promise<Gateway> {
  const { storage, unit, services } = work;
  const { settings: given = {}, ...own } = changes;
  const { settings, mistakes } = await resolveSettings({ storage, unit, ...services }, before.id, given, before);
  const all = [...settingMistakes(before.type, given, false), ...mistakes];
  if (all.length > 0) throw invalid(all);
  const patch = { ...definedIn(own), ...settings };
  if (changesNothing(before, patch)) return before;
  await demandGateways(work);
  const after = { ...before, ...patch };
  await demandApiOfClients(work, before, after);
  await followInName(work, before, after);
  await followInClient(work, before, after);
  await followInRole(work, after);
  await followInPushedScopes(work, before, after);
  return unit.replace(gateways, before, { ...patch, ...(await notifyingFrom(storage, before, after)) });
}

/**
 * Removes it with everything that is its own.
 * @throws DomainError `forbidden`; `conflict` while there are clients that were made through it
 */
export async function removeGateway(work: Work, gateway: Gateway): Promise<void> {
  await demandGateways(work);
  const { storage, unit } = work;
  if (await hasClients(storage, gateway)) {
    throw new DomainError(
      'conflict',
      'There are clients that were made through it: delete them, or release them (DELETE /gateways/{id}/clients/{client_id}).',
    );
  }
  unit.remove(gateways, gateway);
  unit.afterwards(() => storage.removeWhere(kongSyncs, { id: gateway.id }));
  removeNoticesOf(work, gateway);
  await removeGatewayKeys(work, gateway);
  await leavePushedScopes(work, gateway.id);
  const { client_id, application_id, audience_id, role_id } = gateway;
  const client = client_id === null ? undefined : await storage.get(clients, client_id);
  if (client !== undefined) {
    for (const secret of await storage.all(clientSecrets, { client_id: client.id })) unit.remove(clientSecrets, secret);
    unit.remove(clients, client);
  }
  await removeOne(work, applications, application_id);
  await removeOne(work, apis, audience_id);
  await removeOne(work, roles, role_id);
}

async function removeOne<R extends StoredRecord>({ storage, unit }: Work, table: Table<R>, id: string | null) {
  const record = id === null ? undefined : await storage.get(table, id);
  if (record !== undefined) unit.remove(table, record);
}

async function hasClients(storage: Storage, { id }: Gateway): Promise<boolean> {
  return (await storage.page(clients, { where: { gateway_id: id }, limit: 1 })).length > 0;
}

/** The API of a WSO2 gateway is its clients' default: another one would leave them with more than the gateway has. */
async function demandApiOfClients({ storage }: Work, before: Gateway, after: Gateway): Promise<void> {
  if (before.role_id === null || changesNothing(before, { api_ids: after.api_ids })) return;
  if (!(await hasClients(storage, before))) return;
  throw new DomainError(
    'conflict',
    'There are clients that were made through it, for its API: delete or release them first, or make another gateway.',
  );
}

/** What is called after the gateway is so still. */
async function followInName({ storage, unit }: Work, before: Gateway, after: Gateway): Promise<void> {
  if (before.name === after.name) return;
  const { application_id, audience_id } = after;
  const application = application_id === null ? undefined : await storage.get(applications, application_id);
  const audience = audience_id === null ? undefined : await storage.get(apis, audience_id);
  const name = identityNameOf(after);
  if (application) unit.replace(applications, application, { name });
  if (audience) unit.replace(apis, audience, { name });
}

async function followInClient({ storage, unit }: Work, before: Gateway, after: Gateway): Promise<void> {
  if (after.client_id === null) return;
  const client = await storage.get(clients, after.client_id);
  if (client === undefined) return;
  const patch = { may_introspect_ids: after.api_ids, enabled: after.enabled };
  if (changesNothing(client, patch)) return;
  const isSwitched = before.enabled !== after.enabled;
  unit.replace(clients, client, { ...patch, ...(isSwitched && { tokens_valid_from: unit.at }) });
}

async function followInRole({ storage, unit }: Work, after: Gateway): Promise<void> {
  const role = after.role_id === null ? undefined : await storage.get(roles, after.role_id);
  if (role === undefined) return;
  const patch = { description: roleDescriptionOf(after), permissions: await permissionsOfRole(storage, after) };
  if (!changesNothing(role, patch)) unit.replace(roles, role, patch);
}

function roleDescriptionOf({ name }: Pick<Gateway, 'name'>): string {
  return `What clients have that are made through the gateway ${name}`;
}

function roleIdOf(gatewayId: string): string {
  return `role_${gatewayId.slice(gatewayId.indexOf('_') + 1)}`;
}
