/** Clients that become a gateway's although they were not made through it, and those that cease to be. */

import { isAmong } from '../apis/role-changes.ts';
import { roles } from '../apis/roles.ts';
import { type Client, clients } from '../clients/clients.ts';
import { DomainError, invalid, type Mistake } from '../errors.ts';
import type { Storage } from '../store.ts';
import type { Work } from '../work.ts';
import { gatewayClients, removeGatewayClientOf } from './gateway-clients.ts';
import { demandGateways, isWithinGateway } from './gateway-rights.ts';
import { type Gateway, gateways } from './gateways.ts';

/** @returns why the gateway cannot have this client */
export async function adoptionMistakes(storage: Storage, gateway: Gateway, clientId: string): Promise<Mistake[]> {
  const pointer = '/client_id';
  const client = await storage.get(clients, clientId);
  if (client === undefined) return [{ pointer, detail: 'names no client' }];
  if (client.gateway_id) return [{ pointer, detail: 'is a gateway’s already' }];
  if (await storage.find(gateways, { client_id: clientId })) return [{ pointer, detail: 'is a gateway itself' }];
  if (await isWithinGateway(storage, gateway, client)) return [];
  return [{ pointer, detail: 'may more than is at the APIs of this gateway' }];
}

/** Lets a gateway read, change and delete a client; its rights stay as they are. @throws DomainError `invalid`, `forbidden` */
export async function adoptClient(work: Work, gateway: Gateway, clientId: string): Promise<Client> {
  await demandGateways(work);
  const { storage, unit } = work;
  const mistakes = await adoptionMistakes(storage, gateway, clientId);
  const client = await storage.get(clients, clientId);
  if (mistakes.length > 0 || client === undefined) throw invalid(mistakes);
  unit.require(gateways, gateway);
  unit.insert(gatewayClients, { id: client.id, gateway_id: gateway.id, client_name: client.id, said: {} });
  return unit.replace(clients, client, { gateway_id: gateway.id }, { verb: 'adopted' });
}

/**
 * Takes a client out of a gateway's reach. It keeps what it may do: what it had by the gateway's role is its own from now
 * on. The gateway still knows its secret: rotate that.
 * @throws DomainError `forbidden`, `conflict`
 */
export async function releaseClient(work: Work, gateway: Gateway, client: Client): Promise<void> {
  await demandGateways(work);
  const { storage, unit } = work;
  const role = gateway.role_id === null ? undefined : await storage.get(roles, gateway.role_id);
  const isHeld = role !== undefined && client.role_ids.includes(role.id);
  const added = isHeld ? role.permissions.filter((permission) => !isAmong(client.permissions, permission)) : [];
  if (client.permissions.length + added.length > 500) {
    throw new DomainError('conflict', 'It would have more than 500 permissions of its own.');
  }
  if (isHeld) unit.require(roles, role);
  await removeGatewayClientOf(work, client);
  const patch = {
    gateway_id: null,
    permissions: [...client.permissions, ...added],
    role_ids: client.role_ids.filter((id) => id !== gateway.role_id),
  };
  unit.replace(clients, client, patch, { verb: 'released' });
}
