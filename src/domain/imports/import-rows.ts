/** A row of an import: a client with the secret that it has, or an API key that is in use. Names what it refers to. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ApiKeyDraft } from '../api-keys/api-key-drafts.ts';
import { importedApiKeyId, looksLikeApiKey, sha256Of } from '../api-keys/api-key-format.ts';
import { ChosenClientId } from '../clients/chosen-client-id.ts';
import { ClientDraft } from '../clients/client-drafts.ts';
import { SecretLabel } from '../clients/client-secrets.ts';
import { readImportedHash, UnusableHash } from '../clients/imported-hash.ts';
import { Name, Timestamp } from '../record.ts';
import { KeycloakCredential, phcOfCredential } from './keycloak-credential.ts';

const CLIENT_SECRET_MAX_BYTES = 72;

const ApplicationName = z
  .union([Name, z.strictObject({ name: Name })], { error: 'must be an id or a name' })
  .transform((given) => (typeof given === 'string' ? given : given.name))
  .meta({ description: 'An id (`app_…`), or a name: where no application has it, one is made.' });

const SecretHash = z
  .union([z.string().max(500), KeycloakCredential], { error: 'must be a PHC or modular crypt string' })
  .transform((given, context) => {
    const text = typeof given === 'string' ? given : phcOfCredential(given);
    const fault = text === undefined ? 'is no credential of Keycloak' : faultOf(text);
    if (fault !== undefined) context.addIssue({ code: 'custom', message: fault });
    return text ?? '';
  })
  .meta({ description: 'bcrypt, argon2, scrypt, PBKDF2 or SHA-2, as it was exported.' });

/** A client that is in use elsewhere. */
export const ImportedClient = z
  .strictObject({
    kind: z.literal('client'),
    application: ApplicationName,
    client_id: ChosenClientId,
    client_secret: z
      .string()
      .min(1)
      .refine((text) => Buffer.byteLength(text) <= CLIENT_SECRET_MAX_BYTES, 'must have at most 72 bytes')
      .optional()
      .meta({ description: 'In clear; or else `client_secret_hash`.' }),
    client_secret_hash: SecretHash.optional(),
    label: SecretLabel.default('').meta({ description: "The secret's." }),
    expires_at: Timestamp.nullable().default(null).meta({ description: 'When the secret expires; null for never.' }),
    ...ClientDraft.shape,
  })
  .refine(
    ({ client_secret, client_secret_hash, token_endpoint_auth_method: method }) => {
      const given = [client_secret, client_secret_hash].filter((each) => each !== undefined).length;
      return given === (method === 'private_key_jwt' ? 0 : 1);
    },
    {
      error: 'needs either client_secret or client_secret_hash; with private_key_jwt neither',
      when: whereRead('client_secret', 'client_secret_hash', 'token_endpoint_auth_method'),
    },
  );
export type ImportedClient = z.output<typeof ImportedClient>;

const { kind: _, member_id: __, for: ___, application_id: ____, ...keyDraft } = ApiKeyDraft.shape;

const KeyHash = z
  .string()
  .transform((text, context) => {
    const bytes = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
    const isBase64 = /^[A-Za-z0-9+/_-]{43}=?$/.test(text);
    if (bytes.length !== 32 || !(isBase64 || /^[0-9a-f]{64}$/i.test(text))) {
      context.addIssue({ code: 'custom', message: 'must be SHA-256, in hexadecimal digits or base64' });
    }
    return bytes.toString('base64url');
  })
  .meta({ description: 'SHA-256 of the whole key.' });

/** An API key that is in use elsewhere. Personal ones are for their members to make. */
export const ImportedApiKey = z
  .strictObject({
    kind: z.literal('api_key'),
    key_kind: z
      .enum(['query', 'index', 'application'])
      .optional()
      .meta({ description: 'Left out: `application` where one is named, else `index`.' }),
    application: ApplicationName.nullable().default(null),
    api_key: z
      .string()
      .regex(/^[!-~]{20,500}$/, 'must have 20 to 500 characters of ASCII, none of them a space')
      .refine((key) => !looksLikeApiKey(key), 'must not look like a key that is made here')
      .optional()
      .meta({ description: 'In clear; or else `api_key_hash`.' }),
    api_key_hash: KeyHash.optional(),
    prefix: z
      .string()
      .max(50)
      .regex(/^[!-~]*$/, 'must be ASCII')
      .default('')
      .meta({ description: 'What the key begins with, for people to tell it by.' }),
    ...keyDraft,
  })
  .refine(({ api_key, api_key_hash }) => (api_key === undefined) !== (api_key_hash === undefined), {
    error: 'needs either api_key or api_key_hash',
    when: whereRead('api_key', 'api_key_hash'),
  });
export type ImportedApiKey = z.output<typeof ImportedApiKey>;

export const ImportRow = z
  .discriminatedUnion('kind', [ImportedClient, ImportedApiKey], { error: 'kind must be client or api_key' })
  .meta({
    example: {
      kind: 'client',
      application: 'Order sync',
      environment: 'production',
      client_id: 'order-sync',
      client_secret: 'as it was, thirty-two characters long',
    },
  });
export type ImportRow = z.output<typeof ImportRow>;

/** What could be read of a row. */
export type GivenRow =
  | (Partial<ImportedClient> & { readonly kind: 'client' })
  | (Partial<ImportedApiKey> & { readonly kind: 'api_key' });

/** What a row of each kind must look like. */
export const ROW_SCHEMAS = { client: ImportedClient, api_key: ImportedApiKey };

/** @returns the id of what the row would make; undefined where it cannot be told */
export function givenIdOf(given: GivenRow): string | undefined {
  if (given.kind === 'client') return given.client_id;
  const hash = given.api_key_hash ?? (given.api_key === undefined ? undefined : sha256Of(given.api_key));
  return hash === undefined ? undefined : importedApiKeyId(hash);
}

/** @returns the id of what the row makes */
export function recordIdOf(row: ImportRow): string {
  return row.kind === 'client' ? row.client_id : importedApiKeyId(keyHashOf(row));
}

/** @returns the SHA-256 of the key, base64url */
export function keyHashOf({ api_key, api_key_hash }: ImportedApiKey): string {
  return api_key_hash ?? sha256Of(api_key ?? '');
}

/** @returns what tells a row from another of the same id. A secret in clear is left out: a fast hash of it would be a way to guess it. */
export function digestOf(row: ImportRow): string {
  const { client_secret: _clear, ...told } = row.kind === 'client' ? row : { ...row, client_secret: undefined };
  const open = told.kind === 'client' ? told : { ...told, api_key: undefined, api_key_hash: keyHashOf(told) };
  return createHash('sha256').update(JSON.stringify(open)).digest('base64url');
}

/** A rule is asked of a row that has other mistakes too, but where the rule's own members could be read. */
function whereRead(...names: string[]) {
  return ({ value, issues }: z.core.ParsePayload): boolean => {
    const isObject = typeof value === 'object' && value !== null;
    return isObject && !issues.some(({ path }) => names.includes(String(path?.[0])));
  };
}

function faultOf(hash: string): string | undefined {
  try {
    readImportedHash(hash);
    return undefined;
  } catch (error) {
    if (error instanceof UnusableHash) return error.message;
    throw error;
  }
}
