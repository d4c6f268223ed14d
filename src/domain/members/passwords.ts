/** Passwords of members: what a good one is, and what computes and compares their hashes. */
import type { Mistake } from '../errors.ts';

const SHORTEST = 12;
const LONGEST_BYTES = 72;

/** What `Secrets` does with passwords. */
export interface PasswordHashing {
  /** @returns a bcrypt hash @throws DomainError `busy`, `invalid` */
  hash(password: string): Promise<string>;
  /**
   * @param hash null where there is none: that takes as long and is never right
   * @param presenter a flood of strangers' passwords keeps nobody waiting who is known
   * @throws DomainError `busy`
   */
  isPassword(presented: string, hash: string | null, presenter: 'known' | 'stranger'): Promise<boolean>;
}

/** @returns what is wrong with a password that somebody chose */
export function passwordMistakes(password: string): Mistake[] {
  const mistakes: Mistake[] = [];
  // NIST SP 800-63B section 5.1.1.2: length counts, composition rules do not. bcrypt reads 72 bytes.
  if ([...password].length < SHORTEST) {
    mistakes.push({ pointer: '/password', detail: `must have at least ${SHORTEST} characters` });
  }
  if (Buffer.byteLength(password) > LONGEST_BYTES || password.includes('\0')) {
    mistakes.push({ pointer: '/password', detail: `must have at most ${LONGEST_BYTES} bytes and no NUL` });
  }
  return mistakes;
}
