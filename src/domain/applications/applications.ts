/** An application: what an API consumer registers. Its clients hold the consumer keys. */
import { z } from 'zod';
import { Description, Name, recordShape } from '../record.ts';
import type { Table } from '../store.ts';

export const Tag = z.string().trim().min(1).max(50);

export const Application = z.object({
  ...recordShape,
  name: Name,
  description: Description,
  /** A member's id; null for what a machine made. */
  owner: z.string().nullable(),
  tags: z.array(Tag).max(50),
  /** The content type of its logo; null where it has none. The picture is a record of its own. */
  logo_type: z.enum(['image/png', 'image/webp']).nullable(),
  enabled: z.boolean(),
  /** Tokens of its clients issued before this are dead, even when it is enabled again. */
  tokens_valid_from: z.iso.datetime().nullable(),
});
export type Application = z.infer<typeof Application>;

export const applications: Table<Application> = {
  name: 'applications',
  indexes: ['owner', 'name'],
  search: (application) => [application.name, application.description, ...application.tags],
  references: (application) => (application.owner === null ? [] : [application.owner]),
  feed: true,
  audit: {
    noun: 'application',
    members: {
      name: 'shown',
      description: 'shown',
      owner: 'shown',
      tags: 'shown',
      enabled: 'shown',
      logo_type: 'unlogged',
      tokens_valid_from: 'unlogged',
    },
    belongsTo: (application) => application.id,
  },
};
