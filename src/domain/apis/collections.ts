/** A collection: a named set of APIs. Access profiles cut what their clients and keys may do to collections. */

import { z } from 'zod';
import { Name, recordShape } from '../record.ts';
import type { Table } from '../store.ts';
import { asApis } from './told-apis.ts';

export const Collection = z.object({
  ...recordShape,
  name: Name,
  api_ids: z.array(z.string()).min(1).max(500),
});
export type Collection = z.infer<typeof Collection>;

export const collections: Table<Collection> = {
  name: 'collections',
  search: (collection) => [collection.name],
  references: (collection) => collection.api_ids,
  feed: true,
  audit: {
    noun: 'collection',
    members: {
      name: 'shown',
      api_ids: asApis,
    },
  },
};
