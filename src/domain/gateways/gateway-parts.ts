/**
 * A gateway's own client, application, API and role are parts of it: they follow from its settings, and are changed and
 * removed with it. Who could change one of them from beside would break the gateway, or have it hand out other rights.
 * None of them can be deleted by itself, for the gateway refers to it.
 */
import type { Role } from '../apis/roles.ts';
import type { Application } from '../applications/applications.ts';
import type { Client } from '../clients/clients.ts';
import { DomainError } from '../errors.ts';
import type { Storage } from '../store.ts';
import { gateways } from './gateways.ts';

type Reading = { readonly storage: Storage };

/** @throws DomainError `forbidden` where the client is a gateway's own; those that were made through one are not */
export async function demandNoGateway({ storage }: Reading, { id }: Pick<Client, 'id'>): Promise<void> {
  if (await storage.find(gateways, { client_id: id })) refuse('client', 'PATCH /gateways/{id}, or its credentials');
}

/** @throws DomainError `forbidden` where the application is a gateway's own */
export async function demandNoGatewaysApplication({ storage }: Reading, { id }: Application): Promise<void> {
  if (await storage.find(gateways, { application_id: id })) refuse('application', 'PATCH /gateways/{id}');
}

/** @throws DomainError `forbidden` where the role is what clients of a gateway hold */
export async function demandNoGatewaysRole({ storage }: Reading, { id }: Role): Promise<void> {
  if (await storage.find(gateways, { role_id: id })) refuse('role', 'PATCH /gateways/{id}');
}

function refuse(what: string, instead: string): never {
  throw new DomainError('forbidden', `This ${what} is part of a gateway: change that (${instead}).`);
}
