/** What a gateway's dialect is: how it proves itself, and what it answers to which request. */
import type { Context } from 'koa';
import type { SecretMint } from '../domain/clients/client-secret-changes.ts';
import type { Secrets } from '../domain/clients/secrets.ts';
import type { GatewayDoor } from '../domain/gateways/gateway-door.ts';
import type { Gateway } from '../domain/gateways/gateways.ts';
import type { Sealer } from '../domain/installation/sealing.ts';
import type { Storage } from '../domain/store.ts';
import type { ChangeObserver } from '../domain/unit.ts';

export interface DialectParts {
  readonly issuer: string;
  readonly storage: Storage;
  readonly observer: ChangeObserver;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly secrets: SecretMint & Pick<Secrets, 'match' | 'keepImported'>;
  readonly door: GatewayDoor;
  /** The server's own metadata (RFC 8414). */
  readonly metadata: () => object;
  /** By which repeated creates are known again. */
  readonly creationKey: Buffer;
  /** @throws DomainError `unavailable` where the store is known to be away */
  readonly demandStore: () => void;
  readonly addressOf: (ctx: Context) => string | undefined;
  /** Told of each request without a credential that counts. */
  readonly onUnauthenticated: (ctx: Context) => void;
  readonly onError: (error: unknown) => void;
}

/** A request to a gateway's dialect. */
export interface DialectRequest {
  readonly ctx: Context;
  readonly method: string;
  readonly gateway: Gateway;
  /** The path below the gateway's own, decoded. */
  readonly steps: readonly string[];
  /** Where the gateway is, as far as anyone knows. */
  readonly address: string | undefined;
}

/** A request of which the gateway is known. */
export interface DialectCall extends DialectRequest {
  /** What its credential stands on. */
  readonly credentialId: string;
  readonly body: Buffer;
}

export interface DialectAnswer {
  readonly status: number;
  /** JSON; none where it is left out. */
  readonly body?: unknown;
}

export interface Dialect {
  /** The value of `WWW-Authenticate` where the gateway does not prove itself. */
  readonly challenge: (issuer: string) => string;
  /** What is answered to anybody: discovery. */
  open?(parts: DialectParts, request: DialectRequest): DialectAnswer | undefined;
  /** @returns the id of what the credential stands on, or undefined where there is none that counts */
  authenticate(parts: DialectParts, request: DialectRequest): Promise<string | undefined>;
  /** @returns undefined for what is not known here @throws DomainError, HttpError */
  serve(parts: DialectParts, call: DialectCall): Promise<DialectAnswer | undefined>;
}
