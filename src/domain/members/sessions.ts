/**
 * A session: a member who signed in, known by the cookie. The store holds only the hash of its token. It is bound to
 * the member's password and rights as they were at sign-in, so that no change of those leaves it alive.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Storage, StoredRecord, Table } from '../store.ts';
import type { Unit } from '../unit.ts';
import { type Member, members } from './members.ts';

export const SESSION_SECONDS = 12 * 60 * 60;
export const SESSION_IDLE_SECONDS = 60 * 60;
// One write a minute is enough to tell an hour.
const SEEN_EVERY_MS = 60_000;

/** The record's id is the hash of the session's token. */
export interface Session extends StoredRecord {
  readonly member_id: string;
  /** What the member's password and rights were; see `markOf`. */
  readonly member_mark: string;
  /** About when it was last used. */
  readonly seen_at: string;
  readonly expires_at: string;
}

// No reference: a session keeps nobody from being deleted, and goes in the same unit.
export const sessions: Table<Session> = {
  name: 'sessions',
  indexes: ['member_id'],
  expiry: 'expires_at',
  audit: {
    noun: 'session',
    members: {
      expires_at: 'shown',
      member_id: 'unlogged',
      member_mark: 'unlogged',
      seen_at: 'unlogged',
    },
    belongsTo: (session) => session.member_id,
    // The record's own id is the hash of what signs in.
    targetId: (session) => session.member_id,
  },
};

/** A session whose token was presented. */
export type OpenSession = Session & { readonly csrf_token: string };

/**
 * Adds a session, and demands that the member stays as he was read.
 * @returns the token for the cookie, shown this once
 */
export function startSession(unit: Unit, member: Member): { token: string; csrf_token: string; session: Session } {
  const token = randomBytes(32).toString('base64url');
  unit.require(members, member);
  const session = unit.insert(sessions, {
    id: sessionIdOf(token),
    member_id: member.id,
    member_mark: markOf(member),
    seen_at: unit.at,
    expires_at: new Date(unit.now + SESSION_SECONDS * 1000).toISOString(),
  });
  return { token, csrf_token: csrfTokenOf(token), session };
}

/**
 * @param now milliseconds
 * @returns the session with this token and its member, where both still count: not expired, not idle for an hour, the
 * member enabled, with the password and the rights of then
 */
export async function findSession(
  storage: Storage,
  token: string,
  now: number,
): Promise<{ session: OpenSession; member: Member } | undefined> {
  const session = await storage.get(sessions, sessionIdOf(token));
  if (session === undefined || Date.parse(session.expires_at) <= now) return undefined;
  const seenAt = Date.parse(session.seen_at);
  if (now - seenAt >= SESSION_IDLE_SECONDS * 1000) return undefined;
  const member = await storage.get(members, session.member_id);
  if (member === undefined || !member.enabled || markOf(member) !== session.member_mark) return undefined;
  if (now - seenAt >= SEEN_EVERY_MS) {
    await storage.annotate(sessions, [{ id: session.id, values: { seen_at: new Date(now).toISOString() } }]);
  }
  return { session: { ...session, csrf_token: csrfTokenOf(token) }, member };
}

/** Ends all sessions of a member, in the unit that changes or removes him. */
export async function endSessionsOf(
  { storage, unit }: { storage: Storage; unit: Unit },
  memberId: string,
): Promise<void> {
  for (const session of await storage.all(sessions, { member_id: memberId })) unit.remove(sessions, session);
}

/**
 * Ends the session with this token, whether it counts or not, where it is of somebody else than `but`: who comes in again
 * in the same browser leaves none behind that nobody sees any more.
 * @param but whose sessions the unit ends already
 */
export async function endSessionWith(
  { storage, unit }: { storage: Storage; unit: Unit },
  token: string | undefined,
  but?: string,
): Promise<void> {
  const session = token === undefined ? undefined : await storage.get(sessions, sessionIdOf(token));
  if (session !== undefined && session.member_id !== but) unit.remove(sessions, session);
}

/** Ends one session. */
export function endSession(unit: Unit, session: Session): void {
  unit.remove(sessions, session);
}

/** @returns the cookie's name; the prefix holds it to this host and https (RFC 6265bis section 4.1.3.2) */
export function sessionCookieName(issuer: string): string {
  return issuer.startsWith('https:') ? '__Host-latchkey_session' : 'latchkey_session';
}

/** @returns whether what came in `X-CSRF-Token` is the session's, in constant time */
export function isCsrfToken(session: OpenSession, presented: string | undefined): boolean {
  const given = Buffer.from(presented ?? '');
  const expected = Buffer.from(session.csrf_token);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

// Derived, so that the store holds nothing with which somebody could write in a session's name.
function csrfTokenOf(token: string): string {
  return createHmac('sha256', token).update('csrf').digest('base64url');
}

function sessionIdOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

/** Sessions are removed with such a change too; by this mark one that began at that very moment ends as well. */
function markOf({ password_hash, position, role_ids }: Member): string {
  return createHash('sha256')
    .update(JSON.stringify([password_hash, position, role_ids]))
    .digest('base64url');
}
