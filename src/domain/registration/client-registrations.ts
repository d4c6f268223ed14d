/**
 * A registration: what is kept of a client that registered itself (RFC 7591) beside the client, which is one like any
 * other. It proves the registration access token, bounds what the client may be given by it, and keeps what a portal
 * says of the client.
 */

import { z } from 'zod';
import { asPermissions } from '../apis/told-apis.ts';
import { asRoles } from '../apis/told-roles.ts';
import { type Client, clients } from '../clients/clients.ts';
import { CONTROL_CHARACTERS } from '../control-characters.ts';
import { Name, recordShape, StoredPermission } from '../record.ts';
import type { Storage, Table } from '../store.ts';
import type { Unit } from '../unit.ts';

const ShortText = z
  .string()
  .max(200)
  .regex(new RegExp(`^[^${CONTROL_CHARACTERS}]*$`, 'u'), 'must not contain control characters');

const PageUri = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(2000);

/** What a portal says of a client, for people (RFC 7591 section 2). */
export const described = {
  client_name: Name,
  client_uri: PageUri,
  logo_uri: PageUri,
  contacts: z.array(ShortText).max(20),
  software_id: ShortText,
  software_version: ShortText,
};

export const ClientRegistration = z.object({
  ...recordShape,
  client_id: z.string(),
  initial_access_token_id: z.string(),
  /** The ceiling: what its client may get by it. */
  permissions: z.array(StoredPermission),
  role_ids: z.array(z.string()),
  /** What of its rights others took from the client. */
  taken_permissions: z.array(StoredPermission),
  taken_role_ids: z.array(z.string()),
  /** The SHA-256 of the registration access token, base64url. */
  hash: z.string(),
  client_name: described.client_name.nullable(),
  client_uri: described.client_uri.nullable(),
  logo_uri: described.logo_uri.nullable(),
  contacts: described.contacts.nullable(),
  software_id: described.software_id.nullable(),
  software_version: described.software_version.nullable(),
});
export type ClientRegistration = z.infer<typeof ClientRegistration>;

/** The description alone. */
export type ClientDescription = Pick<ClientRegistration, keyof typeof described>;

// The ceiling is not declared as references, nor is the initial access token: they give nothing, they only limit. What
// has gone of them is not given any more, and nobody has to look for registrations to delete an API.
export const clientRegistrations: Table<ClientRegistration> = {
  name: 'client_registrations',
  unique: [['client_id']],
  references: (registration) => [registration.client_id],
  audit: {
    noun: 'client_registration',
    members: {
      client_id: 'shown',
      initial_access_token_id: 'shown',
      permissions: asPermissions,
      role_ids: asRoles,
      taken_permissions: { ...asPermissions, as: 'taken_permissions' },
      taken_role_ids: { ...asRoles, as: 'taken_roles' },
      hash: 'hidden',
      client_name: 'shown',
      client_uri: 'shown',
      logo_uri: 'shown',
      contacts: 'hidden',
      software_id: 'shown',
      software_version: 'shown',
    },
    belongsTo: async ({ client_id }, read) => (await read(clients, client_id))?.application_id ?? null,
  },
};

/** Removes what a client registered itself by, where it did: with it its registration access token ends. */
export async function removeRegistrationOf(
  { storage, unit }: { readonly storage: Storage; readonly unit: Unit },
  client: Client,
): Promise<void> {
  const registration = await storage.find(clientRegistrations, { client_id: client.id });
  if (registration) unit.remove(clientRegistrations, registration);
}
