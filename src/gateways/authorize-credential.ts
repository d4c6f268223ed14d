/** The one credential that a client showed to a gateway, from the headers as they were sent. */
import { bearerIn } from '../http/credential.ts';

/** `none` was sent; or `unclear`: sent twice, two different ones, or in a form that is not read here. */
export type ShownCredential = { readonly text: string } | 'none' | 'unclear';

/**
 * Reads `Authorization: Bearer` (RFC 6750 section 2.1) and the header for API keys. Raw, since Node joins or drops what is
 * repeated. The same credential in both is one.
 * @param rawHeaders names and values in turn
 * @param apiKeyHeader in lower case
 */
export function shownCredential(rawHeaders: readonly string[], apiKeyHeader: string): ShownCredential {
  let authorization: string | undefined;
  let apiKey: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    const value = rawHeaders[i + 1] ?? '';
    if (isNamed(name, 'authorization')) {
      if (authorization !== undefined) return 'unclear';
      authorization = value;
    } else if (isNamed(name, apiKeyHeader)) {
      if (apiKey !== undefined) return 'unclear';
      apiKey = value;
    }
  }
  // Some gateways send a header that they copy also where the client sent none.
  if (!authorization) return apiKey ? { text: apiKey } : 'none';
  const bearer = bearerIn(authorization);
  if (bearer === undefined || (apiKey && apiKey !== bearer)) return 'unclear';
  return { text: bearer };
}

function isNamed(name: string, lowerCase: string): boolean {
  return name.length === lowerCase.length && name.toLowerCase() === lowerCase;
}
