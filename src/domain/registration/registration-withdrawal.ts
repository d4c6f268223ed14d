/** How whoever may change a client takes its registration access token back. */
import { demandForeign, demandOwnerOver } from '../access/may-grant.ts';
import { type Client, clients } from '../clients/clients.ts';
import { notFound } from '../errors.ts';
import type { Work } from '../work.ts';
import { clientRegistrations } from './client-registrations.ts';

/**
 * Ends the registration access token of a client, and all that is kept of its registration. The client stays as it is.
 * @throws DomainError `forbidden` as for a change of the client; `not_found` where it did not register itself
 */
export async function withdrawRegistration({ storage, unit, principal }: Work, client: Client): Promise<void> {
  const registration = await storage.find(clientRegistrations, { client_id: client.id });
  if (registration === undefined) throw notFound('registration');
  demandForeign(principal, client.id);
  await demandOwnerOver({ storage, principal }, [client]);
  // Decided on the rights that it has now.
  unit.require(clients, client);
  unit.remove(clientRegistrations, registration);
}
