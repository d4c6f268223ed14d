/**
 * What clients of a gateway may come to: their portal registers them for products, and nobody is asked again who has their
 * credentials by then.
 */
import { apis } from '../apis/apis.ts';
import type { Client } from '../clients/clients.ts';
import { type Gateway, gateways, type Product } from '../gateways/gateways.ts';
import type { Work } from '../work.ts';
import type { Grant } from './may-grant.ts';

/** @returns everything that these clients' gateways may give them, as asked for at `at`; the gateways stay so until this is done */
export async function grantsToCome(
  { storage, unit }: Pick<Work, 'storage' | 'unit'>,
  holders: readonly Pick<Client, 'gateway_id'>[],
  at: string,
): Promise<Grant[]> {
  const ids = [...new Set(holders.flatMap(({ gateway_id }) => gateway_id ?? []))];
  const products: Product[] = [];
  for (const gateway of await storage.getMany<Gateway>(gateways, ids)) {
    unit.require(gateways, gateway);
    products.push(...gateway.products);
  }
  const named = await storage.getMany(apis, [...new Set(products.map(({ api_id }) => api_id))]);
  return products.flatMap(({ api_id, scopes: choice }): Grant[] => {
    const all = named.find(({ id }) => id === api_id)?.scopes.map(({ name }) => name) ?? [];
    const chosen = choice === 'all' ? all : all.filter((name) => choice.includes(name));
    return [{ at, default_api: api_id }, ...chosen.map((scope) => ({ at, permission: { api_id, scope } }))];
  });
}
