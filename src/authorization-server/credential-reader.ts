/** Reads whatever a gateway was handed: an access token, a JWT that a client signed, an API key. */
import { looksLikeApiKey } from '../domain/api-keys/api-key-format.ts';
import { type KeyKnowledge, readApiKey } from '../domain/api-keys/presented-key.ts';
import type { CredentialReader, ReadCredential } from '../domain/verdicts/credentials.ts';
import type { ClientJwtReader } from './client-jwt-reader.ts';
import type { TokenReader } from './token-reader.ts';

const INVALID: ReadCredential = { outcome: 'invalid' };

/** @returns the reader of all kinds of credentials */
export function credentialReader(parts: {
  readonly knowledge: KeyKnowledge;
  readonly tokens: TokenReader;
  readonly clientJwts: ClientJwtReader;
}): CredentialReader {
  const { knowledge, tokens, clientJwts } = parts;
  // A key that was imported has whatever form it was made in; never that of a JWT, which the others have judged.
  const readForeign = async (presented: string) => {
    const isPlausible = /^[!-~]{16,500}$/.test(presented) && presented.split('.').length !== 3;
    return isPlausible ? await readApiKey(knowledge, presented, Date.now()) : INVALID;
  };
  return {
    async read(presented) {
      if (looksLikeApiKey(presented)) return await readApiKey(knowledge, presented, Date.now());
      const token = await tokens.readPast(presented);
      if (token === undefined) return (await clientJwts.read(presented)) ?? (await readForeign(presented));
      return {
        outcome: token.isExpired ? 'expired' : 'genuine',
        credential: { kind: 'access_token', claims: token.claims },
      };
    },
  };
}
