/** What stands between the page where a password is set and the domain: the page knows no members, they know no pages. */
import type { Redeemed, SignIn } from './console/sign-in.ts';
import { authorOf } from './domain/audit/author.ts';
import { DomainError } from './domain/errors.ts';
import { type Gate, judgeLink } from './domain/members/sign-in.ts';
import { redeemSignInLink } from './domain/members/sign-in-links.ts';
import type { ChangeObserver } from './domain/unit.ts';
import { untilCommitted } from './http/attempts.ts';

/** The page's way in: sets the password, and begins no session. */
export async function redeem(
  parts: Gate & { observer: ChangeObserver },
  signIn: SignIn,
  address: string | undefined,
): Promise<Redeemed> {
  try {
    const prepared = await judgeLink(parts, signIn, { address });
    await untilCommitted(parts, authorOf(undefined, address), (unit) =>
      redeemSignInLink({ storage: parts.storage, unit }, signIn, prepared),
    );
    return { outcome: 'done' };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    if (error.retryAfterSeconds !== undefined) return { outcome: 'later', seconds: error.retryAfterSeconds };
    const mistakes = error.errors.map(
      (mistake) => `${'pointer' in mistake ? mistake.pointer.slice(1) : ''} ${mistake.detail}.`,
    );
    const isLasting = !['invalid', 'conflict', 'busy', 'unavailable'].includes(error.kind);
    return { outcome: isLasting ? 'void' : 'mistakes', mistakes: mistakes.length > 0 ? mistakes : [error.message] };
  }
}
