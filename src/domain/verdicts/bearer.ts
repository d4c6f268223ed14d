/** Whose a genuine credential is, also one that does not count: asked only to count what became of it. */
import type { KeyStanding } from '../catalogue/key-standing.ts';
import type { Standing } from '../catalogue/standing.ts';
import type { Credential } from './credentials.ts';

/** Whoever a credential may belong to. */
export type Bearer = Standing | KeyStanding;

/** @returns the client or the key; undefined where it is gone or cannot be told, for counting is no reason to fail */
export async function bearerOf(
  knowledge: { standing(clientId: string): Promise<Standing | undefined> },
  credential: Credential,
): Promise<Bearer | undefined> {
  if (credential.kind === 'api_key') return credential.standing;
  const clientId = credential.kind === 'access_token' ? credential.claims.client_id : credential.client_id;
  return await knowledge.standing(clientId).catch(() => undefined);
}
