/** What was refused, in the audit trail: each call of who is known, and the sum of a source's by minute of who is not. */
import type { Principal } from '../access/principal.ts';
import type { Storage } from '../store.ts';
import { type ChangeObserver, Unit } from '../unit.ts';
import { authorOf, systemAuthor } from './author.ts';

/** A call that was refused for want of rights. */
export interface RefusedCall {
  readonly principal: Principal;
  readonly address: string | undefined;
  /** By its id. */
  readonly operation: string;
  readonly method: string;
  readonly path: string;
  readonly reason: string;
  /** Whether he was told that there is no such thing: then the entry must not tell him otherwise. */
  readonly isConcealed: boolean;
  readonly detail: string;
}

const PATH_MAX = 500;

/** Writes what was refused, before the caller is told. */
export async function recordRefusedCall(storage: Storage, observer: ChangeObserver, call: RefusedCall): Promise<void> {
  const { principal, address, operation, method, path, reason, isConcealed, detail } = call;
  const unit = new Unit({ author: authorOf(principal, address) });
  unit.note({
    action: 'call.refused',
    target: { type: 'operation', id: operation },
    belongs_to: principal.kind === 'member' && !isConcealed ? principal.member_id : null,
    details: { method, path: path.slice(0, PATH_MAX), reason, detail },
  });
  await unit.commit(storage, observer);
}

/** How often a source was refused for a missing or bad credential. */
export interface RefusedSource {
  readonly source: string;
  readonly surfaces: Readonly<Record<string, number>>;
}

/** Writes a minute's refusals of callers who have shown no good credential. */
export async function recordRefusedSources(
  storage: Storage,
  observer: ChangeObserver,
  sources: readonly RefusedSource[],
): Promise<void> {
  const unit = new Unit({ author: systemAuthor('refusals') });
  for (const { source, surfaces } of sources) {
    unit.note({ action: 'credential.refused', target: { type: 'source', id: source }, details: { ...surfaces } });
  }
  await unit.commit(storage, observer);
}
