/** How members come in: by email and password, or by a link; and how they change their password. */
import { memberActor } from '../audit/author.ts';
import { DomainError, invalid } from '../errors.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import type { Guessing } from './guessing.ts';
import { findDevice, rememberDevice } from './known-devices.ts';
import { canSignIn, EmailAddress, type Member, members } from './members.ts';
import { type PasswordHashing, passwordMistakes } from './passwords.ts';
import { endSessionsOf, endSessionWith, type Session, startSession } from './sessions.ts';
import { linkRefused, prepareRedemption, type Redemption, redeemSignInLink, removeLinksOf } from './sign-in-links.ts';

interface Inventory {
  readonly storage: Storage;
  readonly unit: Unit;
}

/** What judging a password needs. */
export interface Gate {
  readonly storage: Storage;
  readonly secrets: PasswordHashing;
  readonly guessing: Guessing;
}

/** From where somebody tries. */
export interface Whence {
  readonly address: string | undefined;
  /** The token of the device's cookie. */
  readonly device: string | undefined;
  /** The token of the session's cookie, which ends when another session begins in the same browser. */
  readonly session?: string | undefined;
}

/** A session that has begun, with what is shown this once. */
export interface SignedIn {
  readonly member: Member;
  readonly session: Session;
  readonly token: string;
  readonly csrf_token: string;
  /** For the device's cookie; undefined where the device is known. */
  readonly newDevice: string | undefined;
}

/** An email and a password, as somebody typed them. */
interface Typed {
  readonly email: string;
  readonly password: string;
}

/**
 * Judges an email and a password. Unknown, disabled and uninvited accounts take as long as a wrong password does.
 * @returns whose they are, or undefined
 * @throws DomainError `too_many_requests`, `busy`
 */
export async function judgePassword(gate: Gate, typed: Typed, whence: Whence): Promise<Member | undefined> {
  return await judge(gate, typed, whence, false);
}

async function judge(
  { storage, secrets, guessing }: Gate,
  { email, password }: Typed,
  whence: Whence,
  isSignedIn: boolean,
): Promise<Member | undefined> {
  const address = EmailAddress.safeParse(email);
  const account = address.success ? address.data : email;
  const member = address.success ? await memberBy(storage, account, email) : undefined;
  const device = await findDevice(storage, whence.device, member?.id);
  const presenter = isSignedIn || device !== undefined ? 'known' : 'stranger';
  return await guessing.attempt({ account, address: whence.address, deviceId: device?.id }, async () => {
    const hash = member !== undefined && canSignIn(member) ? member.password_hash : null;
    return (await secrets.isPassword(password, hash, presenter)) ? member : undefined;
  });
}

/**
 * Begins a session of a member whose password was judged right, and ends the browser's former one.
 * @returns undefined where he may not come in any more, or by another password only
 */
export async function signIn(work: Inventory, judged: Member, whence: Whence): Promise<SignedIn | undefined> {
  const member = await work.storage.get(members, judged.id);
  if (member === undefined || !canSignIn(member) || member.password_hash !== judged.password_hash) return undefined;
  await endSessionWith(work, whence.session);
  return await begin(work, member, whence);
}

/**
 * Judges a link, as `prepareRedemption` does; wrong ones count against their source.
 * @throws DomainError `forbidden` for a link that does not count, `invalid`, `too_many_requests`, `busy`
 */
export async function judgeLink(
  { guessing, ...parts }: Gate,
  redemption: Redemption,
  { address }: Pick<Whence, 'address'>,
): Promise<{ password_hash: string }> {
  const prepared = await guessing.attempt({ account: undefined, address }, () => prepareRedemption(parts, redemption));
  if (prepared === undefined) throw linkRefused();
  return prepared;
}

/** Redeems a link, begins a session and ends the browser's former one. @throws DomainError `forbidden`, `invalid` */
export async function comeInByLink(
  work: Inventory,
  redemption: Redemption,
  prepared: { password_hash: string },
  whence: Whence,
): Promise<SignedIn> {
  const member = await redeemSignInLink(work, redemption, prepared);
  await endSessionWith(work, whence.session, member.id);
  return await begin(work, member, whence);
}

/** A member's change of his own password. */
export interface PasswordChange {
  readonly current_password: string;
  readonly password: string;
}

/**
 * Judges the current password and hashes the new one.
 * @throws DomainError `invalid` naming what to mend, `too_many_requests`, `busy`
 */
export async function judgePasswordChange(
  gate: Gate,
  member: Member,
  { current_password, password }: PasswordChange,
  whence: Whence,
): Promise<{ from: string | null; password_hash: string }> {
  const right = await judge(gate, { email: member.email, password: current_password }, whence, true);
  const isWrong = right?.id !== member.id;
  const mistakes = [
    ...(isWrong ? [{ pointer: '/current_password', detail: 'is not your password' }] : []),
    ...passwordMistakes(password),
  ];
  if (mistakes.length > 0) throw invalid(mistakes);
  return { from: member.password_hash, password_hash: await gate.secrets.hash(password) };
}

/**
 * Sets the new password, ends all the member's sessions and links, and begins a new session.
 * @throws DomainError `conflict` where the password has been changed meanwhile
 */
export async function changePassword(
  work: Inventory,
  memberId: string,
  { from, password_hash }: { from: string | null; password_hash: string },
  whence: Whence,
): Promise<SignedIn> {
  const before = await work.storage.get(members, memberId);
  if (before === undefined || !before.enabled || before.password_hash !== from) {
    throw new DomainError('conflict', 'The password has been changed meanwhile.');
  }
  await endSessionsOf(work, memberId);
  await removeLinksOf(work, memberId);
  return await begin(work, work.unit.replace(members, before, { password_hash }, { verb: 'password_set' }), whence);
}

/** @param typed as an earlier version kept the first owner's address */
async function memberBy(storage: Storage, email: string, typed: string): Promise<Member | undefined> {
  // Both always: how long it takes shall not tell who is there.
  const [member, asTyped] = await Promise.all([email, typed].map((each) => storage.find(members, { email: each })));
  return member ?? asTyped;
}

async function begin(work: Inventory, member: Member, { device }: Whence): Promise<SignedIn> {
  work.unit.actAs(memberActor(member.id));
  const isKnown = (await findDevice(work.storage, device, member.id)) !== undefined;
  const newDevice = isKnown ? undefined : await rememberDevice(work, member.id);
  return { member, newDevice, ...startSession(work.unit, member) };
}
