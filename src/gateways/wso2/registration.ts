/**
 * What WSO2's connectors do with clients, whichever their dialect: create, read, update, delete, rotate. The secret is
 * in every answer, for API Manager forgets it otherwise.
 */
import { gatewayAuthor } from '../../domain/audit/author.ts';
import { clientSecrets } from '../../domain/clients/client-secrets.ts';
import type { Client } from '../../domain/clients/clients.ts';
import type { Mistake } from '../../domain/errors.ts';
import { invalid, notFound } from '../../domain/errors.ts';
import type { ChosenCredentials } from '../../domain/gateways/chosen-credentials.ts';
import { environmentOf } from '../../domain/gateways/gateway-applications.ts';
import type { OwnClient } from '../../domain/gateways/gateway-registrations.ts';
import {
  changeThrough,
  findOwn,
  removeThrough,
  rotateThrough,
  showSecretThrough,
} from '../../domain/gateways/gateway-registrations.ts';
import { untilCommitted } from '../../http/attempts.ts';
import { parseJson } from '../../http/json-body.ts';
import { together } from '../../http/validation.ts';
import { createThrough } from '../creating.ts';
import type { DialectAnswer, DialectCall, DialectParts } from '../dialect.ts';
import type { OwnSaying } from './client-info.ts';

/** What a connector said, read. */
export interface ReadSaying {
  readonly saying: OwnSaying;
  /** Where the portal's user brings his own; of a create alone. */
  readonly chosen?: ChosenCredentials;
  /** What it repeats of the client, to be held against what there is. */
  readonly client_id?: string | undefined;
  readonly client_secret?: string | undefined;
}

/** A connector's own words for clients. */
export interface Words {
  /** @param before what is known of the client; undefined where it is made */
  read(json: unknown, before: OwnClient | undefined): { value?: ReadSaying; mistakes: readonly Mistake[] };
  /** @param client_secret undefined where the gateway may not know it */
  write(own: OwnClient, client_secret: string | undefined, expiresAt: string | null): object;
}

/** Answers a create. */
export async function create(parts: DialectParts, call: DialectCall, words: Words): Promise<DialectAnswer> {
  const { saying, chosen } = readSaying(words, call, undefined);
  const { client_name, token_endpoint_auth_method = 'client_secret_basic' } = saying;
  const environment = environmentOf(client_name);
  const beginning = { ...saying, token_endpoint_auth_method, environment, isRecoverable: true, chosen };
  const created = await createThrough(parts, call, beginning);
  return { status: 201, body: words.write(created, created.client_secret, null) };
}

/** Answers what is done with one client. */
export async function manage(
  parts: DialectParts,
  call: DialectCall,
  clientId: string,
  words: Words,
): Promise<DialectAnswer | undefined> {
  if (call.method === 'GET') return await shown(parts, call, clientId, words);
  if (call.method === 'PUT') return await update(parts, call, clientId, words);
  if (call.method !== 'DELETE') return undefined;
  await untilCommitted(parts, gatewayAuthor(call.gateway.id, call.address), async (unit) => {
    await removeThrough({ ...parts, unit }, call.gateway, await demandOwn(parts, call, clientId));
  });
  return { status: 204 };
}

/** Answers a rotation: the new secret in place of all before. */
export async function rotate(
  parts: DialectParts,
  call: DialectCall,
  clientId: string,
  words: Words,
): Promise<DialectAnswer> {
  await demandOwn(parts, call, clientId);
  const minted = await parts.secrets.mint(clientId);
  const own = await untilCommitted(parts, gatewayAuthor(call.gateway.id, call.address), async (unit) => {
    const current = await demandOwn(parts, call, clientId);
    await rotateThrough({ ...parts, unit }, call.gateway, current, minted, true);
    return current;
  });
  return { status: 200, body: words.write(own, minted.secret, null) };
}

/** @throws DomainError `not_found`, also for what is another's */
export async function demandOwn({ storage }: DialectParts, { gateway }: DialectCall, id: string): Promise<OwnClient> {
  const own = await findOwn(storage, gateway, id);
  if (own === undefined) throw notFound('client');
  return own;
}

/** @returns a client as it is, with its secret @throws DomainError `not_found` */
export async function shown(parts: DialectParts, call: DialectCall, clientId: string, words: Words) {
  const { gateway, address } = call;
  const body = await untilCommitted(parts, gatewayAuthor(gateway.id, address), async (unit) => {
    const own = await demandOwn(parts, call, clientId);
    const secret = await showSecretThrough({ ...parts, unit }, gateway, own.client);
    return words.write(own, secret?.text, secret?.record.expires_at ?? null);
  });
  return { status: 200, body };
}

async function update(parts: DialectParts, call: DialectCall, clientId: string, words: Words): Promise<DialectAnswer> {
  const { saying, ...repeated } = readSaying(words, call, await demandOwn(parts, call, clientId));
  await untilCommitted(parts, gatewayAuthor(call.gateway.id, call.address), async (unit) => {
    const own = await demandOwn(parts, call, clientId);
    const mistakes = await repetitionMistakes(parts, own.client, repeated);
    if (mistakes.length > 0) throw invalid(mistakes);
    await changeThrough({ ...parts, unit }, call.gateway, own, saying);
  });
  return await shown(parts, call, clientId, words);
}

function readSaying(words: Words, { body }: DialectCall, before: OwnClient | undefined): ReadSaying {
  const json = parseJson(body);
  const { value, mistakes } = words.read(json.value, before);
  const all = together(json.mistakes, mistakes);
  if (all.length > 0 || value === undefined) throw invalid(all);
  return value;
}

/** RFC 7592 section 2.2: what is repeated has to be what there is. */
async function repetitionMistakes(
  { storage, secrets }: DialectParts,
  client: Client,
  { client_id, client_secret }: Pick<ReadSaying, 'client_id' | 'client_secret'>,
): Promise<Mistake[]> {
  const mistakes: Mistake[] = [];
  if (client_id !== undefined && client_id !== client.id) {
    mistakes.push({ pointer: '/client_id', detail: 'cannot be changed' });
  }
  if (client_secret !== undefined) {
    const candidates = await storage.all(clientSecrets, { client_id: client.id });
    const matched = await secrets.match(client.id, client_secret, candidates, Date.now());
    if (matched === undefined) mistakes.push({ pointer: '/client_secret', detail: 'cannot be changed' });
  }
  return mistakes;
}
