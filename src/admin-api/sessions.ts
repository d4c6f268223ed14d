/** `/session`: signing in and out, one's own password, and the links by which it is set first. */
import { z } from 'zod';
import { DomainError } from '../domain/errors.ts';
import { deviceCookieName } from '../domain/members/known-devices.ts';
import { members } from '../domain/members/members.ts';
import { passwordMistakes } from '../domain/members/passwords.ts';
import { endSession, findSession, sessionCookieName } from '../domain/members/sessions.ts';
import {
  changePassword,
  comeInByLink,
  judgeLink,
  judgePassword,
  judgePasswordChange,
  type SignedIn,
  signIn,
  type Whence,
} from '../domain/members/sign-in.ts';
import { redemptionMistakes } from '../domain/members/sign-in-links.ts';
import type { Storage } from '../domain/store.ts';
import { HttpError } from '../http/problem.ts';
import type { Request } from '../http/request.ts';
import { MemberView, memberExample, memberView } from './member-view.ts';
import { ADMIN_PATH, type AdminServices, operation } from './operation.ts';
import { signedInCookies, signedOutCookies } from './session-cookies.ts';

const Email = z.string().max(254);
// What is too long for a password is wrong, like any other.
const Password = z.string().max(1000);

// Anybody may send these, as many at once as he likes; 8 KB are more than it takes.
const STRANGERS_BODY_BYTES = 8 * 1024;

const SignIn = z
  .strictObject({ email: Email, password: Password })
  .meta({ id: 'SignIn', example: { email: 'ada@example.com', password: 'correct horse battery staple' } });

const LinkRedemption = z
  .strictObject({
    token: z.string().max(200).meta({ description: "From the link's fragment." }),
    password: Password.meta({ description: 'At least 12 characters, at most 72 bytes.' }),
    email: Email.default('').meta({ description: 'Chosen by the first owner; others need not repeat theirs.' }),
  })
  .meta({ id: 'LinkRedemption', example: { token: 'shown-once', password: 'correct horse battery staple' } });

const PasswordChange = z.strictObject({ current_password: Password, password: Password }).meta({
  id: 'PasswordChange',
  example: { current_password: 'correct horse battery staple', password: 'another horse battery staple' },
});

const sessionShape = {
  csrf_token: z.string().meta({ description: 'Goes as `X-CSRF-Token` with every write.' }),
  expires_at: z.iso.datetime().meta({ description: 'When it ends at the latest; after an hour without use it has.' }),
  member: MemberView,
};
const sessionExample = { csrf_token: 'shown', expires_at: '2026-11-21T20:00:00.000Z', member: memberExample };

const SessionView = z.object(sessionShape).meta({ id: 'Session', example: sessionExample });
const OwnSession = z
  .object({ ...sessionShape, scopes: z.array(z.string()).meta({ description: "The admin API's, that one has here." }) })
  .meta({ id: 'OwnSession', example: { ...sessionExample, scopes: ['applications:read', 'applications:write'] } });

const tag = 'Session';

interface Entry {
  readonly request: Request;
  readonly services: AdminServices;
}

export const sessionOperations = [
  operation({
    method: 'post',
    path: '/session',
    operation_id: 'signIn',
    summary: 'Sign in',
    description:
      'Sets the cookie of the session, and ends the one of which a cookie came along. Too many wrong passwords from one source are refused for a while.',
    tag,
    scope: null,
    body: SignIn,
    body_limit_bytes: STRANGERS_BODY_BYTES,
    status: 201,
    result: SessionView,
    find: demandOwnOrigin,
    async prepare({ storage, services, request, body }) {
      const judged = await judgePassword({ storage, ...services }, body, whenceOf({ request, services }));
      return judged ?? refuse(services.issuer);
    },
    async run(call) {
      const signedIn = await signIn(call, call.prepared, whenceOf(call));
      return await answer(call, signedIn ?? refuse(call.services.issuer));
    },
  }),
  operation({
    method: 'get',
    path: '/session',
    operation_id: 'getSession',
    summary: 'Read one’s own session',
    tag,
    scope: null,
    session: true,
    status: 200,
    result: OwnSession,
    async run({ storage, services, request, principal }) {
      const { session, member } = await ownSession({ storage, services, request });
      const { csrf_token, expires_at } = session;
      const view = await memberView(storage, member);
      return { body: { csrf_token, expires_at, member: view, scopes: [...principal.scopes].sort() } };
    },
  }),
  operation({
    method: 'delete',
    path: '/session',
    operation_id: 'signOut',
    summary: 'Sign out',
    tag,
    scope: null,
    session: true,
    status: 204,
    async run(call) {
      const { session } = await ownSession(call);
      endSession(call.unit, session);
      return { cookies: signedOutCookies(call.services.issuer) };
    },
  }),
  operation({
    method: 'put',
    path: '/session/password',
    operation_id: 'changeOwnPassword',
    summary: 'Change one’s own password',
    description: 'Ends all sessions of the member, and begins a new one.',
    tag,
    scope: null,
    session: true,
    body: PasswordChange,
    // Whether the current one is right takes long, and counts as a try.
    check: ({ body }) => (body.password === undefined ? [] : passwordMistakes(body.password)),
    status: 200,
    result: SessionView,
    async prepare({ storage, services, request, principal, body }) {
      const member = await storage.get(members, principal.member_id);
      if (member === undefined) throw new DomainError('not_found', 'There is no such member.');
      return await judgePasswordChange({ storage, ...services }, member, body, whenceOf({ request, services }));
    },
    async run(call) {
      return await answer(call, await changePassword(call, call.principal.member_id, call.prepared, whenceOf(call)));
    },
  }),
  operation({
    method: 'post',
    path: '/sign-in-links/redeem',
    operation_id: 'redeemSignInLink',
    summary: 'Redeem a sign-in link',
    description: 'Sets the password of who was invited, ends what sessions there were, and signs in.',
    tag,
    scope: null,
    body: LinkRedemption,
    body_limit_bytes: STRANGERS_BODY_BYTES,
    // Whether the link counts is told only to who could redeem it.
    check: ({ body }) => redemptionMistakes(body),
    status: 201,
    result: SessionView,
    find: demandOwnOrigin,
    prepare: ({ storage, services, request, body }) =>
      judgeLink({ storage, ...services }, body, whenceOf({ request, services })),
    async run(call) {
      return await answer(call, await comeInByLink(call, call.body, call.prepared, whenceOf(call)));
    },
  }),
];

/** Nobody is signed in by another site's page, into an account of its choice. */
async function demandOwnOrigin({ request, services }: Entry): Promise<undefined> {
  const { origin } = new URL(services.issuer);
  if (request.origin === undefined || request.origin === origin) return;
  throw new DomainError('forbidden', 'Sign in from the page of this server.', {
    errors: [{ header: 'Origin', detail: `must be ${origin}` }],
  });
}

function whenceOf({ request, services }: Entry): Whence {
  const { issuer } = services;
  const [device, session] = [deviceCookieName(issuer), sessionCookieName(issuer)].map((name) => request.cookie(name));
  return { address: request.address, device, session };
}

/** One answer for whatever is wrong: who is a member is told to nobody. */
function refuse(issuer: string): never {
  const challenge = { 'WWW-Authenticate': `Bearer realm="${issuer}${ADMIN_PATH}"` };
  throw new HttpError('unauthenticated', 'The email or the password is wrong.', challenge);
}

async function ownSession({ storage, services, request }: Entry & { storage: Storage }) {
  const token = request.cookie(sessionCookieName(services.issuer));
  const found = token === undefined ? undefined : await findSession(storage, token, Date.now());
  // It ended while this request was on its way.
  if (found === undefined) throw new DomainError('not_found', 'There is no such session.');
  return found;
}

async function answer(call: Entry & { storage: Storage }, signedIn: SignedIn) {
  const { session, csrf_token, member } = signedIn;
  const body = { csrf_token, expires_at: session.expires_at, member: await memberView(call.storage, member) };
  return { body, cookies: signedInCookies(call.services.issuer, signedIn) };
}
