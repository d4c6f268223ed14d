/** What is written of an initial access token: to make one, and to change one. What is stored by ids is named here. */
import { z } from 'zod';
import { NamedPermission } from '../apis/references.ts';
import { RoleName } from '../apis/roles.ts';
import { Timestamp } from '../record.ts';
import { InitialAccessToken } from './initial-access-tokens.ts';

const { shape } = InitialAccessToken;

const writable = {
  name: shape.name,
  max_uses: shape.max_uses.meta({ description: 'How many clients it may register in all; null for any number.' }),
  expires_at: Timestamp.meta({ description: 'From then on it registers nothing; a year ahead at most.' }),
  enabled: shape.enabled,
};

/** What an initial access token is made from. */
export const InitialAccessTokenDraft = z
  .strictObject({
    ...writable,
    application_id: z.string().min(1).max(100).meta({ description: 'Whose clients they become.' }),
    environment: shape.environment,
    permissions: z
      .array(NamedPermission)
      .max(500)
      .default([])
      .meta({ description: 'The most that a client may be given by it.' }),
    roles: z.array(RoleName).max(100).default([]).meta({ description: 'Likewise.' }),
    max_uses: writable.max_uses.default(null),
    enabled: writable.enabled.default(true),
  })
  .meta({
    id: 'InitialAccessTokenDraft',
    example: {
      name: 'Developer portal',
      application_id: 'app_5vq3m8t1c7w2zk9x4n6bd0fh',
      environment: 'production',
      permissions: [{ api: 'https://api.example.com/orders', scope: 'orders:read' }],
      max_uses: 100,
      expires_at: '2027-06-30T00:00:00.000Z',
    },
  });
export type InitialAccessTokenDraft = z.output<typeof InitialAccessTokenDraft>;

/** What of one may be changed. Another ceiling is another token. */
export const InitialAccessTokenChanges = z
  .strictObject(writable)
  .partial()
  .meta({ id: 'InitialAccessTokenChanges', example: { enabled: false } });
export type InitialAccessTokenChanges = z.output<typeof InitialAccessTokenChanges>;
