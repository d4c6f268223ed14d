/** `/audit-entries`: who did what, read only; and the signed word for how far the trail reaches. */
import { z } from 'zod';
import { type Inquirer, seesAll, visibleApplicationIds } from '../domain/access/visibility.ts';
import { type AuditEntry, auditEntries, auditEntryShape } from '../domain/audit/audit-entries.ts';
import { readHead, sequenceOf } from '../domain/audit/chain.ts';
import { Checkpoint } from '../domain/audit/checkpoints.ts';
import { notFound } from '../domain/errors.ts';
import { Timestamp } from '../domain/record.ts';
import type { Where } from '../domain/store.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { operation, recordView } from './operation.ts';

const example = {
  id: 'aud_5vq3m8t1c7w2zk9x4n6b000000',
  created_at: '2026-11-21T08:00:00.000Z',
  updated_at: '2026-11-21T08:00:00.200Z',
  sequence: 42,
  at: '2026-11-21T08:00:00.000Z',
  actor: { type: 'member', id: 'mem_5vq3m8t1c7w2zk9x4n6bd0fh', api_key_id: null },
  action: 'client.disabled',
  target: { type: 'client', id: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh' },
  changes: { before: { enabled: true }, after: { enabled: false }, hidden: [] },
  details: null,
  ip: '192.0.2.7',
  previous_hash: '5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9',
  hash: '6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b',
};

const { at, actor, action, target, changes, details, ip } = auditEntryShape;

const AuditEntryView = z
  .object({
    ...recordView,
    sequence: z.int().nullable().meta({ description: 'Its place in the chain, from 1; null until sealed.' }),
    at,
    actor: actor.meta({
      description:
        'Who did it: a client, a member (maybe by a personal key), an initial access token, the system, anyone.',
    }),
    action: action.meta({ description: '`<noun>.<past verb>`.' }),
    target,
    changes: changes.meta({ description: 'The members that changed; of `hidden` ones no values are told.' }),
    details: details.meta({ description: 'What else is known: why a call was refused, what was shown.' }),
    ip: ip.meta({ description: 'From where; null where nobody knows.' }),
    previous_hash: z.string().nullable(),
    hash: z.string().nullable().meta({ description: 'SHA-256, hex; null until sealed, within a second.' }),
  })
  .meta({ id: 'AuditEntry', example });

const FilterText = z.string().min(1).max(200).optional();

const AuditQuery = ListQuery.extend({
  actor: FilterText.meta({ description: 'A client’s or member’s id.' }),
  action: FilterText.meta({ description: '`<noun>.<past verb>`.' }),
  target: FilterText.meta({ description: 'The id of what it was done to.' }),
  from: Timestamp.optional().meta({ description: 'Not before this time.' }),
  to: Timestamp.optional().meta({ description: 'Before this time.' }),
});

const CheckpointView = Checkpoint.extend({
  checkpoint: z.string().meta({ description: 'The same, signed: a compact JWS (EdDSA).' }),
  public_key: z.string().meta({ description: 'PEM: what verifies it. Keep it beside the checkpoints.' }),
}).meta({
  id: 'AuditCheckpoint',
  example: {
    iss: 'https://login.example.com',
    at: '2026-11-21T08:00:00.000Z',
    count: 42,
    hash: example.hash,
    checkpoint: 'eyJhbGciOiJFZERTQSIsInR5cCI6ImxhdGNoa2V5LWF1ZGl0LWNoZWNrcG9pbnQifQ.eyJjb3VudCI6NDJ9.c2lnbmF0dXJl',
    public_key: '-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n',
  },
});

const tag = 'Audit entry';
const scope = 'audit-entries:read';

export const auditEntryOperations = [
  operation({
    method: 'get',
    path: '/audit-entries',
    operation_id: 'listAuditEntries',
    summary: 'List what was done',
    description: 'The oldest first. Developers see what was done to their applications and to themselves.',
    tag,
    scope,
    query: AuditQuery,
    status: 200,
    result: pageOf(AuditEntryView),
    async run({ page, query, storage, principal }) {
      const where = { ...(await visibleTo({ storage, principal })), ...filterOf(query) };
      const { records, next_cursor } = await page(auditEntries, where, { from: query.from, to: query.to });
      return { body: { data: records.map(viewOf), next_cursor } };
    },
  }),
  operation({
    method: 'get',
    path: '/audit-entries/checkpoint',
    operation_id: 'getAuditCheckpoint',
    summary: 'Sign how far the audit trail reaches',
    description: 'Kept where nobody who can write to the store can, it shows if entries were cut off the end.',
    tag,
    scope,
    reach: 'platform_owner',
    status: 200,
    result: CheckpointView,
    async run({ storage, services: { issuer, checkpointKey }, unit }) {
      const { count, hash } = await readHead(storage);
      const checkpoint = { iss: issuer, at: unit.at, count, hash };
      const body = { ...checkpoint, checkpoint: checkpointKey.sign(checkpoint), public_key: checkpointKey.publicKey };
      return { body };
    },
  }),
  operation({
    method: 'get',
    path: '/audit-entries/:id',
    operation_id: 'getAuditEntry',
    summary: 'Read one entry',
    tag,
    scope,
    status: 200,
    result: AuditEntryView,
    async find({ storage, principal, params }) {
      const entry = await storage.get(auditEntries, params.id);
      if (entry === undefined) throw notFound('audit entry');
      const { belongs_to: visible } = await visibleTo({ storage, principal });
      const isVisible = visible === undefined || visible.includes(entry.belongs_to ?? '');
      if (!isVisible) throw notFound('audit entry', true);
      return entry;
    },
    run: async ({ found }) => ({ body: viewOf(found), version: found.version }),
  }),
];

/** Of the workspace everything; for developers what belongs to their applications or to themselves. */
async function visibleTo(inquirer: Inquirer): Promise<{ belongs_to?: string[] }> {
  const { principal } = inquirer;
  if (seesAll(principal) || principal.kind !== 'member') return {};
  return { belongs_to: [...(await visibleApplicationIds(inquirer)), principal.member_id] };
}

function filterOf({ actor, action, target }: z.output<typeof AuditQuery>): Where {
  const wanted = { actor_id: actor, action, target_id: target };
  return Object.fromEntries(Object.entries(wanted).flatMap(([name, value]) => (value ? [[name, value]] : [])));
}

function viewOf(entry: AuditEntry) {
  return { ...entry, sequence: sequenceOf(entry) };
}
