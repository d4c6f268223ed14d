/** `/ownership`: platform ownership passes on. */
import { z } from 'zod';
import { OWNERSHIP_SCOPE } from '../domain/access/principal.ts';
import { OwnershipTransfer, ownershipMistakes, passOwnership } from '../domain/members/ownership.ts';
import { operation } from './operation.ts';

const PassedOwnership = z
  .object({
    member_id: z.string().meta({ description: 'Who is a platform owner now.' }),
    from_member_id: z.string().nullable().meta({ description: 'Who is a developer now; null where nobody owned it.' }),
  })
  .meta({
    id: 'PassedOwnership',
    example: { member_id: 'mem_5vq3m8t1c7w2zk9x4n6bd0fh', from_member_id: 'mem_1c7w2zk9x4n6bd0fh5vq3m8t' },
  });

export const ownershipOperations = [
  operation({
    method: 'post',
    path: '/ownership',
    operation_id: 'passOwnership',
    summary: 'Pass platform ownership on',
    description: 'To a member who can sign in. The sessions of both end.',
    tag: 'Ownership',
    scope: OWNERSHIP_SCOPE,
    reach: 'in_person',
    body: OwnershipTransfer,
    check: (inquiry) => ownershipMistakes(inquiry, inquiry.body),
    status: 201,
    result: PassedOwnership,
    run: async (call) => ({ body: await passOwnership(call, call.body) }),
  }),
];
