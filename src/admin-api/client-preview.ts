/** `/clients/{client_id}/preview`: what a client would get for a token request, now and after a change. */
import { z } from 'zod';
import { normalAddress } from '../domain/access/addresses.ts';
import type { Inquirer } from '../domain/access/visibility.ts';
import { changeClient, clientMistakes } from '../domain/clients/client-changes.ts';
import { ClientChanges } from '../domain/clients/client-drafts.ts';
import type { Client } from '../domain/clients/clients.ts';
import { DomainError, invalid, type Mistake } from '../domain/errors.ts';
import { Unit } from '../domain/unit.ts';
import { withoutReadOnly } from '../http/validation.ts';
import { clientView, findClient } from './client-view.ts';
import { type AdminServices, operation } from './operation.ts';

const asItIs = z.unknown().optional().meta({ description: 'Read-only: only as it is.' });

/** Like the body of `PATCH /clients/{client_id}`, which may repeat what cannot be changed. */
const PreviewedChanges = ClientChanges.extend({
  id: asItIs,
  created_at: asItIs,
  updated_at: asItIs,
  client_id: asItIs,
  application_id: asItIs,
  environment: asItIs,
  gateway_id: asItIs,
}).meta({ id: 'PreviewedChanges', example: { token_lifetime_seconds: 900 } });
type PreviewedChanges = z.output<typeof PreviewedChanges>;

// RFC 6749 section 3.3, or nothing. Whatever else the token endpoint refuses unread is no request to preview.
const SCOPE = /^(?:[\x21\x23-\x5B\x5D-\x7E]+(?: [\x21\x23-\x5B\x5D-\x7E]+)*)?$/;

const PreviewOrder = z
  .strictObject({
    scope: z
      .string()
      .max(10_000)
      .regex(SCOPE, 'must be names with single spaces between them')
      .optional()
      .meta({ description: 'Left out: all that the client has.' }),
    resource: z
      .string()
      .max(255)
      .refine((text) => URL.canParse(text) && !text.includes('#'), 'must be an absolute URI without a fragment')
      .optional()
      .meta({ description: "The API's identifier." }),
    ip: z
      .string()
      .max(100)
      .refine((text) => normalAddress(text) !== undefined, 'must be an IPv4 or IPv6 address')
      .optional()
      .meta({ description: 'From where the client would call; left out, it is on no allowlist.' }),
    changes: PreviewedChanges.optional().meta({
      description: 'A merge patch of the client, as `PATCH` takes it; the answer then has `after`.',
    }),
  })
  .meta({
    id: 'PreviewOrder',
    example: { scope: 'orders:read', changes: { token_lifetime_seconds: 900 } },
  });

const exampleTime = z.int().meta({ description: 'As of now: an example.' });

// Gateways may have further ones added, by names of their own.
const PreviewedClaims = z.looseObject({
  iss: z.string(),
  sub: z.string(),
  client_id: z.string(),
  azp: z.string(),
  aud: z.string(),
  iat: exampleTime,
  nbf: exampleTime,
  exp: exampleTime,
  jti: z.string().meta({ description: 'An example: it ends in the short id of what gets the token.' }),
  scope: z.string(),
  scp: z.array(z.string()),
  roles: z.array(z.string()),
  environment: z.string(),
  entity_id: z.string().optional(),
  aut: z.literal('APPLICATION').optional(),
  kong_key: z.string().optional(),
});

const PreviewedRefusal = z.object({ error: z.string(), error_description: z.string() });

const PreviewedIntrospection = z.discriminatedUnion('active', [
  PreviewedClaims.extend({ active: z.literal(true), username: z.string(), token_type: z.literal('Bearer') }),
  z.object({ active: z.literal(false) }),
]);

const claims = {
  iss: 'https://auth.example.com',
  sub: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh',
  client_id: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh',
  azp: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh',
  aud: 'https://api.example.com/orders',
  iat: 1795248000,
  nbf: 1795248000,
  exp: 1795251600,
  jti: '0mi8xgsowx2c9k4v7b1n5m8q3z6p0.operator',
  scope: 'orders:read',
  scp: ['orders:read'],
  roles: ['order-reader'],
  environment: 'production',
};

const TokenPreview = z
  .object({
    claims: z
      .union([PreviewedClaims, PreviewedRefusal])
      .meta({ description: 'What the token would say, or the error with which it would be refused.' }),
    introspection: PreviewedIntrospection.meta({ description: 'What the client would be told of that token.' }),
  })
  .meta({
    id: 'TokenPreview',
    example: { claims, introspection: { active: true, ...claims, username: claims.sub, token_type: 'Bearer' } },
  });

const ClientPreview = z.object({ before: TokenPreview, after: TokenPreview.optional() }).meta({
  id: 'ClientPreview',
  example: {
    before: {
      claims: { error: 'invalid_scope', error_description: 'the client lacks the scope orders:write' },
      introspection: { active: false },
    },
  },
});

export const clientPreviewOperations = [
  operation({
    method: 'post',
    path: '/clients/:client_id/preview',
    operation_id: 'previewToken',
    summary: 'Preview what a client would get',
    description:
      'The claims and the introspection of the token that the client would get for this request: as it is, and as the ' +
      'changes would leave it. Nothing is issued or changed. Changes that would be refused are refused here, too.',
    tag: 'Client',
    scope: 'clients:read',
    body: PreviewOrder,
    acts_on_one: true,
    check: (inquiry) => changesMistakes(inquiry, inquiry.found, inquiry.body.changes ?? {}),
    status: 200,
    result: ClientPreview,
    find: findClient,
    async run(call) {
      const { found, services } = call;
      const { changes, ip: address, ...asked } = call.body;
      const preview = async (client: Client) =>
        TokenPreview.parse(await services.previewToken(client, { ...asked, address }));
      const before = await preview(found);
      if (changes === undefined) return { body: { before }, version: found.version };
      const mistakes = await changesMistakes(call, found, changes);
      if (mistakes.length > 0) throw invalid(mistakes);
      // Nobody commits this unit: the change is decided, and never made.
      const changed = await inChanges(() => changeClient({ ...call, unit: new Unit() }, found, writable(changes)));
      return { body: { before, after: await preview(changed) }, version: found.version };
    },
  }),
];

function writable(changes: PreviewedChanges): ClientChanges {
  const { id, created_at, updated_at, client_id, application_id, environment, gateway_id, ...rest } = changes;
  return rest;
}

/** @returns what `PATCH` would find wrong with these changes, where they are in this body */
async function changesMistakes(
  inquiry: Inquirer & { readonly services: AdminServices },
  client: Client,
  changes: PreviewedChanges,
): Promise<Mistake[]> {
  const readOnly = withoutReadOnly(ClientChanges, changes, await clientView(inquiry.storage, client)).mistakes;
  const others = await clientMistakes(inquiry, writable(changes), client.application_id, client);
  return [...readOnly, ...others].map(withinChanges);
}

/** Runs a change whose refusals point into its own body. @throws DomainError pointing into this one */
async function inChanges<T>(change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    const { kind, message, errors, retryAfterSeconds } = error;
    const more = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
    throw new DomainError(kind, message, { errors: errors.map(withinChanges), cause: error.cause, ...more });
  }
}

function withinChanges(mistake: Mistake): Mistake {
  return 'pointer' in mistake ? { ...mistake, pointer: `/changes${mistake.pointer}` } : mistake;
}
