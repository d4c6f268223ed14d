/** What may be an API's identifier: an absolute URI that cannot be taken for one of Latchkey's own. */
import type { Mistake } from '../errors.ts';

const RESERVED = ['/oauth2', '/admin', '/.well-known', '/gateways', '/console', '/health', '/metrics'];
const LENGTH_MAX = 255;

/**
 * @param issuer as clients see it
 * @returns what is wrong with it
 */
export function identifierMistakes(identifier: string, issuer: string): Mistake[] {
  const detail = whatIsWrong(identifier, issuer);
  return detail === undefined ? [] : [{ pointer: '/identifier', detail }];
}

function whatIsWrong(identifier: string, issuer: string): string | undefined {
  if (identifier.length > LENGTH_MAX) return `must have at most ${LENGTH_MAX} characters`;
  // URL would trim and drop some of these silently.
  if (/[\s\p{Cc}\p{Cf}]/u.test(identifier)) return 'must not contain spaces or control characters';
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:/.test(identifier) || !URL.canParse(identifier)) return 'must be an absolute URI';
  if (identifier.includes('#')) return 'must not have a fragment';
  const url = new URL(identifier);
  if (url.username !== '' || url.password !== '') return 'must not contain a user or password';
  if (isOurs(url, new URL(issuer))) return "must not be the issuer or one of Latchkey's own addresses";
  return undefined;
}

function isOurs(url: URL, issuer: URL): boolean {
  // Whether http or https: proxies turn one into the other.
  if (!/^https?:$/.test(url.protocol) || authorityOf(url) !== authorityOf(issuer)) return false;
  const base = normalPath(issuer);
  const path = normalPath(url);
  return path === base || RESERVED.some((own) => `${path}/`.startsWith(`${base}${own}/`));
}

// A default port is the same as none, of whichever scheme; a name may end in a dot.
function authorityOf({ hostname, port }: URL): string {
  return `${hostname.toLowerCase().replace(/\.$/, '')}:${port.replace(/^(80|443)$/, '')}`;
}

/** @returns the path lower case, decoded until nothing changes, without dot segments and needless slashes */
function normalPath(url: URL): string {
  let path = url.pathname;
  for (let decoded = decode(path); decoded !== path; decoded = decode(path)) path = decoded;
  const steps: string[] = [];
  for (const step of path.toLowerCase().split(/[/\\]+/)) {
    if (step === '..') steps.pop();
    else if (step !== '' && step !== '.') steps.push(step);
  }
  return steps.map((step) => `/${step}`).join('');
}

function decode(path: string): string {
  return path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
