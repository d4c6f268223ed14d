/** Creates a client through a gateway, and the same one where the request is repeated because its answer never arrived. */
import type { ServerResponse } from 'node:http';
import { type Author, gatewayAuthor } from '../domain/audit/author.ts';
import type { MintedSecret } from '../domain/clients/secrets.ts';
import { DomainError, notFound } from '../domain/errors.ts';
import { keepChosen } from '../domain/gateways/chosen-credentials.ts';
import {
  beginCreation,
  breakCreation,
  type Creation,
  CreationLost,
  creationId,
  endCreation,
  requireCreation,
} from '../domain/gateways/creations.ts';
import {
  type Beginning,
  findOwn,
  type OwnClient,
  registerThrough,
  rotateThrough,
  showSecretThrough,
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
  call: DialectCall,
  beginning: Omit<Beginning, 'id' | 'minted'>,
): Promise<Created> {
  const { storage, creationKey } = parts;
  const { ctx, gateway, credentialId, body } = call;
  const id = creationId(creationKey, gateway.id, credentialId, body);
  for (;;) {
    const isGone = () => hasEnded(ctx.res);
    const creation = await beginCreation(storage, id, { clientId: beginning.chosen?.client_id, isGone });
    const leave = settleWith(ctx.res, storage, creation, parts.onError);
    try {
      if (!hasEnded(ctx.res)) return await createOnce(parts, call, beginning, creation);
    } catch (error) {
      if (!(error instanceof CreationLost)) throw error;
      leave();
    }
    // Nobody would hear of it. Who is still there has waited for so long that the creation was over: it begins anew.
    if (hasEnded(ctx.res)) throw new DomainError('conflict', 'The connection broke before the client was made.');
  }
}

async function createOnce(
  parts: DialectParts,
  { gateway, address }: DialectCall,
  beginning: Omit<Beginning, 'id' | 'minted'>,
  creation: Creation,
): Promise<Created> {
  const { storage, secrets } = parts;
  const author = gatewayAuthor(gateway.id, address);
  const known = await findOwn(storage, gateway, creation.client_id);
  // Of an id that was chosen there may be an older client.
  const isOfThis = known && (!beginning.chosen?.client_id || known.client.created_at >= creation.created_at);
  if (isOfThis) return await again(parts, { gateway, author, creation }, known, beginning.isRecoverable);
  const minted = await keepChosen(secrets, creation.client_id, beginning.chosen);
  const made = await untilCommitted(parts, author, async (unit) => {
    const current = await storage.get(gateways, gateway.id);
    if (current?.enabled !== true) throw notFound('gateway');
    await requireCreation(storage, unit, creation);
    return await registerThrough({ ...parts, unit }, current, { ...beginning, id: creation.client_id, minted });
  });
  return { ...made, client_secret: minted.secret };
}

/** Whoever did not hear of the client is told its secret; where that cannot be told again, a new one. */
async function again(
  parts: DialectParts,
  { gateway, author, creation }: Pick<DialectCall, 'gateway'> & { author: Author; creation: Creation },
  known: OwnClient,
  isRecoverable: boolean,
): Promise<Created> {
  const { storage, secrets } = parts;
  const shown = await untilCommitted(parts, author, async (unit) => {
    const { client } = (await findOwn(storage, gateway, known.client.id)) ?? known;
    return await showSecretThrough({ ...parts, unit }, gateway, client);
  });
  if (shown) return { ...known, client_secret: shown.text };
  const minted: MintedSecret = await secrets.mint(known.client.id);
  await untilCommitted(parts, author, async (unit) => {
    // Else whoever asked once more, and is told another secret, would be left with one that counts no more.
    await requireCreation(storage, unit, creation);
    const own = (await findOwn(storage, gateway, known.client.id)) ?? known;
    await rotateThrough({ ...parts, unit }, gateway, own, minted, isRecoverable);
  });
  return { ...known, client_secret: minted.secret };
}

/**
 * Ends the creation once the answer is completely written; breaks it off where the connection ends before.
 * @returns what leaves it to others
 */
function settleWith(
  response: ServerResponse,
  storage: Storage,
  creation: Creation,
  onError: (error: unknown) => void,
): () => void {
  const { socket } = response.req;
  const leave = () => {
    response.off('close', settle);
    socket.off('close', settle);
  };
  const settle = () => {
    leave();
    const isTold = response.writableFinished && response.statusCode < 400;
    (isTold ? endCreation(storage, creation) : breakCreation(storage, creation)).catch(onError);
  };
  response.once('close', settle);
  // An answer that waits for the one before it on its connection is not told of that connection's end.
  socket.once('close', settle);
  // What has gone by now is told of nowhere.
  if (hasEnded(response)) settle();
  return leave;
}

function hasEnded(response: ServerResponse): boolean {
  return response.closed || response.destroyed || response.req.socket.destroyed;
}
