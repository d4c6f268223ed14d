/** `/revocations`: ends tokens before their time. */
import { z } from 'zod';
import { RevocationDraft, revocationMistakes, revoke } from '../domain/tokens/revocation-changes.ts';
import { operation, recordView } from './operation.ts';

const RevocationView = z
  .object({
    ...recordView,
    jti: z.string().nullable(),
    client_id: z.string().nullable(),
    revoked_at: z.iso.datetime(),
    remembered_until: z.iso
      .datetime()
      .nullable()
      .meta({ description: "Past the token's end; null for a client: that stays." }),
  })
  .meta({
    id: 'Revocation',
    example: {
      id: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh',
      created_at: '2026-11-21T08:00:00.000Z',
      updated_at: '2026-11-21T08:00:00.000Z',
      jti: null,
      client_id: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh',
      revoked_at: '2026-11-21T08:00:00.000Z',
      remembered_until: null,
    },
  });

export const revocationOperations = [
  operation({
    method: 'post',
    path: '/revocations',
    operation_id: 'revoke',
    summary: "Revoke a token, or all of a client's so far",
    description: 'What is revoked already stays so.',
    tag: 'Revocation',
    scope: 'revocations:write',
    body: RevocationDraft,
    check: (inquiry) => revocationMistakes(inquiry, inquiry.body, inquiry.services.readToken),
    status: 201,
    result: RevocationView,
    async run(call) {
      return { body: await revoke(call, call.body, call.services.readToken) };
    },
  }),
];
