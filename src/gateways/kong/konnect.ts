/**
 * The HTTP bridge of Konnect's Dev Portal for dynamic client registration (Kong/konnect-portal-dcr-handler, OpenAPI
 * 0.1.0): applications of the portal become clients; product versions that they register for become rights, by the
 * owner's map alone.
 */
import type { Dialect } from '../dialect.ts';
import { byApiKey } from '../gateway-credential.ts';

export const konnect: Dialect = {
  challenge: () => 'ApiKey',
  authenticate: byApiKey,
  serve: async () => undefined,
};
