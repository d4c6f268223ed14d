/** Whether a credential is a gateway's: its token, its secret or its key. */

import { isTokenOf, recordIdOf } from '../domain/access/recorded-tokens.ts';
import type { LastUsed } from '../domain/clients/last-used.ts';
import { gatewayKeys } from '../domain/gateways/gateway-credentials.ts';
import type { GatewayDoor } from '../domain/gateways/gateway-door.ts';
import { gatewayResource } from '../domain/gateways/gateways.ts';
import type { Storage } from '../domain/store.ts';
import { readTokenId } from '../domain/tokens/token-ids.ts';
import { admit, type VerdictKnowledge } from '../domain/verdicts/admission.ts';
import type { EngineClients } from './clients.ts';
import type { TokenReader } from './token-reader.ts';

export interface GatewayAuthenticationParts {
  readonly issuer: string;
  readonly storage: Storage;
  readonly reader: TokenReader;
  readonly clients: Pick<EngineClients, 'introspectorBy' | 'matchSecret'>;
  readonly knowledge: VerdictKnowledge & { secondsToServe(): number };
  readonly lastUsed: Pick<LastUsed, 'noteGatewayKey'>;
}

/** @returns what tells whether credentials are a gateway's */
export function gatewayAuthentication(parts: GatewayAuthenticationParts): GatewayDoor {
  const { issuer, storage, reader, clients, knowledge, lastUsed } = parts;
  return {
    /** `typ` must be `at+jwt` and `aud` exactly the gateway's own API (RFC 9068 section 4). */
    async byToken(gateway, token, address) {
      knowledge.secondsToServe();
      const resource = gatewayResource(issuer, gateway.id);
      const read = await reader.read(token);
      const api = knowledge.apiByIdentifier(resource);
      if (read?.typ !== 'at+jwt' || read.claims.aud !== resource || api === undefined) return undefined;
      const { claims } = read;
      if (claims.client_id !== gateway.client_id) return undefined;
      const credential = { kind: 'access_token', claims } as const;
      const admitted = await admit(knowledge, { credential, isExpired: false }, { api, address }, Date.now());
      return admitted.admitted && admitted.scopes.length > 0 ? readTokenId(claims.jti)?.credential : undefined;
    },
    async bySecret(gateway, clientId, secret) {
      if (gateway.client_id === null || clientId !== gateway.client_id) return undefined;
      if ((await clients.introspectorBy(clientId, secret)) === undefined) return undefined;
      return await clients.matchSecret(clientId, secret);
    },
    async byKey(gateway, presented) {
      const id = recordIdOf('gwk', presented);
      const key = id === undefined ? undefined : await storage.get(gatewayKeys, id);
      if (key === undefined || key.gateway_id !== gateway.id || !isTokenOf(key, presented)) return undefined;
      lastUsed.noteGatewayKey(key.id, Date.now());
      return key.id;
    },
  };
}
