/** `/signing-keys`: the keys that sign tokens, each `announced -> signing -> retained -> removed`. */
import { z } from 'zod';
import { notFound } from '../domain/errors.ts';
import { removedAt, SigningKey, SigningKeyState, signingKeys, stateOf } from '../domain/signing-keys/signing-keys.ts';
import type { Storage } from '../domain/store.ts';
import { ListQuery, pageOf } from '../http/page.ts';
import { operation, recordView } from './operation.ts';

const { shape } = SigningKey;

const SigningKeyView = z
  .object({
    ...recordView,
    kid: z.string(),
    algorithm: shape.algorithm,
    state: SigningKeyState,
    announced_at: z.iso.datetime(),
    signs_from: shape.signs_from,
    retires_at: shape.retires_at.meta({ description: 'When its successor takes over.' }),
    removed_at: z.iso.datetime().nullable().meta({ description: 'When the last token that it signed has ended.' }),
    public_jwk: shape.public_jwk,
  })
  .meta({
    id: 'SigningKey',
    example: {
      id: 'Q1V3m2',
      created_at: '2026-11-21T08:00:00.000Z',
      updated_at: '2026-11-21T08:00:00.000Z',
      kid: 'Q1V3m2',
      algorithm: 'ES256',
      state: 'signing',
      announced_at: '2026-11-21T08:00:00.000Z',
      signs_from: '2026-11-21T08:10:00.000Z',
      retires_at: null,
      removed_at: null,
      public_jwk: { kty: 'EC', crv: 'P-256', x: '...', y: '...', kid: 'Q1V3m2', use: 'sig', alg: 'ES256' },
    },
  });

const Rotation = z
  .strictObject({
    algorithm: shape.algorithm,
    immediate: z
      .boolean()
      .default(false)
      .meta({ description: 'Signs at once: gateways that have not seen the key yet refuse its tokens.' }),
  })
  .meta({ id: 'SigningKeyRotation', example: { algorithm: 'RS256' } });

const tag = 'Signing key';

export const signingKeyOperations = [
  operation({
    method: 'get',
    path: '/signing-keys',
    operation_id: 'listSigningKeys',
    summary: 'List signing keys',
    tag,
    scope: 'signing-keys:read',
    reach: 'in_person',
    query: ListQuery,
    status: 200,
    result: pageOf(SigningKeyView),
    async run({ page, unit }) {
      const { records, next_cursor } = await page(signingKeys);
      return { body: { data: records.map((key) => viewOf(key, unit.now)), next_cursor } };
    },
  }),
  operation({
    method: 'get',
    path: '/signing-keys/:kid',
    operation_id: 'getSigningKey',
    summary: 'Read a signing key',
    tag,
    scope: 'signing-keys:read',
    reach: 'in_person',
    status: 200,
    result: SigningKeyView,
    find: findSigningKey,
    run: async ({ found, unit }) => ({ body: viewOf(found, unit.now), version: found.version }),
  }),
  operation({
    method: 'post',
    path: '/signing-keys/rotate',
    operation_id: 'rotateSigningKey',
    summary: 'Announce a successor',
    description: 'It is published at once and signs when every gateway has had the time to see it.',
    tag,
    scope: 'signing-keys:write',
    reach: 'in_person',
    body: Rotation,
    status: 201,
    result: SigningKeyView,
    async run({ services, unit, body }) {
      const key = await services.keyring.rotate(unit, body);
      return { body: viewOf(key, unit.now), version: key.version, location: `/signing-keys/${key.id}` };
    },
  }),
  operation({
    method: 'delete',
    path: '/signing-keys/:kid',
    operation_id: 'deleteSigningKey',
    summary: 'Take a leaked key out at once',
    description: 'Every token that it signed is dead.',
    tag,
    scope: 'signing-keys:write',
    reach: 'in_person',
    status: 204,
    find: findSigningKey,
    async run({ services, unit, found }) {
      await services.keyring.remove(unit, found.id);
      return {};
    },
  }),
];

async function findSigningKey({ storage, params }: { storage: Storage; params: { kid: string } }): Promise<SigningKey> {
  const key = await storage.get(signingKeys, params.kid);
  if (key === undefined) throw notFound('signing key');
  return key;
}

function viewOf(key: SigningKey, now: number) {
  const removed = removedAt(key);
  return {
    ...key,
    kid: key.id,
    state: stateOf(key, now),
    announced_at: key.created_at,
    removed_at: removed === null ? null : new Date(removed).toISOString(),
  };
}
