/** Revoking: one token, or all that a client has got so far. */
import { z } from 'zod';
import { demandOwnerOver } from '../access/may-grant.ts';
import { isPlatformOwner, type Principal } from '../access/principal.ts';
import { type Inquirer, seesAll, visibleApplication } from '../access/visibility.ts';
import { type Client, clients } from '../clients/clients.ts';
import { DomainError, invalid, type Mistake } from '../errors.ts';
import type { Work } from '../work.ts';
import { type Revocable, type RevokedToken, revocations, revokeToken } from './revocations.ts';

/** What a token of ours says of itself. */
export interface KnownToken extends Pick<Revocable, 'exp' | 'client_id'>, Partial<Pick<Revocable, 'audience'>> {
  readonly jti: string;
}

/** @returns what a token of ours says, or undefined for garbage, foreign and ended ones */
export type ReadToken = (token: string) => Promise<KnownToken | undefined>;

const TOKEN_MAX = 32_768;
const noClient: Mistake = { pointer: '/client_id', detail: 'names no client' };
const noToken: Mistake = { pointer: '/token', detail: 'is no token of this server, or has ended' };
const REASON = 'exactly one of token, jti and client_id is required';

/** What is revoked. */
export const RevocationDraft = z
  .strictObject({
    token: z.string().min(1).max(TOKEN_MAX).optional(),
    jti: z
      .string()
      .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters')
      .optional(),
    client_id: z.string().min(1).max(300).optional().meta({ description: 'Revokes all its tokens so far.' }),
  })
  .refine((draft) => Object.values(draft).filter((value) => value !== undefined).length === 1, REASON)
  .meta({ id: 'RevocationDraft', example: { client_id: 'cli_5vq3m8t1c7w2zk9x4n6bd0fh' } });
export type RevocationDraft = z.output<typeof RevocationDraft>;

/** What was revoked, and until when that is remembered. */
export interface Revoked {
  /** The `jti`, or the client's id. */
  readonly id: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly jti: string | null;
  readonly client_id: string | null;
  readonly revoked_at: string;
  /** null for a client: a time before which its tokens are dead stays. */
  readonly remembered_until: string | null;
}

/** @returns what names nothing that the inquirer may know of */
export async function revocationMistakes(
  inquirer: Inquirer,
  { token, client_id }: RevocationDraft,
  readToken: ReadToken,
): Promise<Mistake[]> {
  const mistakes: Mistake[] = [];
  if (client_id !== undefined && (await visibleClient(inquirer, client_id)) === undefined) mistakes.push(noClient);
  if (token !== undefined && (await knownToken(inquirer, token, readToken)) === undefined) mistakes.push(noToken);
  return mistakes;
}

/**
 * Revokes; what is revoked already stays so.
 * @throws DomainError `invalid` for what is not known here, `forbidden` for what administers Latchkey, or may
 */
export async function revoke(work: Work, draft: RevocationDraft, readToken: ReadToken): Promise<Revoked> {
  if (draft.client_id !== undefined) return await revokeAll(work, draft.client_id);
  if (draft.jti !== undefined) {
    demandOwnership(work.principal);
    return await revokeOne(work, draft.jti);
  }
  const token = await knownToken(work, draft.token ?? '', readToken);
  if (token === undefined) throw invalid([noToken]);
  const client = await work.storage.get(clients, token.client_id);
  if (client !== undefined) await demandOwnerOver(work, [client]);
  return await revokeOne(work, token.jti, token);
}

async function revokeOne({ storage, unit }: Work, jti: string, token?: RevokedToken): Promise<Revoked> {
  const revoked = (await storage.get(revocations, jti)) ?? revokeToken(unit, jti, token);
  return { ...revokedAt(jti, revoked.created_at), jti, client_id: null, remembered_until: revoked.expires_at };
}

async function revokeAll(work: Work, clientId: string): Promise<Revoked> {
  const { unit } = work;
  const client = await visibleClient(work, clientId);
  if (client === undefined) throw invalid([noClient]);
  await demandOwnerOver(work, [client]);
  unit.replace(clients, client, { tokens_valid_from: unit.at }, { verb: 'tokens_revoked' });
  return { ...revokedAt(client.id, unit.at), jti: null, client_id: client.id, remembered_until: null };
}

/** Of a `jti` alone nobody can tell whose token it is: it may be one by which Latchkey is administered. */
function demandOwnership(principal: Principal): void {
  if (isPlatformOwner(principal)) return;
  throw new DomainError('forbidden', 'A jti alone does not say whose token it is: send the token.', {
    errors: [{ pointer: '/jti', detail: 'is for platform owners' }],
  });
}

/** Who sees all may revoke tokens also of clients that are gone. */
async function knownToken(inquirer: Inquirer, text: string, readToken: ReadToken): ReturnType<ReadToken> {
  const token = await readToken(text);
  if (token === undefined || seesAll(inquirer.principal)) return token;
  return (await visibleClient(inquirer, token.client_id)) && token;
}

/** @returns the client, where the principal may know of it */
async function visibleClient(inquirer: Inquirer, clientId: string): Promise<Client | undefined> {
  const client = await inquirer.storage.get(clients, clientId);
  if (client === undefined || seesAll(inquirer.principal)) return client;
  return (await visibleApplication(inquirer, client.application_id)) && client;
}

function revokedAt(id: string, at: string) {
  return { id, created_at: at, updated_at: at, revoked_at: at };
}
