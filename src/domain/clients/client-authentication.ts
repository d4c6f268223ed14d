/** How a client proves itself: which of its members belong to which method. */
import { z } from 'zod';
import type { Mistake } from '../errors.ts';
import { type Client, PublicJwk } from './clients.ts';
import { jwksMistakes } from './public-jwks.ts';

export const Jwks = z.strictObject({ keys: z.array(PublicJwk).min(1).max(20) });

export const JwksUri = z
  .url({ protocol: /^https?$/, error: 'must be an https URL' })
  .max(2000)
  // Asked of what is no URL, too.
  .refine((text) => !/[#\s\p{Cc}]/u.test(text) && !URL.parse(text)?.username, 'must not have a fragment or a user');

type Authentication = Pick<Client, 'token_endpoint_auth_method' | 'jwks' | 'jwks_uri'>;

/** @returns whether the client proves itself by a secret */
export function isSecretBased({ token_endpoint_auth_method }: Pick<Client, 'token_endpoint_auth_method'>): boolean {
  return token_endpoint_auth_method !== 'private_key_jwt';
}

/** @returns whether someone else could prove himself as this client after the change */
export function changesCredentials(before: Authentication, after: Authentication): boolean {
  return JSON.stringify(credentialsOf(before)) !== JSON.stringify(credentialsOf(after));
}

/**
 * @param allowsPlainHttp whether keys may be fetched by plain http at all
 * @returns what does not fit together
 */
export function authenticationMistakes(client: Authentication, allowsPlainHttp: boolean): Mistake[] {
  const { token_endpoint_auth_method, jwks, jwks_uri } = client;
  if (isSecretBased(client)) {
    const detail = `must be null with ${token_endpoint_auth_method}`;
    return [
      ...(jwks === null ? [] : [{ pointer: '/jwks', detail }]),
      ...(jwks_uri === null ? [] : [{ pointer: '/jwks_uri', detail }]),
    ];
  }
  if ((jwks === null) === (jwks_uri === null)) {
    return [{ pointer: '/jwks', detail: 'private_key_jwt needs either jwks or jwks_uri' }];
  }
  if (jwks_uri?.startsWith('http:') && !allowsPlainHttp) {
    return [{ pointer: '/jwks_uri', detail: 'must be an https URL' }];
  }
  return jwks === null ? [] : jwksMistakes(jwks, '/jwks');
}

function credentialsOf({ token_endpoint_auth_method, jwks, jwks_uri }: Authentication) {
  return [token_endpoint_auth_method, jwks, jwks_uri];
}
