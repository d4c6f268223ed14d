/** `/collections`: named sets of APIs, to which access profiles are cut. */
import { z } from 'zod';
import {
  CollectionChanges,
  CollectionDraft,
  changeCollection,
  collectionMistakes,
  createCollection,
  removeCollection,
} from '../domain/apis/collection-changes.ts';
import { Collection, collections } from '../domain/apis/collections.ts';
import { readNames } from '../domain/apis/references.ts';
import { notFound } from '../domain/errors.ts';
import type { Storage } from '../domain/store.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { operation, recordView } from './operation.ts';

const CollectionView = z
  .object({
    ...recordView,
    name: Collection.shape.name,
    apis: z.array(z.string()).meta({ description: "The APIs' identifiers." }),
  })
  .meta({
    id: 'Collection',
    example: {
      id: 'col_5vq3m8t1c7w2zk9x4n6bd0fh',
      created_at: '2026-11-21T08:00:00.000Z',
      updated_at: '2026-11-21T08:00:00.000Z',
      name: 'Warehouse',
      apis: ['https://api.example.com/orders'],
    },
  });
type CollectionView = z.infer<typeof CollectionView>;

const tag = 'Collection';

export const collectionOperations = [
  operation({
    method: 'get',
    path: '/collections',
    operation_id: 'listCollections',
    summary: 'List collections',
    tag,
    scope: 'collections:read',
    query: ListQuery,
    status: 200,
    result: pageOf(CollectionView),
    async run({ page, storage }) {
      const { records, next_cursor } = await page(collections);
      return { body: { data: await viewsOf(storage, records), next_cursor } };
    },
  }),
  operation({
    method: 'post',
    path: '/collections',
    operation_id: 'createCollection',
    summary: 'Create a collection',
    tag,
    scope: 'collections:write',
    reach: 'platform_owner',
    body: CollectionDraft,
    check: ({ storage, body }) => collectionMistakes(storage, body),
    status: 201,
    result: CollectionView,
    async run(call) {
      const collection = await createCollection(call, call.body);
      const location = `/collections/${collection.id}`;
      return { body: await viewOf(call.storage, collection), version: collection.version, location };
    },
  }),
  operation({
    method: 'get',
    path: '/collections/:id',
    operation_id: 'getCollection',
    summary: 'Read a collection',
    tag,
    scope: 'collections:read',
    status: 200,
    result: CollectionView,
    find: findCollection,
    run: async ({ storage, found }) => ({ body: await viewOf(storage, found), version: found.version }),
  }),
  operation({
    method: 'patch',
    path: '/collections/:id',
    operation_id: 'changeCollection',
    summary: 'Change a collection',
    description: 'The clients and keys of profiles that name it are cut to its APIs from now on.',
    tag,
    scope: 'collections:write',
    reach: 'platform_owner',
    body: CollectionChanges,
    check: ({ storage, body }) => collectionMistakes(storage, body),
    status: 200,
    result: CollectionView,
    find: findCollection,
    view: ({ storage, found }) => viewOf(storage, found),
    async run(call) {
      const collection = await changeCollection(call, call.found, call.body);
      return { body: await viewOf(call.storage, collection), version: collection.version };
    },
  }),
  operation({
    method: 'delete',
    path: '/collections/:id',
    operation_id: 'deleteCollection',
    summary: 'Delete a collection',
    description: 'Refused while an access profile names it.',
    tag,
    scope: 'collections:write',
    reach: 'platform_owner',
    status: 204,
    find: findCollection,
    async run(call) {
      removeCollection(call, call.found);
      return {};
    },
  }),
];

async function findCollection({ storage, params }: { storage: Storage; params: { id: string } }): Promise<Collection> {
  const collection = await storage.get(collections, params.id);
  if (collection === undefined) throw notFound('collection');
  return collection;
}

async function viewOf(storage: Storage, collection: Collection): Promise<CollectionView> {
  const [view] = await viewsOf(storage, [collection]);
  return CollectionView.parse(view);
}

async function viewsOf(storage: Storage, records: readonly Collection[]): Promise<CollectionView[]> {
  const names = await readNames(
    storage,
    records.flatMap(({ api_ids }) => api_ids),
  );
  return records.map((collection) => ({ ...collection, apis: collection.api_ids.map(names.api) }));
}
