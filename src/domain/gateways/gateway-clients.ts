/**
 * What is kept of a client that was made through a gateway, or adopted by one, beside the client itself: what the gateway
 * says of it and is to read again.
 */
import { z } from 'zod';
import { type Client, clients } from '../clients/clients.ts';
import { recordShape } from '../record.ts';
import type { Storage, Table } from '../store.ts';
import type { Unit } from '../unit.ts';
import { productRegistrations } from './product-registrations.ts';

/** What a gateway says of a client, in its own words; of a kind and size that its reader has held it to. */
export const Said = z.record(z.string().max(100), z.json());

/** The record's id is the client's. */
export const GatewayClient = z.object({
  ...recordShape,
  gateway_id: z.string(),
  client_name: z.string().max(500),
  said: Said,
});
export type GatewayClient = z.infer<typeof GatewayClient>;

// The gateway is not declared as a reference: a client outlives it.
export const gatewayClients: Table<GatewayClient> = {
  name: 'gateway_clients',
  idsOfAnother: true,
  indexes: ['gateway_id'],
  search: ({ id, client_name }) => [id, client_name],
  audit: {
    noun: 'gateway_client',
    members: { gateway_id: 'shown', client_name: 'shown', said: 'hidden' },
    belongsTo: async ({ id }, read) => (await read(clients, id))?.application_id ?? null,
  },
};

/** Removes what is kept of a client that goes, or is no gateway's any more. */
export async function removeGatewayClientOf(
  { storage, unit }: { readonly storage: Storage; readonly unit: Unit },
  { id }: Pick<Client, 'id'>,
): Promise<void> {
  const details = await storage.get(gatewayClients, id);
  if (details) unit.remove(gatewayClients, details);
  const registered = await storage.get(productRegistrations, id);
  if (registered) unit.remove(productRegistrations, registered);
}
