/** Who may register, and who may manage a registered client: whoever presents the one bearer token for it. */
import type { Context } from 'koa';
import {
  type AdmissionKnowledge,
  type AdmittedRegistration,
  type AdmittedToken,
  admitInitialAccessToken,
  admitRegistration,
} from '../domain/registration/admission.ts';
import type { Storage } from '../domain/store.ts';
import { bearerIn } from '../http/credential.ts';
import { timesSent } from '../http/repeated-header.ts';
import { InvalidToken } from './registration-problems.ts';

export interface AccessParts {
  readonly storage: Storage;
  readonly knowledge: AdmissionKnowledge & {
    /** @throws DomainError `unavailable` where the store is known to be away */
    demandStore(): void;
  };
}

/** @returns the initial access token that counts now @throws InvalidToken */
export async function demandToken(parts: AccessParts, presented: string): Promise<AdmittedToken> {
  const admitted = await admitInitialAccessToken(parts.storage, parts.knowledge, presented, Date.now());
  if (admitted === undefined) throw new InvalidToken(true);
  return admitted;
}

/** @returns the client and its registration, whose token this is @throws InvalidToken; DomainError `forbidden` */
export async function demandRegistration(
  { storage, knowledge }: AccessParts,
  clientId: string,
  presented: string,
): Promise<AdmittedRegistration> {
  const admitted = await admitRegistration(storage, knowledge, clientId, presented, Date.now());
  if (admitted === undefined) throw new InvalidToken(true);
  return admitted;
}

/** @returns the one bearer token of the request @throws InvalidToken; DomainError `unavailable` */
export function tokenOf(ctx: Context, { knowledge }: AccessParts): string {
  const times = timesSent(ctx.req, 'authorization');
  const token = times === 1 ? bearerIn(ctx.get('Authorization')) : undefined;
  if (token === undefined) throw new InvalidToken(times > 0);
  knowledge.demandStore();
  return token;
}
