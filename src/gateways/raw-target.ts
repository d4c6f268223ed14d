/**
 * Request targets as they came (RFC 9112 section 3.2), for paths behind which strangers may write what they like. Nothing
 * is resolved here: who resolves dot segments, or decodes, and then decides, decides about another path than was asked for.
 */

const SCHEME_AND_AUTHORITY = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;

// RFC 3986: nothing but visible ASCII, and a fragment is never sent.
const SENDABLE = /^[!"$-~]*$/;
/** What reads the same however often it is decoded. */
const PLAIN = /^[!"$&-[\]-~]*$/;
// Dots and spaces alone, since some drop spaces and dots at an end; up to `;` (a parameter, to some), or an encoded `?` or `#`.
const DOT_SEGMENT = /(?:^|[/\\]) *\.[. ]*(?:$|[/\\;?#])/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const ENCODED_ASCII = /%([0-7][0-9a-f])/gi;
/** How often a path may be encoded over: who encodes more often hides something. */
const ENCODED_TIMES_MAX = 3;

/** @returns the path of a request target in origin or absolute form, as it came; without the query */
export function rawPathOf(target: string): string {
  const local = target.startsWith('/') ? target : target.replace(SCHEME_AND_AUTHORITY, '');
  const query = local.indexOf('?');
  return query < 0 ? local : local.slice(0, query);
}

/**
 * @returns whether somebody may read this path as another one: it has a dot segment, plain, encoded (`%2e`, also
 * together with `%2f`, `%5c` and several times over), or before `\` or `;`; or what no URI has: control characters, a
 * fragment, other than ASCII, broken percent-encoding, or one that is no UTF-8 (such as dots of two bytes)
 */
export function isAmbiguous(path: string): boolean {
  if (DOT_SEGMENT.test(path)) return true;
  if (PLAIN.test(path)) return false;
  if (!SENDABLE.test(path)) return true;
  let text = decoded(path);
  for (let times = 1; text !== undefined; times += 1) {
    if (CONTROL.test(text) || DOT_SEGMENT.test(text)) return true;
    const again = text.replace(ENCODED_ASCII, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
    if (again === text) return false;
    text = times < ENCODED_TIMES_MAX ? again : undefined;
  }
  return true;
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
