/**
 * Links by which members set their password, each redeemed once: the first owner's, made on the host and void once an
 * owner has a password, and invitations, made by platform owners. The store holds only the hash of a link's token.
 */
import { createHash, randomBytes } from 'node:crypto';
import { memberActor } from '../audit/author.ts';
import { DomainError, invalid, type Mistake } from '../errors.ts';
import type { Storage, StoredRecord, Table } from '../store.ts';
import type { Unit } from '../unit.ts';
import { forgetDevicesOf } from './known-devices.ts';
import { EmailAddress, type Member, members } from './members.ts';
import { type PasswordHashing, passwordMistakes } from './passwords.ts';
import { endSessionsOf } from './sessions.ts';

export const LINK_LIFETIME_SECONDS = 30 * 60;
export const INVITATION_LIFETIME_SECONDS = 72 * 60 * 60;

/** The record's id is the hash of the link's token. */
export interface SignInLink extends StoredRecord {
  readonly member_id: string;
  /** Links of before there were others have none: they are the first owner's. */
  readonly purpose?: 'first_owner' | 'invitation';
  readonly expires_at: string;
}

export const signInLinks: Table<SignInLink> = {
  name: 'sign_in_links',
  indexes: ['member_id'],
  expiry: 'expires_at',
  references: (link) => [link.member_id],
  audit: {
    noun: 'sign_in_link',
    members: {
      purpose: 'shown',
      expires_at: 'shown',
      member_id: 'unlogged',
    },
    belongsTo: (link) => link.member_id,
    // The record's own id is the hash of what signs in.
    targetId: (link) => link.member_id,
  },
};

/** The token for the link's fragment, shown this once. */
export interface Invitation {
  readonly token: string;
  readonly expires_at: string;
}

interface Inventory {
  readonly storage: Storage;
  readonly unit: Unit;
}

/** Adds the first owner's link. @returns the token for the link's fragment */
export function makeSignInLink(unit: Unit, memberId: string): string {
  return insertLink(unit, memberId, 'first_owner', LINK_LIFETIME_SECONDS).token;
}

/** Adds an invitation. It counts while the member is enabled. */
export function makeInvitation(unit: Unit, memberId: string): Invitation {
  return insertLink(unit, memberId, 'invitation', INVITATION_LIFETIME_SECONDS);
}

/**
 * Invites a member again, also who has forgotten the password. His older links die; what he has stays until he redeems it.
 * @throws DomainError `conflict` for a disabled member
 */
export async function inviteAgain(work: Inventory, member: Member): Promise<Invitation> {
  if (!member.enabled) throw new DomainError('conflict', 'The member is disabled: enable it first.');
  await removeLinksOf(work, member.id);
  work.unit.require(members, member);
  return makeInvitation(work.unit, member.id);
}

/** Ends all links of a member, but for the one that is taken care of. */
export async function removeLinksOf({ storage, unit }: Inventory, memberId: string, but?: string): Promise<void> {
  for (const link of await storage.all(signInLinks, { member_id: memberId })) {
    if (link.id !== but) unit.remove(signInLinks, link);
  }
}

/** @returns the address that a member opens: the token is in the fragment, which no server or proxy log sees */
export function signInUrl(issuer: string, token: string): string {
  return `${issuer}/console/sign-in#token=${token}`;
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

/** What is sent to redeem a link; `email` is empty where it is not given. */
export interface Redemption {
  readonly token: string;
  readonly email: string;
  readonly password: string;
}

/** @returns what is wrong with what was chosen, whatever link it goes with */
export function redemptionMistakes({ email = '', password }: Partial<Redemption>): Mistake[] {
  const isAddress = email === '' || EmailAddress.safeParse(email).success;
  return [
    ...(isAddress ? [] : [{ pointer: '/email', detail: 'must be an email address' }]),
    ...(password === undefined ? [] : passwordMistakes(password)),
  ];
}

/**
 * Finds for whom a link is, and hashes the password: what takes long comes before the unit.
 * @returns undefined for a link that is wrong, used, expired or void
 * @throws DomainError `invalid` naming what to mend, `busy`
 */
export async function prepareRedemption(
  { storage, secrets }: { storage: Storage; secrets: PasswordHashing },
  redemption: Redemption,
): Promise<{ password_hash: string } | undefined> {
  const found = await findLink(storage, redemption.token);
  if (found === undefined) return undefined;
  const mistakes = [...redemptionMistakes(redemption), ...emailMistakes(found, redemption.email)];
  if (mistakes.length > 0) throw invalid(mistakes);
  return { password_hash: await secrets.hash(redemption.password) };
}

/**
 * Sets the member's password and, by the first owner's link, his email. Ends his sessions and other links.
 * @returns the member as he will be stored
 * @throws DomainError `forbidden` where the link counts no more, `invalid`
 */
export async function redeemSignInLink(
  work: Inventory,
  { token, email }: Redemption,
  { password_hash }: { password_hash: string },
): Promise<Member> {
  const found = await findLink(work.storage, token);
  if (found === undefined) throw linkRefused();
  const mistakes = [...redemptionMistakes({ email }), ...emailMistakes(found, email)];
  if (mistakes.length > 0) throw invalid(mistakes);
  const { link, member } = found;
  // This very one, as it was found: whoever redeems it at the same moment, one commits.
  work.unit.actAs(memberActor(member.id));
  work.unit.remove(signInLinks, link);
  await removeLinksOf(work, member.id, link.id);
  await endSessionsOf(work, member.id);
  // Somebody else may have signed in before: that is what a forgotten password is reset for.
  await forgetDevicesOf(work, member.id);
  const given = found.isFirstOwners && email !== '' ? { email: EmailAddress.parse(email) } : {};
  return work.unit.replace(members, member, { ...given, password_hash }, { verb: 'password_set' });
}

/** One answer for whatever is wrong with a link. */
export function linkRefused(): DomainError {
  return new DomainError(
    'forbidden',
    'This link is not valid any more. Ask a platform owner for another; the first one runs "npm run owner:link".',
  );
}

interface Found {
  readonly link: SignInLink;
  readonly member: Member;
  readonly isFirstOwners: boolean;
}

async function findLink(storage: Storage, token: string): Promise<Found | undefined> {
  const link = await storage.get(signInLinks, hashOf(token));
  const member = link && (await storage.get(members, link.member_id));
  if (link === undefined || member === undefined || !member.enabled) return undefined;
  if (link.purpose === 'invitation') return { link, member, isFirstOwners: false };
  const owners = await storage.all(members, { position: 'platform_owner' });
  return owners.some(({ password_hash }) => password_hash !== null) ? undefined : { link, member, isFirstOwners: true };
}

function emailMistakes({ member, isFirstOwners }: Found, email: string): Mistake[] {
  const address = EmailAddress.safeParse(email);
  if (!address.success) return [];
  // By somebody's link nobody else comes in; which address it was for is not told.
  const isOwn = isFirstOwners || address.data === member.email;
  return isOwn ? [] : [{ pointer: '/email', detail: 'must be the one that was invited, or left out' }];
}

function insertLink(
  unit: Unit,
  member_id: string,
  purpose: SignInLink['purpose'] & string,
  lifetimeSeconds: number,
): Invitation {
  const token = randomBytes(32).toString('base64url');
  const expires_at = new Date(unit.now + lifetimeSeconds * 1000).toISOString();
  unit.insert(signInLinks, { id: hashOf(token), member_id, purpose, expires_at });
  return { token, expires_at };
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
