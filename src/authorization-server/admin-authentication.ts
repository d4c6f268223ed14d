/** For whom a credential speaks at the admin API: a token, a personal API key or a session. */
import { memberPrincipal } from '../domain/access/member-principal.ts';
import { admitPersonalKey, type PersonalKeyParts } from '../domain/access/personal-key.ts';
import { permissionsOf } from '../domain/catalogue/holding.ts';
import { findSession, isCsrfToken } from '../domain/members/sessions.ts';
import type { Storage } from '../domain/store.ts';
import { admit, type VerdictKnowledge } from '../domain/verdicts/admission.ts';
import type { Authenticate, Authenticated } from '../http/access.ts';
import type { TokenReader } from './token-reader.ts';

export interface AdminAuthenticationParts extends PersonalKeyParts {
  readonly reader: TokenReader;
  readonly storage: Storage;
  readonly knowledge: VerdictKnowledge & PersonalKeyParts['knowledge'] & { secondsToServe(): number };
}

/** @returns the function that tells for whom a credential speaks, or undefined where it is not good here */
export function adminAuthentication(parts: AdminAuthenticationParts): Authenticate {
  return async function authenticate({ kind, text, address, isAgain }) {
    // What is too old to issue by is too old to administer by.
    parts.knowledge.secondsToServe();
    if (kind === 'bearer') return await byToken(parts, text, address);
    if (kind === 'session') return await bySession(parts, text);
    return await byKey(isAgain ? { ...parts, ...UNCOUNTED } : parts, text, address);
  };
}

// Asked about anew during one request, a key is used once.
const UNCOUNTED: Pick<PersonalKeyParts, 'limits' | 'onKeyUsed'> = {
  limits: { admit: () => ({ admitted: true }) },
  onKeyUsed: () => undefined,
};

/** `typ` must be `at+jwt` and `aud` exactly the admin API (RFC 9068 section 4). */
async function byToken(
  { reader, knowledge, resource }: AdminAuthenticationParts,
  token: string,
  address: string | undefined,
): Promise<Authenticated | undefined> {
  const read = await reader.read(token);
  const api = knowledge.apiByIdentifier(resource);
  if (read === undefined || read.typ !== 'at+jwt' || read.claims.aud !== resource || api === undefined)
    return undefined;
  const { claims } = read;
  const credential = { kind: 'access_token', claims } as const;
  const admitted = await admit(knowledge, { credential, isExpired: false }, { api, address }, Date.now());
  const standing = admitted.admitted ? await knowledge.standing(claims.client_id) : undefined;
  if (!admitted.admitted || standing === undefined) return undefined;
  const principal = {
    kind: 'machine',
    client_id: claims.client_id,
    scopes: new Set(admitted.scopes),
    holds: permissionsOf(standing),
    role_ids: standing.client.role_ids,
  } as const;
  return { principal };
}

async function byKey(
  parts: AdminAuthenticationParts,
  key: string,
  address: string | undefined,
): Promise<Authenticated | undefined> {
  const principal = await admitPersonalKey(parts, key, address, Date.now());
  return principal && { principal };
}

async function bySession(parts: AdminAuthenticationParts, token: string): Promise<Authenticated | undefined> {
  const found = await findSession(parts.storage, token, Date.now());
  if (found === undefined) return undefined;
  return {
    principal: memberPrincipal(found.member, null, parts.knowledge, parts),
    isCsrfToken: (presented) => isCsrfToken(found.session, presented),
  };
}
