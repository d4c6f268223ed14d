/** `/secrets`, and what is asked about one secret: whether it can go, and what it is where it was kept. */
import { z } from 'zod';
import { revealSecret } from '../domain/clients/client-secret-recovery.ts';
import {
  RetirementReason,
  retirementOf,
  UNUSED_DAYS_DEFAULT,
  UNUSED_DAYS_MAX,
} from '../domain/clients/client-secret-retirement.ts';
import { clientSecrets } from '../domain/clients/client-secrets.ts';
import { visibleSecrets } from '../domain/clients/visible-secrets.ts';
import { revealedSecret } from '../domain/installation/shown-secrets.ts';
import { pageOf } from '../http/page.ts';
import { wholeNumber } from '../http/whole-number.ts';
import { findSecret, SecretView, secretView } from './client-secret-view.ts';
import { ExpiringListQuery, expiringSoon } from './expiring.ts';
import { operation } from './operation.ts';

const one = '/clients/:client_id/secrets/:id';
const tag = 'Secret';

const RetirementQuery = z.strictObject({
  unused_for_days: wholeNumber({
    min: 1,
    max: UNUSED_DAYS_MAX,
    preset: UNUSED_DAYS_DEFAULT,
    description: 'For how long it must not have been used.',
  }),
});

const RetirementView = z
  .object({
    safe: z.boolean(),
    reason: RetirementReason.meta({ description: '`unused` is the one that is safe.' }),
    in_use_instead: z
      .string()
      .nullable()
      .meta({ description: 'The other live secret that was used last, where that was after this one.' }),
  })
  .meta({
    id: 'SecretRetirement',
    example: { safe: true, reason: 'unused', in_use_instead: 'sec_5vq3m8t1c7w2zk9x4n6bd0fh' },
  });

const RevealedSecret = z
  .object({ client_secret: z.string().meta({ description: 'The consumer secret.' }) })
  .meta({ id: 'RevealedSecret', example: { client_secret: 'shown again' } });

export const clientSecretRecoveryOperations = [
  operation({
    method: 'get',
    path: '/secrets',
    operation_id: 'listAllSecrets',
    summary: 'List the secrets of all clients',
    description: 'With `expiring_within_seconds`: what has to be replaced soon.',
    tag,
    scope: 'secrets:read',
    query: ExpiringListQuery,
    status: 200,
    result: pageOf(SecretView),
    async run(call) {
      const where = { ...(await visibleSecrets(call)), ...expiringSoon(call.query, call.unit.now) };
      const { records, next_cursor } = await call.page(clientSecrets, where);
      return { body: { data: records.map(secretView), next_cursor } };
    },
  }),
  operation({
    method: 'get',
    path: `${one}/safe-to-delete`,
    operation_id: 'isSecretSafeToDelete',
    summary: 'Ask whether a secret can be deleted without anybody noticing',
    description: 'By what is known of its use, which is written every few seconds, and of the use of the others.',
    tag,
    scope: 'secrets:read',
    query: RetirementQuery,
    status: 200,
    result: RetirementView,
    find: findSecret,
    async run({ storage, found, query, unit }) {
      const { unused_for_days: days = UNUSED_DAYS_DEFAULT } = query;
      return { body: await retirementOf(storage, found.client, found.secret, days, unit.now) };
    },
  }),
  operation({
    method: 'post',
    path: `${one}/reveal`,
    acts_on_one: true,
    operation_id: 'revealSecret',
    summary: 'Show a recoverable secret again',
    description: 'Each time is told in the audit trail.',
    tag,
    scope: 'secrets:reveal',
    reach: 'developer_in_person',
    status: 200,
    result: RevealedSecret,
    find: findSecret,
    async run(call) {
      const { client, secret } = call.found;
      const client_secret = await revealSecret(call, client, secret);
      return { body: { client_secret }, secret_id: revealedSecret(secret) };
    },
  }),
];
