/** The link by which the first platform owner comes in: redeemed once, within half an hour, void once an owner has a password. */
import { createHash, randomBytes } from 'node:crypto';
import type { Secrets } from '../clients/secrets.ts';
import { DomainError, invalid, type Mistake } from '../errors.ts';
import { StaleError, type Storage, type StoredRecord, type Table } from '../store.ts';
import { type ChangeObserver, Unit } from '../unit.ts';
import { type Member, members } from './members.ts';

export const LINK_LIFETIME_SECONDS = 30 * 60;
const SHORTEST_PASSWORD = 12;

/** The record's id is the hash of the link's token. */
export interface SignInLink extends StoredRecord {
  readonly member_id: string;
  readonly expires_at: string;
}

export const signInLinks: Table<SignInLink> = {
  name: 'sign_in_links',
  expiry: 'expires_at',
  references: (link) => [link.member_id],
};

/** @returns the token for the link's fragment */
export function makeSignInLink(unit: Unit, memberId: string): string {
  const token = randomBytes(32).toString('base64url');
  unit.insert(signInLinks, {
    id: hashOf(token),
    member_id: memberId,
    expires_at: new Date(unit.now + LINK_LIFETIME_SECONDS * 1000).toISOString(),
  });
  return token;
}

/** @returns the owner for whom a link may be made @throws DomainError `conflict` once an owner has a password */
export async function ownerWithoutPassword(storage: Storage): Promise<Member> {
  const owners = await storage.all(members, { position: 'platform_owner' });
  const [owner] = owners;
  if (owner === undefined) throw new DomainError('not_found', 'There is no platform owner.');
  if (owners.some(({ password_hash }) => password_hash !== null)) {
    throw new DomainError('conflict', 'An owner has a password already: sign-in links are void.');
  }
  return owner;
}

/**
 * Redeems a link: sets the owner's password, and email unless it is empty.
 * @throws DomainError `forbidden` for a link that is wrong, used, expired or void; `invalid` naming what to mend
 */
export async function redeemSignInLink(
  { storage, secrets, observer }: { storage: Storage; secrets: Secrets; observer: ChangeObserver },
  { token, email, password }: { token: string; email: string; password: string },
): Promise<void> {
  const refused = new DomainError(
    'forbidden',
    'This link is not valid any more. Run "npm run owner:link" for another.',
  );
  const link = await storage.get(signInLinks, hashOf(token));
  const member = link && (await storage.get(members, link.member_id));
  if (link === undefined || member === undefined) throw refused;
  try {
    await ownerWithoutPassword(storage);
  } catch (cause) {
    // A store that is away is no fault of the link.
    throw cause instanceof DomainError && cause.kind !== 'unavailable' ? refused : cause;
  }
  checkInput(email, password);
  const password_hash = await secrets.hash(password);
  const unit = new Unit();
  unit.remove(signInLinks, link);
  unit.replace(members, member, { ...(email === '' ? {} : { email }), password_hash });
  try {
    await unit.commit(storage, observer);
  } catch (error) {
    throw error instanceof StaleError ? refused : error;
  }
}

function checkInput(email: string, password: string): void {
  const mistakes: Mistake[] = [];
  if (email !== '' && (!/^[^\s@]+@[^\s@]+$/.test(email) || email.length > 254)) {
    mistakes.push({ pointer: '/email', detail: 'must be an email address' });
  }
  // NIST SP 800-63B section 5.1.1.2: length counts, composition rules do not. bcrypt reads 72 bytes.
  if ([...password].length < SHORTEST_PASSWORD) {
    mistakes.push({ pointer: '/password', detail: `must have at least ${SHORTEST_PASSWORD} characters` });
  }
  if (Buffer.byteLength(password) > 72 || password.includes('\0')) {
    mistakes.push({ pointer: '/password', detail: 'must have at most 72 bytes and no NUL' });
  }
  if (mistakes.length > 0) throw invalid(mistakes);
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
