/** Who is asking, and whether his credential reaches that far (RFC 6750). */
import type { Context } from 'koa';
import type { Principal } from '../domain/access/principal.ts';
import { HttpError } from './problem.ts';

/** @returns who the bearer token speaks for, or undefined where it is not good here */
export type Authenticate = (bearer: string) => Promise<Principal | undefined>;

// RFC 6750 section 2.1; the scheme is matched whatever its case (RFC 9110 section 11.1).
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/**
 * Lets in who has the scope.
 * @throws HttpError `unauthenticated`, `insufficient_scope`
 */
export async function admit(
  ctx: Context,
  scope: string,
  { authenticate, realm }: { authenticate: Authenticate; realm: string },
): Promise<Principal> {
  const headers = ctx.req.rawHeaders.filter((name, index) => index % 2 === 0 && /^authorization$/i.test(name));
  // RFC 6750 section 3: who sends no credential at all is told no error code.
  if (headers.length === 0) throw unauthenticated('Send a bearer token.', `Bearer realm="${realm}"`);

  const bearer = headers.length === 1 ? BEARER.exec(ctx.get('Authorization'))?.[1] : undefined;
  const principal = bearer === undefined ? undefined : await authenticate(bearer);
  if (principal === undefined) {
    throw unauthenticated('The credential is not valid here.', `Bearer realm="${realm}", error="invalid_token"`);
  }
  if (!principal.scopes.has(scope)) {
    throw new HttpError('insufficient_scope', `This needs the scope ${scope}.`, {
      'WWW-Authenticate': `Bearer realm="${realm}", error="insufficient_scope", scope="${scope}"`,
    });
  }
  return principal;
}

function unauthenticated(message: string, challenge: string): HttpError {
  return new HttpError('unauthenticated', message, { 'WWW-Authenticate': challenge });
}
