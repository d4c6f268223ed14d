/** Creates a client through a gateway, and the same one where the request is repeated because its answer never arrived. */
import type { ServerResponse } from 'node:http';
import { gatewayAuthor } from '../domain/audit/author.ts';
import type { MintedSecret } from '../domain/clients/secrets.ts';
import { notFound } from '../domain/errors.ts';
import { keepChosen } from '../domain/gateways/chosen-credentials.ts';
import { beginCreation, breakCreation, type Creation, creationId, endCreation } from '../domain/gateways/creations.ts';
import {
  type Beginning,
  findOwn,
  type OwnClient,
  registerThrough,
  rotateThrough,
  secretFor,
} from '../domain/gateways/gateway-registrations.ts';
import { gateways } from '../domain/gateways/gateways.ts';
import type { Storage } from '../domain/store.ts';
import { untilCommitted } from '../http/attempts.ts';
import type { DialectCall, DialectParts } from './dialect.ts';

/** A client with its secret, which the answer shows. */
export interface Created extends OwnClient {
  readonly client_secret: string;
}

/** @param beginning what the client is to be; its id and secret are made here @throws DomainError */
export async function createThrough(
  parts: DialectParts,
  { ctx, gateway, credentialId, body, address }: DialectCall,
  beginning: Omit<Beginning, 'id' | 'minted'>,
): Promise<Created> {
  const { storage, secrets, creationKey } = parts;
  const id = creationId(creationKey, gateway.id, credentialId, body);
  const creation = await beginCreation(storage, id, beginning.chosen?.client_id);
  settleWith(ctx.res, storage, creation, parts.onError);
  const author = gatewayAuthor(gateway.id, address);
  const known = await findOwn(storage, gateway, creation.client_id);
  // Of an id that was chosen there may be an older client.
  const isOfThis = known && (!beginning.chosen?.client_id || known.client.created_at >= creation.created_at);
  if (isOfThis) return await again(parts, { gateway, author }, known, beginning.isRecoverable);
  const minted = await keepChosen(secrets, creation.client_id, beginning.chosen);
  const made = await untilCommitted(parts, author, async (unit) => {
    const current = await storage.get(gateways, gateway.id);
    if (current?.enabled !== true) throw notFound('gateway');
    return await registerThrough({ ...parts, unit }, current, { ...beginning, id: creation.client_id, minted });
  });
  return { ...made, client_secret: minted.secret };
}

/** Whoever did not hear of the client is told its secret; where that cannot be told again, a new one. */
async function again(
  parts: DialectParts,
  { gateway, author }: Pick<DialectCall, 'gateway'> & { author: ReturnType<typeof gatewayAuthor> },
  known: OwnClient,
  isRecoverable: boolean,
): Promise<Created> {
  const { storage, secrets } = parts;
  const shown = await secretFor(parts, gateway, known.client, Date.now());
  if (shown) return { ...known, client_secret: shown.text };
  const minted: MintedSecret = await secrets.mint(known.client.id);
  await untilCommitted(parts, author, async (unit) => {
    const own = (await findOwn(storage, gateway, known.client.id)) ?? known;
    await rotateThrough({ ...parts, unit }, gateway, own, minted, isRecoverable);
  });
  return { ...known, client_secret: minted.secret };
}

/** Ends the creation once the answer is completely written; breaks it off where the connection ends before. */
function settleWith(
  response: ServerResponse,
  storage: Storage,
  creation: Creation,
  onError: (error: unknown) => void,
): void {
  const settle = () => {
    const isTold = response.writableFinished && response.statusCode < 400;
    (isTold ? endCreation(storage, creation) : breakCreation(storage, creation)).catch(onError);
  };
  // What has gone by now is told of nowhere.
  if (response.closed || response.destroyed) settle();
  else response.once('close', settle);
}
