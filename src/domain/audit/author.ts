/** Who is behind a unit of work, and from where: what all its audit entries say. */
import type { Principal } from '../access/principal.ts';
import type { Actor } from './audit-entries.ts';

export interface Author {
  readonly actor: Actor;
  /** The client's address, where anybody knows. */
  readonly ip: string | null;
}

/** @param part which of its chores */
export function systemAuthor(part: string): Author {
  return { actor: { type: 'system', id: part, api_key_id: null }, ip: null };
}

/** @param principal who asks; undefined for who has shown no credential */
export function authorOf(principal: Principal | undefined, ip: string | undefined): Author {
  return { actor: actorOf(principal), ip: ip ?? null };
}

/** @returns a member who has just shown who he is */
export function memberActor(memberId: string): Actor {
  return { type: 'member', id: memberId, api_key_id: null };
}

/** @returns a client that acts for itself, at the endpoints of OAuth */
export function clientAuthor(clientId: string, ip: string | undefined): Author {
  return { actor: { type: 'client', id: clientId, api_key_id: null }, ip: ip ?? null };
}

/** @returns whoever registers a client by an initial access token */
export function registeringAuthor(tokenId: string, ip: string | undefined): Author {
  return { actor: { type: 'initial_access_token', id: tokenId, api_key_id: null }, ip: ip ?? null };
}

function actorOf(principal: Principal | undefined): Actor {
  if (principal === undefined) return { type: 'anyone', id: null, api_key_id: null };
  if (principal.kind === 'machine') return { type: 'client', id: principal.client_id, api_key_id: null };
  return { type: 'member', id: principal.member_id, api_key_id: principal.key?.id ?? null };
}

/** @returns a gateway, for what is done through it */
export function gatewayAuthor(gatewayId: string, ip: string | undefined): Author {
  return { actor: { type: 'gateway', id: gatewayId, api_key_id: null }, ip: ip ?? null };
}
