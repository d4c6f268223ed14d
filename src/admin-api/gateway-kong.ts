/** `/gateways/{id}/sync` and `/deck`: how a Kong is kept in line with what clients may do, and the same as a file. */
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import { z } from 'zod';
import { DomainError } from '../domain/errors.ts';
import { demandGateways } from '../domain/gateways/gateway-rights.ts';
import type { Gateway } from '../domain/gateways/gateways.ts';
import { deckFile } from '../domain/gateways/kong/deck-file.ts';
import { KongSync, kongSyncs, noteSync } from '../domain/gateways/kong/kong-syncs.ts';
import type { Storage } from '../domain/store.ts';
import { Unit } from '../domain/unit.ts';
import { findGateway } from './gateway-view.ts';
import { operation } from './operation.ts';

const tag = 'Gateway';

const Sync = z
  .object({
    started_at: KongSync.shape.started_at,
    ended_at: KongSync.shape.ended_at,
    reached_at: KongSync.shape.reached_at.meta({ description: 'When Kong was last worked with to the end.' }),
    outcome: KongSync.shape.outcome.meta({
      description:
        '`in_line`: Kong has what it should. `out_of_line`: a dry run found differences. `incomplete`: done, but for what ' +
        'Kong refuses. `failed`: Kong could not be asked, or not to the end; `detail` says why.',
    }),
    detail: KongSync.shape.detail,
    wanted: KongSync.shape.wanted.meta({ description: 'How many there should be.' }),
    created: KongSync.shape.created.meta({ description: 'How many were created; in a dry run, are to be.' }),
    changed: KongSync.shape.changed,
    deleted: KongSync.shape.deleted,
    refused: KongSync.shape.refused,
    differences: KongSync.shape.differences.meta({ description: 'What was done, or refused: the first hundred.' }),
    missing_api_keys: KongSync.shape.missing_api_keys.meta({
      description: 'Ids of API keys that are not in Kong: refresh them. The first hundred.',
    }),
    missing_api_key_count: KongSync.shape.missing_api_key_count,
  })
  .meta({
    id: 'KongSync',
    example: {
      started_at: '2026-11-21T08:00:00.000Z',
      ended_at: '2026-11-21T08:00:00.120Z',
      reached_at: '2026-11-21T08:00:00.120Z',
      outcome: 'in_line',
      detail: null,
      wanted: { consumers: 1, jwts: 1, acls: 2, key_auths: 0 },
      created: 1,
      changed: 0,
      deleted: 0,
      refused: 0,
      differences: [
        {
          action: 'create',
          kind: 'acls',
          id: '0b54a5d4-5a3c-5b0e-8f5e-2f1f3f0a9d11',
          name: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh scope:orders:read',
          refusal: null,
        },
      ],
      missing_api_keys: [],
      missing_api_key_count: 0,
    },
  });

const LastSync = z
  .object({ last_sync: Sync.nullable().meta({ description: 'null: there was none yet.' }) })
  .meta({ id: 'LastKongSync', example: { last_sync: null } });

const SyncOrder = z
  .strictObject({ dry_run: z.boolean().default(false).meta({ description: 'Only tells what is to be done.' }) })
  .meta({ id: 'KongSyncOrder', example: { dry_run: true } });

const DeckQuery = z.strictObject({
  format: z.enum(['yaml', 'json']).default('yaml'),
  reader: z
    .enum(['deck', 'kong'])
    .default('deck')
    .meta({ description: 'decK, or a Kong without a database, whose own form is a little less.' }),
});

const sync = '/gateways/:id/sync';

export const gatewayKongOperations = [
  operation({
    method: 'get',
    path: sync,
    operation_id: 'getKongSync',
    summary: 'Read what became of the last sync of a Kong',
    description: 'Kongs are kept in line by themselves: after each change, and every five minutes.',
    tag,
    scope: 'gateways:read',
    reach: 'in_person',
    status: 200,
    result: LastSync,
    find: findKong,
    run: async ({ storage, found }) => ({
      body: { last_sync: (await storage.get(kongSyncs, found.id)) ?? null },
    }),
  }),
  operation({
    method: 'post',
    path: sync,
    acts_on_one: true,
    operation_id: 'syncKong',
    summary: 'Bring a Kong in line, or find out whether it is',
    description: 'Asks Kong for all that it has of this gateway. What is not tagged as this gateway’s is left alone.',
    tag,
    scope: 'gateways:write',
    reach: 'in_person',
    body: SyncOrder,
    status: 200,
    result: Sync,
    find: findKong,
    // Once: it may be slow, and what it writes is not ours.
    async prepare({ services, storage, principal, found, body }) {
      await demandGateways({ storage, principal, unit: new Unit() });
      return await services.kong.sync(found, { dryRun: body.dry_run });
    },
    async run(call) {
      if (!call.body.dry_run) noteSync(call.unit, call.prepared);
      return { body: call.prepared };
    },
  }),
  operation({
    method: 'get',
    path: '/gateways/:id/deck',
    acts_on_one: true,
    operation_id: 'exportDeck',
    summary: 'Export what a Kong should have as a file for decK',
    description: 'Consumers with their JWT credentials and groups. API keys are not in it: Kong wants them in clear.',
    tag,
    scope: 'gateways:read',
    reach: 'in_person',
    query: DeckQuery,
    status: 200,
    download: ['application/yaml', 'application/json'],
    find: findKong,
    async run({ services, found, query }) {
      const file = deckFile(found.id, await services.kong.wanted(found), query.reader);
      const isYaml = query.format === 'yaml';
      const bytes = Buffer.from(isYaml ? stringify(file, { aliasDuplicateObjects: false }) : JSON.stringify(file));
      return { body: { type: `application/${query.format}`, bytes }, version: versionOf(bytes) };
    },
  }),
];

/** @throws DomainError `not_found`, also for a gateway of another type: it has none of this */
async function findKong(inquiry: { storage: Storage; params: { id: string } }): Promise<Gateway> {
  const gateway = await findGateway(inquiry);
  if (gateway.type === 'kong-admin') return gateway;
  throw new DomainError('not_found', `This is for gateways of the type kong-admin; it is of the type ${gateway.type}.`);
}

/** The file follows from many records: what it is a version of is its text. */
function versionOf(bytes: Buffer): number {
  return createHash('sha256').update(bytes).digest().readUIntBE(0, 6);
}
