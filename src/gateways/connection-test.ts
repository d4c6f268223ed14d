/**
 * Tries a gateway's connection out: goes through what it will do, step by step, against this very server, by credentials
 * that are lent for that. What fails says what to do; what was made is removed again whatever happens.
 */
import { randomBytes } from 'node:crypto';
import type { Principal } from '../domain/access/principal.ts';
import { apis } from '../domain/apis/apis.ts';
import { authorOf } from '../domain/audit/author.ts';
import type { SecretMint } from '../domain/clients/client-secret-changes.ts';
import { DomainError } from '../domain/errors.ts';
import {
  type ConnectionTest,
  clearAway,
  type GatewayEndpoints,
  type Lent,
  lendCredentials,
  TEST_NAME,
  type TestedStep,
} from '../domain/gateways/connection-tests.ts';
import { mintCredentials } from '../domain/gateways/gateway-credential-changes.ts';
import type { Gateway } from '../domain/gateways/gateways.ts';
import type { Sealer } from '../domain/installation/sealing.ts';
import type { Storage } from '../domain/store.ts';
import type { ChangeObserver } from '../domain/unit.ts';
import { untilCommitted } from '../http/attempts.ts';
import type { AskInProcess } from '../http/in-process.ts';
import { OutgoingError, type OutgoingFetch } from '../http/outgoing.ts';
import { Rehearsal, Setback } from './connection-test-rehearsal.ts';
import { STEPS } from './connection-test-steps.ts';

export interface ConnectionTestParts {
  readonly issuer: string;
  readonly storage: Storage;
  readonly observer: ChangeObserver;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly secrets: SecretMint;
  readonly ask: AskInProcess;
  /** Without memory of failures: who tries again wants to know anew. */
  readonly fetch: OutgoingFetch;
  readonly onError: (error: unknown) => void;
}

/** Who has it tested, from where. */
export interface Tester {
  readonly principal: Principal;
  readonly address: string | undefined;
}

export type TestConnection = (gateway: Gateway, endpoints: GatewayEndpoints, tester: Tester) => Promise<ConnectionTest>;

/** @returns what tries connections out */
export function connectionTester(parts: ConnectionTestParts): TestConnection {
  const { storage, secrets } = parts;
  return async function testConnection(gateway, endpoints, tester) {
    if (!gateway.enabled) {
      return outcome([{ name: 'enabled', ok: false, detail: 'The gateway is disabled, and not served: enable it.' }]);
    }
    const { principal } = tester;
    const author = authorOf(principal, tester.address);
    const minted = await mintCredentials(secrets, gateway.type, gateway);
    const lent = await untilCommitted(parts, author, async (unit) => {
      return await lendCredentials({ storage, unit, principal }, gateway, minted);
    });
    const apisOfIt = (await storage.getMany(apis, gateway.api_ids)).map(({ identifier }) => identifier);
    const clientName = `${TEST_NAME} ${randomBytes(4).toString('hex')}`;
    const credentials = {
      client: minted.client && { client_id: minted.client.id, client_secret: minted.client.minted.secret },
      key: minted.key?.token,
    };
    const steps: TestedStep[] = [];
    try {
      await rehearse(
        parts,
        new Rehearsal(parts, { gateway, endpoints, apis: apisOfIt, credentials, clientName }),
        steps,
      );
    } finally {
      const left = await clear(parts, author, gateway, lent, clientName);
      if (left) steps.push(left);
    }
    return outcome(steps);
  };
}

function outcome(steps: readonly TestedStep[]): ConnectionTest {
  return { ok: steps.every(({ ok }) => ok), steps };
}

/** Up to the first that fails: those after it stand on it. */
async function rehearse({ onError }: ConnectionTestParts, rehearsal: Rehearsal, steps: TestedStep[]): Promise<void> {
  for (const { name, run } of STEPS[rehearsal.gateway.type](rehearsal.gateway)) {
    try {
      steps.push({ name, ok: true, detail: await run(rehearsal) });
    } catch (error) {
      if (!(error instanceof Setback)) onError(error);
      steps.push({ name, ok: false, detail: detailOf(error) });
      return;
    }
  }
}

function detailOf(error: unknown): string {
  if (error instanceof Setback || error instanceof DomainError) return error.message;
  if (error instanceof OutgoingError) return `It was not reached: ${error.message}.`;
  return 'Something went wrong in Latchkey itself: its log says what.';
}

/** @returns what to say where something of it could not be removed */
async function clear(
  parts: ConnectionTestParts,
  author: ReturnType<typeof authorOf>,
  gateway: Gateway,
  lent: Lent,
  clientName: string,
): Promise<TestedStep | undefined> {
  try {
    await untilCommitted(parts, author, async (unit) => {
      await clearAway({ ...parts, unit }, gateway, lent, clientName);
    });
    return undefined;
  } catch (error) {
    parts.onError(error);
    const detail = `What the test made could not be removed: delete the credentials and the client that are called ${TEST_NAME}.`;
    return { name: 'clear away', ok: false, detail };
  }
}
