/** Which events a webhook asks for: actions of the audit trail, by name, by noun, or all of them. */
import { z } from 'zod';
import type { Mistake } from '../errors.ts';

const LIFE = ['created', 'updated', 'deleted'];
const SWITCHED = [...LIFE, 'enabled', 'disabled'];

/** The verbs of each noun of the audit trail. Here so that a wrong name is a mistake instead of silence. */
export const AUDIT_VERBS: Readonly<Record<string, readonly string[]>> = {
  access_profile: SWITCHED,
  api: SWITCHED,
  api_key: [...SWITCHED, 'refreshed', 'leaked', 'expiring'],
  application: SWITCHED,
  call: ['refused'],
  client: [...SWITCHED, 'tokens_revoked', 'adopted', 'released'],
  client_registration: LIFE,
  collection: LIFE,
  credential: ['refused'],
  gateway: [...SWITCHED, 'tested', 'replayed', 'synced'],
  gateway_client: LIFE,
  gateway_key: LIFE,
  initial_access_token: SWITCHED,
  logo: LIFE,
  member: [...SWITCHED, 'password_set'],
  ownership: ['transferred'],
  policy: LIFE,
  product_registration: LIFE,
  pushed_scope: LIFE,
  revocation: LIFE,
  role: LIFE,
  secret: [...SWITCHED, 'rotated', 'revealed', 'expiring'],
  session: LIFE,
  sign_in_link: LIFE,
  signing_key: LIFE,
  token: ['issued'],
  webhook: [...SWITCHED, 'rotated', 'replayed', 'tested'],
};

const ANY = '*';

/** `<noun>.<past verb>`, `<noun>.*` or `*`. */
export const EventPattern = z
  .string()
  .max(100)
  .regex(/^(\*|[a-z][a-z_]*\.(\*|[a-z][a-z_]*))$/, 'must be <noun>.<past verb>, <noun>.* or *');

/** @returns what of `events` names no action that there is */
export function eventMistakes(events: readonly string[]): Mistake[] {
  return events.flatMap((pattern, index) => {
    const [noun = '', verb = ''] = pattern.split('.');
    // What has no such form is named by the schema.
    if (!EventPattern.safeParse(pattern).success || pattern === ANY) return [];
    const verbs = Object.hasOwn(AUDIT_VERBS, noun) ? AUDIT_VERBS[noun] : undefined;
    if (verbs !== undefined && (verb === ANY || verbs.includes(verb))) return [];
    return [{ pointer: `/events/${index}`, detail: `names no action of the audit trail${remedy(noun, verbs)}` }];
  });
}

function remedy(noun: string, verbs: readonly string[] | undefined): string {
  if (verbs !== undefined) return `: of ${noun} there are ${verbs.join(', ')}`;
  return `: its nouns are ${Object.keys(AUDIT_VERBS).join(', ')}`;
}

/** @returns whether who asks for `events` is told of `action` */
export function asksFor(events: readonly string[], action: string): boolean {
  const everyVerb = `${action.split('.')[0]}.${ANY}`;
  return events.some((pattern) => pattern === ANY || pattern === action || pattern === everyVerb);
}
