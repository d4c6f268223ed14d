/** Applications of Konnect's portal as clients: made, removed, and given other secrets. */
import type { z } from 'zod';
import { gatewayAuthor } from '../../domain/audit/author.ts';
import type { ClientSecret } from '../../domain/clients/client-secrets.ts';
import { invalid, notFound } from '../../domain/errors.ts';
import {
  addSecretThrough,
  removeSecretThrough,
  replaceOnlySecret,
  unexpiredSecrets,
} from '../../domain/gateways/gateway-client-secrets.ts';
import { findOwn, type OwnClient, removeThrough } from '../../domain/gateways/gateway-registrations.ts';
import { type Gateway, gateways } from '../../domain/gateways/gateways.ts';
import type { Unit } from '../../domain/unit.ts';
import { untilCommitted } from '../../http/attempts.ts';
import { parseJson } from '../../http/json-body.ts';
import { checkBody, together } from '../../http/validation.ts';
import { createThrough } from '../creating.ts';
import type { DialectAnswer, DialectCall, DialectParts } from '../dialect.ts';
import { ApplicationPayload, methodOf, saidOf } from './konnect-words.ts';

/** @returns the body as this schema has it @throws DomainError `malformed`, `invalid` naming every mistake */
export function readBody<S extends z.ZodType>(schema: S, { body }: DialectCall): z.output<S> {
  const json = parseJson(body);
  const { value, mistakes } = checkBody(schema, json.value);
  const all = together(json.mistakes, mistakes);
  if (all.length > 0) throw invalid(all);
  // What a schema took, is of its type.
  return value as z.output<S>;
}

/**
 * Does something with a client of this gateway, read anew at each attempt, as the gateway is.
 * @throws DomainError `not_found`, also for what is another's
 */
export async function withOwn<T>(
  parts: DialectParts,
  { gateway, address }: DialectCall,
  clientId: string,
  change: (unit: Unit, gateway: Gateway, own: OwnClient) => Promise<T>,
): Promise<T> {
  return await untilCommitted(parts, gatewayAuthor(gateway.id, address), async (unit) => {
    const current = await parts.storage.get(gateways, gateway.id);
    if (current?.enabled !== true) throw notFound('gateway');
    return await change(unit, current, await demandOwn(parts, current, clientId));
  });
}

/** @throws DomainError `not_found`, also for what is another's */
export async function demandOwn({ storage }: DialectParts, gateway: Gateway, clientId: string): Promise<OwnClient> {
  const own = await findOwn(storage, gateway, clientId);
  if (own === undefined) throw notFound('client');
  return own;
}

/** `POST /`. Without any rights: those come by registrations. */
export async function createApplication(parts: DialectParts, call: DialectCall): Promise<DialectAnswer> {
  const payload = readBody(ApplicationPayload, call);
  const { client, client_secret } = await createThrough(parts, call, {
    client_name: payload.client_name,
    said: saidOf(payload),
    token_endpoint_auth_method: methodOf(payload),
    environment: 'production',
    isRecoverable: false,
  });
  return { status: 201, body: { client_id: client.id, client_secret, client_id_issued_at: client.created_at } };
}

/** `DELETE /{client}` */
export async function deleteApplication(parts: DialectParts, call: DialectCall, id: string): Promise<DialectAnswer> {
  await withOwn(parts, call, id, (unit, gateway, own) => removeThrough({ ...parts, unit }, gateway, own));
  return { status: 204 };
}

/** `POST /{client}/new-secret` */
export async function newSecret(parts: DialectParts, call: DialectCall, id: string): Promise<DialectAnswer> {
  const minted = await mintFor(parts, call, id);
  await withOwn(parts, call, id, (unit, gateway, own) => replaceOnlySecret({ ...parts, unit }, gateway, own, minted));
  return { status: 200, body: { client_id: id, client_secret: minted.secret } };
}

/** `GET /{client}/secrets` */
export async function listSecrets(parts: DialectParts, call: DialectCall, id: string): Promise<DialectAnswer> {
  const own = await demandOwn(parts, call.gateway, id);
  const secrets = await unexpiredSecrets(parts.storage, own, Date.now());
  const told = secrets.map((secret) => ({ ...metadataOf(secret), status: secret.enabled ? 'ACTIVE' : 'INACTIVE' }));
  return { status: 200, body: { secrets: told } };
}

/** `POST /{client}/secrets` */
export async function addSecret(parts: DialectParts, call: DialectCall, id: string): Promise<DialectAnswer> {
  const minted = await mintFor(parts, call, id);
  const secret = await withOwn(parts, call, id, (unit, gateway, own) =>
    addSecretThrough({ ...parts, unit }, gateway, own, minted),
  );
  return { status: 201, body: { ...metadataOf(secret), client_secret: minted.secret } };
}

/** `DELETE /{client}/secrets/{secret}` */
export async function deleteSecret(
  parts: DialectParts,
  call: DialectCall,
  id: string,
  secretId: string,
): Promise<DialectAnswer> {
  await withOwn(parts, call, id, (unit, gateway, own) =>
    removeSecretThrough({ ...parts, unit }, gateway, own, secretId),
  );
  return { status: 204 };
}

/** Made beforehand, since it takes long, but only for a client that there is. */
async function mintFor(parts: DialectParts, { gateway }: DialectCall, clientId: string) {
  await demandOwn(parts, gateway, clientId);
  return await parts.secrets.mint(clientId);
}

function metadataOf({ id, client_id, created_at, expires_at }: ClientSecret) {
  return { secret_id: id, client_id, created_at, expires_at };
}
