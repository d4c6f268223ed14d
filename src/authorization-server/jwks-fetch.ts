/** How the engine fetches a client's `jwks_uri`. */

/**
 * @param fetch the one outgoing client
 * @returns the same, but without what the far side says of caching: the engine would believe it without a bound, and
 * a key that a client has taken back would count for as long. So it asks again after a minute.
 */
export function jwksFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async function fetchJwks(url, options) {
    const response = await fetch(url, options);
    const headers = new Headers(response.headers);
    for (const name of ['cache-control', 'expires']) headers.delete(name);
    return new Response(response.body, { status: response.status, headers });
  };
}
