/**
 * The HTTP bridge of Konnect's Dev Portal for dynamic client registration (Kong/konnect-portal-dcr-handler, OpenAPI
 * 0.1.0): applications of the portal become clients; product versions that they register for become rights, by the
 * owner's map alone.
 */
import type { Dialect, DialectAnswer, DialectCall, DialectParts } from '../dialect.ts';
import { byApiKey } from '../gateway-credential.ts';
import {
  addSecret,
  createApplication,
  deleteApplication,
  deleteSecret,
  listSecrets,
  newSecret,
} from './konnect-clients.ts';
import { takeEvent } from './konnect-events.ts';

export const konnect: Dialect = {
  challenge: () => 'ApiKey',
  authenticate: byApiKey,
  async serve(parts, call) {
    const [id, ...rest] = withoutSlashes(call.steps);
    if (id === undefined) return call.method === 'POST' ? await createApplication(parts, call) : undefined;
    return await ANSWERS[`${call.method} /${shapeOf(rest)}`]?.(parts, call, id, rest[1] ?? '');
  },
};

type Answerer = (parts: DialectParts, call: DialectCall, clientId: string, secretId: string) => Promise<DialectAnswer>;

/** By the method and what follows the client's id. */
const ANSWERS: Readonly<Record<string, Answerer>> = {
  'DELETE /': deleteApplication,
  'POST /new-secret': newSecret,
  'POST /event-hook': takeEvent,
  'GET /secrets': listSecrets,
  'POST /secrets': addSecret,
  'DELETE /secrets/*': deleteSecret,
};

function shapeOf(rest: readonly string[]): string {
  return rest[0] === 'secrets' && rest.length === 2 ? 'secrets/*' : rest.join('/');
}

/** However the base URL was written: with a slash at its end, Konnect's paths have one at their beginning. */
function withoutSlashes(steps: readonly string[]): readonly string[] {
  const begun = steps[0] === '' ? steps.slice(1) : steps;
  return begun.at(-1) === '' ? begun.slice(0, -1) : begun;
}
