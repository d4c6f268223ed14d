/** What may be done with collections. */
import { z } from 'zod';
import { demandGrants, demandOwnerOver } from '../access/may-grant.ts';
import type { Mistake } from '../errors.ts';
import { newId } from '../ids.ts';
import { changesNothing, definedIn } from '../merge.ts';
import type { Storage } from '../store.ts';
import { Unit } from '../unit.ts';
import type { Work } from '../work.ts';
import { Collection, collections } from './collections.ts';
import { ApiIdentifier, References } from './references.ts';

const APIS_MAX = 500;

const writable = {
  name: Collection.shape.name,
  apis: z.array(ApiIdentifier).min(1).max(APIS_MAX),
};

/** What a collection is made from. */
export const CollectionDraft = z.strictObject(writable).meta({
  id: 'CollectionDraft',
  example: { name: 'Warehouse', apis: ['https://api.example.com/orders'] },
});
export type CollectionDraft = z.output<typeof CollectionDraft>;

/** What of a collection may be changed. */
export const CollectionChanges = z
  .strictObject(writable)
  .partial()
  .meta({ id: 'CollectionChanges', example: { name: 'Warehouse and stock' } });
export type CollectionChanges = z.output<typeof CollectionChanges>;

/** @returns what these members name but is not there */
export async function collectionMistakes(storage: Storage, { apis = [] }: CollectionChanges): Promise<Mistake[]> {
  const references = new References({ storage, unit: new Unit() });
  await references.apis(apis, '/apis');
  return references.mistakes;
}

/** @throws DomainError `invalid`, `forbidden` */
export async function createCollection(work: Work, { name, apis }: CollectionDraft): Promise<Collection> {
  const api_ids = await grantable(work, apis, []);
  return work.unit.insert(collections, { id: newId('col'), name, api_ids });
}

/** Adding an API gives it back to all who were kept from it. @throws DomainError `invalid`, `forbidden` */
export async function changeCollection(
  work: Work,
  before: Collection,
  { apis, name }: CollectionChanges,
): Promise<Collection> {
  const patch = definedIn({ name, api_ids: apis && (await grantable(work, apis, before.api_ids)) });
  if (changesNothing(before, patch)) return before;
  // With the admin API in it, it could shut out those who administer Latchkey.
  const within = before.api_ids.map((api_id) => ({ api_id, scope: '' }));
  await demandOwnerOver(work, [{ permissions: within, role_ids: [] }]);
  return work.unit.replace(collections, before, patch);
}

/** @throws DomainError at the commit `conflict` while an access profile names it */
export function removeCollection({ unit }: Work, collection: Collection): void {
  unit.remove(collections, collection);
}

async function grantable(work: Work, named: readonly string[], before: readonly string[]): Promise<string[]> {
  const references = new References(work);
  const apiIds = await references.apis(named, '/apis');
  references.demandAll();
  const grants = apiIds.map((id, index) => ({ collection_api: id, at: `/apis/${index}` }));
  await demandGrants(
    work,
    grants.filter(({ collection_api }) => !before.includes(collection_api)),
  );
  return apiIds;
}
