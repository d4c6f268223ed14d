/** What a rule works with during one request: where it reads, where its writes go, and who asks. */
import type { Principal } from './access/principal.ts';
import type { Storage } from './store.ts';
import type { Unit } from './unit.ts';

export interface Work {
  readonly storage: Storage;
  readonly unit: Unit;
  readonly principal: Principal;
}
