/**
 * A client id and secret that the user of a gateway's portal brings along, as an import does: the id is given out once
 * and never again, and must be nobody's.
 */
import { z } from 'zod';
import { ChosenClientId } from '../clients/chosen-client-id.ts';
import { clients } from '../clients/clients.ts';
import type { KeptSecret, MintedSecret, Secrets } from '../clients/secrets.ts';
import { invalid } from '../errors.ts';
import { importedRowId, importedRows } from '../imports/imported-rows.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import type { Gateway } from './gateways.ts';

export const ChosenCredentials = z.object({
  client_id: ChosenClientId.optional(),
  client_secret: z
    .string()
    // WSO2 sends a secret by Basic as it is, where others read + and % as RFC 6749 section 2.3.1 has it.
    .regex(/^[!-$&-*,-~]{8,72}$/, 'must have 8 to 72 characters of ASCII, none of them a space, + or %')
    .optional(),
});
export type ChosenCredentials = z.output<typeof ChosenCredentials>;

/** @returns what is kept of the secret that was chosen, or of a new one @throws DomainError `busy` */
export async function keepChosen(
  secrets: Pick<Secrets, 'mint' | 'keepImported'>,
  clientId: string,
  { client_secret: secret }: ChosenCredentials = {},
): Promise<KeptSecret & Pick<MintedSecret, 'secret'>> {
  if (secret === undefined) return await secrets.mint(clientId);
  return { ...(await secrets.keepImported(clientId, secret)), secret };
}

/** Takes the id for good. @throws DomainError `invalid` where it is somebody's, or has been */
export async function takeChosenId(
  { storage, unit }: { readonly storage: Storage; readonly unit: Unit },
  { id: gatewayId }: Gateway,
  { client_id: id }: ChosenCredentials = {},
): Promise<void> {
  if (id === undefined) return;
  const name = importedRowId('client', id);
  const [client, row] = await Promise.all([storage.get(clients, id), storage.get(importedRows, name)]);
  if (client || row) throw invalid([{ pointer: '/ext_param_client_id', detail: 'is taken, or was: choose another' }]);
  unit.insert(importedRows, { id: name, record_id: id, digest: `gateway:${gatewayId}` });
}
