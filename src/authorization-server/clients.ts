/** Shows clients to the engine, read-only, and answers whether a presented secret or assertion is theirs. */
import { createHash, randomBytes } from 'node:crypto';
import { compactVerify, importJWK, type JWK } from 'jose';
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider';
import type { Catalogue } from '../domain/catalogue/catalogue.ts';
import { isSecretBased } from '../domain/clients/client-authentication.ts';
import { shortKeyId } from '../domain/clients/client-keys.ts';
import type { Client, PublicJwks } from '../domain/clients/clients.ts';
import type { LastUsed } from '../domain/clients/last-used.ts';
import type { SecretSettling } from '../domain/clients/secret-settling.ts';
import type { Secrets } from '../domain/clients/secrets.ts';
import { shortId } from '../domain/ids.ts';

/** The methods by which clients may authenticate; the engine and the metadata know no other. */
export const CLIENT_AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'] as const;

/**
 * The algorithms of client assertions; none is symmetric, for the projected secret is no key. EdDSA goes by its full
 * name too (RFC 9864).
 */
export const ASSERTION_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'EdDSA',
  'Ed25519',
] as const;

/** How far ahead an assertion may end, in seconds (RFC 7523 section 3: reasonable limits). */
export const LONGEST_ASSERTION_SECONDS = 300;

export class EngineClients {
  readonly #catalogue: Catalogue;
  readonly #secrets: Secrets;
  readonly #lastUsed: LastUsed;
  readonly #settling: Pick<SecretSettling, 'noteUse'>;
  // The engine insists on a secret's being there. It never compares with this one, and nobody can know it.
  readonly #placeholder = randomBytes(32).toString('base64url');

  constructor(catalogue: Catalogue, secrets: Secrets, lastUsed: LastUsed, settling: Pick<SecretSettling, 'noteUse'>) {
    this.#catalogue = catalogue;
    this.#secrets = secrets;
    this.#lastUsed = lastUsed;
    this.#settling = settling;
  }

  /** The engine's adapter for its model `Client`: it can only find. */
  get adapter(): Adapter {
    const refuse = () => Promise.reject(new Error('the engine may not write clients'));
    return {
      find: (id) => this.#project(id),
      findByUid: () => Promise.resolve(undefined),
      findByUserCode: () => Promise.resolve(undefined),
      upsert: refuse,
      consume: refuse,
      destroy: refuse,
      revokeByGrantId: refuse,
    };
  }

  /** @returns the short id of the client's secret that this is, or undefined */
  async matchSecret(clientId: string, presented: string): Promise<string | undefined> {
    const standing = await this.#catalogue.standing(clientId);
    if (standing === undefined) return undefined;
    const now = Date.now();
    const secret = await this.#secrets.match(clientId, presented, standing.secrets, now);
    if (secret === undefined) return undefined;
    this.#lastUsed.noteSecret(secret.id, now);
    this.#settling.noteUse(secret, presented);
    return shortId(secret.id);
  }

  /** @returns at which APIs the client whose secret this is may introspect; undefined where it is nobody's */
  async introspectorBy(clientId: string, presented: string): Promise<Client['may_introspect_ids'] | undefined> {
    const standing = await this.#catalogue.standing(clientId);
    if (standing === undefined || !standing.enabled || !isSecretBased(standing.client)) return undefined;
    const matched = await this.matchSecret(clientId, presented);
    return matched === undefined ? undefined : standing.client.may_introspect_ids;
  }

  /** @returns the short id of the client's key that signed an assertion which was verified */
  async signerOf(clientId: string, assertion: string, kid: string | undefined): Promise<string> {
    const jwks = (await this.#catalogue.standing(clientId))?.client.jwks;
    // Keys behind a jwks_uri come and go without our doing; their tokens end by other means.
    if (!jwks)
      return createHash('sha256')
        .update(kid ?? '')
        .digest('base64url')
        .slice(0, 10);
    const likely = jwks.keys.filter((key) => kid === undefined || key.kid === undefined || key.kid === kid);
    const [only] = likely;
    if (likely.length === 1 && only) return shortKeyId(only);
    return await findSigner(likely, assertion);
  }

  async #project(id: string): Promise<AdapterPayload | undefined> {
    const standing = await this.#catalogue.standing(id);
    // What is disabled looks like what does not exist, to the byte.
    if (standing === undefined || !standing.enabled) return undefined;
    const { client } = standing;
    const method = client.token_endpoint_auth_method;
    return {
      client_id: client.id,
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: method,
      ...(method === 'private_key_jwt' ? {} : { client_secret: this.#placeholder }),
      ...(client.jwks === null ? {} : { jwks: client.jwks }),
      ...(client.jwks_uri === null ? {} : { jwks_uri: client.jwks_uri }),
    };
  }
}

async function findSigner(keys: PublicJwks['keys'], assertion: string): Promise<string> {
  for (const key of keys) {
    try {
      await compactVerify(assertion, ({ alg }) => importJWK(key as JWK, alg));
      return shortKeyId(key);
    } catch {
      // Not this one; the engine has verified that it is one of them.
    }
  }
  throw new errors.InvalidClientAuth('the key has gone since the assertion was verified');
}
