/** Declares operations of the admin API and says what they may use. Each resource has its file beside this one. */
import { z } from 'zod';
import type { Principal } from '../domain/access/principal.ts';
import type { ApiKey } from '../domain/api-keys/api-keys.ts';
import type { KeySupply } from '../domain/apis/api-changes.ts';
import type { SigningAlgorithm } from '../domain/apis/apis.ts';
import type { CheckpointKey } from '../domain/audit/checkpoints.ts';
import type { SecretMint } from '../domain/clients/client-secret-changes.ts';
import type { Client } from '../domain/clients/clients.ts';
import type { Secrets } from '../domain/clients/secrets.ts';
import type { ConnectionTest, GatewayEndpoints } from '../domain/gateways/connection-tests.ts';
import type { Gateway } from '../domain/gateways/gateways.ts';
import type { KongEntity } from '../domain/gateways/kong/kong-entities.ts';
import type { KongSync } from '../domain/gateways/kong/kong-syncs.ts';
import type { Sealer } from '../domain/installation/sealing.ts';
import type { Guessing } from '../domain/members/guessing.ts';
import type { PasswordHashing } from '../domain/members/passwords.ts';
import type { SigningKey } from '../domain/signing-keys/signing-keys.ts';
import type { PreviewRequest, TokenPreview } from '../domain/tokens/preview.ts';
import type { ReadToken } from '../domain/tokens/revocation-changes.ts';
import type { Unit } from '../domain/unit.ts';
import { operationsFor } from '../http/operation.ts';

export interface TokenOrder {
  readonly scope?: string | undefined;
  readonly resource?: string | undefined;
  /** When what the orderer acts by ends, RFC 3339: the token does not outlive it. null: never. */
  readonly ends_at: string | null;
}

export interface OrderedToken {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope: string;
}

/** What is done to Kongs on request. */
export interface KongServices {
  /** @throws DomainError `unavailable` */
  sync(gateway: Gateway, order: { dryRun: boolean }): Promise<KongSync>;
  /** @returns what the gateway's Kong should have */
  wanted(gateway: Gateway): Promise<KongEntity[]>;
  /** Brings an API key that was committed to the Kongs that want it; resolves before it is there. */
  keyShown(key: ApiKey, text: string): void;
}

/** What the operations use beside the store. */
export interface AdminServices {
  readonly issuer: string;
  /** Whether a `jwks_uri` may be plain http: only where the operator has allowed private ranges to be called. */
  readonly allowsPlainHttp: boolean;
  readonly keyring: KeySupply & {
    rotate(unit: Unit, order: { algorithm: SigningAlgorithm; immediate: boolean }): Promise<SigningKey>;
    remove(unit: Unit, kid: string): Promise<void>;
  };
  readonly secrets: SecretMint & PasswordHashing & Pick<Secrets, 'keepImported'>;
  readonly guessing: Guessing;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly checkpointKey: CheckpointKey;
  /** The Kongs that are kept in line. */
  readonly kong: KongServices;
  /**
   * Issues a token for a client without its secret.
   * @throws DomainError `invalid` where it would not be granted, `conflict` where the client gets none
   */
  issueToken(clientId: string, order: TokenOrder): Promise<OrderedToken>;
  /** @returns what a client with this record would get for a token request @throws DomainError `unavailable` */
  previewToken(client: Client, request: PreviewRequest): Promise<TokenPreview>;
  readonly readToken: ReadToken;
  /** Goes through what a gateway will do. @param endpoints the URLs that are pasted into it */
  testGateway(
    gateway: Gateway,
    endpoints: GatewayEndpoints,
    tester: { readonly principal: Principal; readonly address: string | undefined },
  ): Promise<ConnectionTest>;
}

export const operation = operationsFor<AdminServices>();

/** The members that every object begins with. */
export const recordView = {
  id: z.string(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
};

/** Where the admin API is, below the issuer. */
export const ADMIN_PATH = '/admin/v1';
