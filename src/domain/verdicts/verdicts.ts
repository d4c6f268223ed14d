/** One verdict for every credential: what a gateway that asks about one is told. */
import type { Limits } from '../limits/limits.ts';
import { CLOCK_TOLERANCE_SECONDS } from '../tokens/revocations.ts';
import { type Admitted, admit, type Place, type Reason, type VerdictKnowledge } from './admission.ts';
import { type Bearer, bearerOf } from './bearer.ts';
import type { Credential, CredentialReader, ReadCredential } from './credentials.ts';

/** What a gateway demands of a credential. */
export interface Demand extends Place {
  /** All of them. */
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  /** The API's thing that is called for; undefined where the gateway looks at the verdict's `resources` itself. */
  readonly resource: string | undefined;
}

export type Verdict =
  | { readonly allowed: true; readonly admitted: Admitted }
  | { readonly allowed: false; readonly reason: Reason; readonly retry_after_seconds?: number };

export interface VerdictParts {
  readonly reader: CredentialReader;
  readonly knowledge: VerdictKnowledge;
  readonly limits: Limits;
  /** Uses a client-signed JWT up. @returns whether this was the first time @throws DomainError `unavailable` */
  readonly useOnce: (parts: readonly string[], exp: number) => Promise<boolean>;
  /** Told of each use of an API key. */
  readonly onKeyUsed: (keyId: string, at: number) => void;
  /**
   * Told of each verdict, also those without a judgement.
   * @param bearer whose credential it was, where that is known
   * @param api its identifier; null where the caller may not ask about it, or there is none
   */
  readonly onVerdict: (outcome: 'allowed' | Reason, bearer: Bearer | undefined, api: string | null) => void;
}

export class Verdicts {
  readonly #parts: VerdictParts;

  constructor(parts: VerdictParts) {
    this.#parts = parts;
  }

  /**
   * Judges what a gateway was handed, and counts it where it is allowed.
   * @throws DomainError `unavailable` where what has to be written or counted cannot be
   */
  async judge(presented: string, demand: Demand): Promise<Verdict> {
    const read = await this.#parts.reader.read(presented);
    const verdict = await this.#judge(read, demand);
    const api = demand.api.identifier;
    if (verdict.allowed) this.#parts.onVerdict('allowed', verdict.admitted.holding, api);
    else this.#parts.onVerdict(verdict.reason, await this.#bearerOf(read), api);
    return verdict;
  }

  /** @returns the one verdict about an API that is not there, and about one that is none of the caller's business */
  ofNoApi(): Verdict {
    this.#parts.onVerdict('wrong_api', undefined, null);
    return { allowed: false, reason: 'wrong_api' };
  }

  async #judge(read: ReadCredential, demand: Demand): Promise<Verdict> {
    if (read.outcome === 'invalid') return { allowed: false, reason: 'invalid' };
    const now = Date.now();
    const presented = { credential: read.credential, isExpired: read.outcome === 'expired' };
    const admitted = await admit(this.#parts.knowledge, presented, demand, now);
    if (!admitted.admitted) return { allowed: false, reason: admitted.reason };
    if (!meets(admitted, demand)) return { allowed: false, reason: 'insufficient_scope' };
    if (!(await this.isFirstUse(admitted))) return { allowed: false, reason: 'invalid' };
    if (admitted.policies.length > 0) {
      const counted = this.#parts.limits.admit(admitted.holding.id, admitted.policies);
      const admission = counted instanceof Promise ? await counted : counted;
      if (!admission.admitted) {
        return { allowed: false, reason: 'rate_limited', retry_after_seconds: admission.retry_after_seconds };
      }
    }
    if (admitted.credential.kind === 'api_key') this.#parts.onKeyUsed(admitted.holding.id, now);
    return { allowed: true, admitted };
  }

  async #bearerOf(read: ReadCredential): Promise<Bearer | undefined> {
    return read.outcome === 'invalid' ? undefined : await bearerOf(this.#parts.knowledge, read.credential);
  }

  /** Uses up what is good for one use. @returns whether it was not yet @throws DomainError `unavailable` */
  async isFirstUse({ credential, holding }: Admitted): Promise<boolean> {
    const authentication = holding.profile?.record.authentication;
    if (credential.kind !== 'client_jwt' || authentication?.method !== 'jwt' || !authentication.single_use) return true;
    // The reader demands a jti of those; one without could be used again and again.
    if (credential.jti === null) return false;
    const parts = ['client_jwt', credential.client_id, credential.jti];
    return await this.#parts.useOnce(parts, credential.exp + CLOCK_TOLERANCE_SECONDS);
  }
}

function meets({ scopes, roles, credential }: Admitted, demand: Demand): boolean {
  if (!demand.scopes.every((scope) => scopes.includes(scope))) return false;
  if (!demand.roles.every((role) => roles.includes(role))) return false;
  const resources = resourcesOf(credential);
  return demand.resource === undefined || resources === null || resources.includes(demand.resource);
}

/** @returns the things of the API that a credential is restricted to; null for any */
export function resourcesOf(credential: Credential): readonly string[] | null {
  return credential.kind === 'api_key' ? credential.standing.key.resources : null;
}
