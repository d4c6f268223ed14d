/**
 * Claims by other names, for gateways that look for a caller under a name of another product's: what they are to be called,
 * and what they hold. They come beside the usual ones, never in their place.
 */
import { z } from 'zod';
import type { Mistake } from '../errors.ts';

/** What a further claim may hold. No scopes: two copies of those are in a token as it is, and headers have an end. */
export const ClaimSource = z.enum(['client_id', 'application_id', 'application_name', 'environment', 'roles']);
export type ClaimSource = z.infer<typeof ClaimSource>;

const CLAIMS_MAX = 10;
const Claim = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[A-Za-z][A-Za-z0-9_.:/-]*$/, 'may only contain letters, digits and _ . : / -, and begins with a letter');

/** Further claims, by name. */
export const FurtherClaims = z
  .record(Claim, ClaimSource)
  .refine((claims) => Object.keys(claims).length <= CLAIMS_MAX, `must not have more than ${CLAIMS_MAX}`);
export type FurtherClaims = z.infer<typeof FurtherClaims>;

/**
 * What means something already: RFC 7519, 7800, 9068 and OpenID Connect, our own, and those by which WSO2 takes a token for an
 * API key or for another's.
 */
const TAKEN = [
  ...[
    'iss',
    'sub',
    'aud',
    'exp',
    'nbf',
    'iat',
    'jti',
    'cnf',
    'act',
    'may_act',
    'auth_time',
    'acr',
    'amr',
    'nonce',
    'typ',
  ],
  ...['client_id', 'azp', 'scope', 'scp', 'roles', 'environment', 'entity_id', 'aut', 'kong_key', 'active', 'username'],
  ...['token_type', 'application', 'consumerKey', 'events', 'sub_id'],
];

/** @returns the names that may not be used, each with its place */
export function furtherClaimMistakes(claims: FurtherClaims, at: string): Mistake[] {
  const taken = Object.keys(claims).filter((name) => TAKEN.includes(name));
  return taken.map((name) => ({
    pointer: `${at}/${name}`,
    detail: 'is the name of a claim that means something else',
  }));
}
