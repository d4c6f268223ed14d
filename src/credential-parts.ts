/** Puts together what issues tokens, and what reads and judges whatever callers prove themselves with. */
import { adminScopesByReach } from './admin-api/scopes.ts';
import { adminAuthentication } from './authorization-server/admin-authentication.ts';
import { Artifacts } from './authorization-server/artifacts.ts';
import { ClientJwtReader } from './authorization-server/client-jwt-reader.ts';
import { EngineClients } from './authorization-server/clients.ts';
import { credentialReader } from './authorization-server/credential-reader.ts';
import { createEngine } from './authorization-server/engine.ts';
import { gatewayAuthentication } from './authorization-server/gateway-authentication.ts';
import { Keys } from './authorization-server/keys.ts';
import { tokenIssuer } from './authorization-server/token-issue.ts';
import { TokenReader } from './authorization-server/token-reader.ts';
import type { Config } from './config.ts';
import { adminResource } from './domain/apis/admin-api-record.ts';
import type { Catalogue } from './domain/catalogue/catalogue.ts';
import type { LastUsed } from './domain/clients/last-used.ts';
import { SecretSettling } from './domain/clients/secret-settling.ts';
import type { Secrets } from './domain/clients/secrets.ts';
import type { Sealer } from './domain/installation/sealing.ts';
import type { Limiter } from './domain/limits/limiter.ts';
import type { SigningKeyring } from './domain/signing-keys/signing-key-rotation.ts';
import type { Storage } from './domain/store.ts';
import { useOnce } from './domain/tokens/replays.ts';
import type { UsageCounter } from './domain/usage/usage-counter.ts';
import { Verdicts } from './domain/verdicts/verdicts.ts';
import { createOutgoing } from './http/outgoing.ts';
import type { Logger } from './observability/logger.ts';
import type { Metrics } from './observability/metrics.ts';

export interface CredentialSurroundings {
  readonly config: Config;
  readonly storage: Storage;
  readonly sealer: Sealer;
  readonly keyring: SigningKeyring;
  readonly catalogue: Catalogue;
  readonly secrets: Secrets;
  readonly lastUsed: LastUsed;
  readonly limiter: Limiter;
  readonly usage: UsageCounter;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly onError: (error: unknown) => void;
}

/** @returns what the surfaces ask; `keys` is to be closed and `settling` waited for at the end */
export function credentialParts(parts: CredentialSurroundings) {
  const { config, storage, sealer, keyring, catalogue, secrets, lastUsed, limiter, usage, metrics, logger } = parts;
  const { onError } = parts;
  const { issuer } = config;
  const keys = new Keys(catalogue, keyring, onError);
  const artifactsOf = (model: string) => new Artifacts(storage, sealer, model);
  const opaque = artifactsOf('ClientCredentials');
  const reader = new TokenReader(issuer, keys, opaque);
  const clientJwts = new ClientJwtReader({ lookup: catalogue, sealer, onError });
  const credentials = credentialReader({ knowledge: catalogue, tokens: reader, clientJwts });
  const verdicts = new Verdicts({
    reader: credentials,
    knowledge: catalogue,
    limits: limiter,
    async useOnce(names, exp) {
      catalogue.demandStore();
      return await useOnce(storage, names, exp);
    },
    onKeyUsed: (keyId, at) => lastUsed.noteKey(keyId, at),
    onVerdict(outcome, bearer, api) {
      metrics.judged(outcome);
      usage.count('verdict', outcome, bearer, api);
    },
  });
  const settling = new SecretSettling({ storage, secrets, onError });
  const engineClients = new EngineClients(catalogue, secrets, lastUsed, settling);
  const engine = createEngine({
    issuer,
    keys,
    clients: engineClients,
    lookup: catalogue,
    artifactsOf,
    secondsToServe: () => catalogue.secondsToServe(),
    async useAssertion(clientId, jti, exp) {
      catalogue.demandStore();
      return await useOnce(storage, ['assertion', clientId, jti], exp);
    },
    limits: limiter,
    onChurn: (client_id, isRefused) => logger.warn({ event: 'token.churn', client_id, refused: isRefused }),
    fetch: createOutgoing({ allow: config.outgoingAllow }),
  });

  const authenticate = adminAuthentication({
    reader,
    storage,
    knowledge: catalogue,
    resource: adminResource(issuer),
    scopesByReach: adminScopesByReach(),
    limits: limiter,
    onKeyUsed: (keyId, at) => lastUsed.noteKey(keyId, at),
  });
  const issueToken = tokenIssuer({
    issuer,
    keys,
    knowledge: catalogue,
    opaque,
    onIssued: ({ standing, api }) => usage.count('token', 'issued', standing, api.identifier),
  });

  const gatewayDoor = gatewayAuthentication({
    issuer,
    storage,
    reader,
    clients: engineClients,
    knowledge: catalogue,
    lastUsed,
  });

  return {
    keys,
    gatewayDoor,
    settling,
    engine,
    credentials,
    verdicts,
    authenticate,
    issueToken,
    introspectorBy: (clientId: string, secret: string) => engineClients.introspectorBy(clientId, secret),
  };
}
