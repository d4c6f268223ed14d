/**
 * What a client that was made through Konnect is registered for: versions of API products, each with the rights that it
 * was given for that. Kept so that what several of them give goes only with the last.
 */
import { z } from 'zod';
import { asPermissions } from '../apis/told-apis.ts';
import type { ReadRelated } from '../audit/audited.ts';
import { clients } from '../clients/clients.ts';
import { recordShape, StoredPermission } from '../record.ts';
import type { Table } from '../store.ts';

/** One version of a product. */
export const ProductRegistration = z.object({
  /** Konnect's id of it, lower case. */
  version: z.string(),
  api_id: z.string(),
  /** What the client has by this registration. What it was given otherwise, before, is not among it. */
  permissions: z.array(StoredPermission).max(500),
});
export type ProductRegistration = z.infer<typeof ProductRegistration>;

/** All of one client, in the order in which they came; the record's id is the client's. */
export const ProductRegistrations = z.object({
  ...recordShape,
  gateway_id: z.string(),
  registrations: z.array(ProductRegistration),
});
export type ProductRegistrations = z.infer<typeof ProductRegistrations>;

// What was given is no reference: the client's own permission is, and an owner may take that away.
export const productRegistrations: Table<ProductRegistrations> = {
  name: 'product_registrations',
  idsOfAnother: true,
  indexes: ['gateway_id'],
  audit: {
    noun: 'product_registration',
    members: { gateway_id: 'shown', registrations: { as: 'registrations', value: toldRegistrations } },
    belongsTo: async ({ id }, read) => (await read(clients, id))?.application_id ?? null,
  },
};

async function toldRegistrations(registrations: readonly ProductRegistration[], read: ReadRelated): Promise<unknown> {
  return await Promise.all(
    registrations.map(async ({ version, permissions }) => ({
      version,
      permissions: await asPermissions.value(permissions, read),
    })),
  );
}
