/** The cookies of who signs in (RFC 6265bis): no script reads them, no other site's request carries them. */
import { DEVICE_SECONDS, deviceCookieName } from '../domain/members/known-devices.ts';
import { sessionCookieName } from '../domain/members/sessions.ts';

/** @returns the values of `Set-Cookie` for who has signed in; the session's ends with the browser at the latest */
export function signedInCookies(
  issuer: string,
  { token, newDevice }: { token: string; newDevice: string | undefined },
): string[] {
  const session = cookie(issuer, sessionCookieName(issuer), token);
  if (newDevice === undefined) return [session];
  return [session, `${cookie(issuer, deviceCookieName(issuer), newDevice)}; Max-Age=${DEVICE_SECONDS}`];
}

/** @returns the value of `Set-Cookie` that takes the session's cookie away */
export function signedOutCookies(issuer: string): string[] {
  return [`${cookie(issuer, sessionCookieName(issuer), '')}; Max-Age=0`];
}

function cookie(issuer: string, name: string, value: string): string {
  const secure = issuer.startsWith('https:') ? '; Secure' : '';
  return `${name}=${value}; Path=/; HttpOnly; SameSite=Strict${secure}`;
}
