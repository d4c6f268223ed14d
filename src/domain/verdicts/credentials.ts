/** Credentials that turned out genuine: ours by signature or hash. Whether they still count is decided elsewhere. */
import type { KeyStanding } from '../catalogue/key-standing.ts';
import type { AccessTokenClaims } from '../tokens/claims.ts';

/** Our own token, JWT or opaque. */
export interface AccessTokenCredential {
  readonly kind: 'access_token';
  readonly claims: AccessTokenClaims;
}

/** A JWT that a client under a `jwt` profile signed itself; verified by its profile as this node knows it. */
export interface ClientJwtCredential {
  readonly kind: 'client_jwt';
  readonly client_id: string;
  /** The API's identifier: its one `aud`. */
  readonly audience: string;
  /** null where it has none, which only profiles without `single_use` allow. */
  readonly jti: string | null;
  /** Seconds since 1970. */
  readonly iat: number | null;
  readonly exp: number;
}

/** An API key, current or in its grace; its hash was compared. */
export interface ApiKeyCredential {
  readonly kind: 'api_key';
  readonly standing: KeyStanding;
  /** When this very key ends, in milliseconds, by its own expiry or the end of a grace; null for never. */
  readonly endsAt: number | null;
}

export type Credential = AccessTokenCredential | ClientJwtCredential | ApiKeyCredential;

/** What reading a credential comes to; `expired` ones are genuine, `invalid` covers garbage, forged and foreign ones. */
export type ReadCredential =
  | { readonly outcome: 'genuine'; readonly credential: Credential }
  | { readonly outcome: 'expired'; readonly credential: Credential }
  | { readonly outcome: 'invalid' };

/** Reads whatever a gateway was handed. @throws DomainError `unavailable` where it cannot be told */
export interface CredentialReader {
  /** An access token, opaque or JWT, a client-signed JWT, or an API key. */
  read(presented: string): Promise<ReadCredential>;
}
