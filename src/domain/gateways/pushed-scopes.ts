/**
 * A scope that a gateway has pushed into its API, beside the scope itself: what the gateway says of it, and which roles
 * were given it for that. A scope without such a record is the API owner's, and no gateway changes it.
 */
import { z } from 'zod';
import type { Api } from '../apis/apis.ts';
import { asApi } from '../apis/told-apis.ts';
import { asRoles } from '../apis/told-roles.ts';
import { recordShape, ScopeName } from '../record.ts';
import type { Storage, Table } from '../store.ts';
import type { Unit } from '../unit.ts';

export const PushedScope = z.object({
  ...recordShape,
  gateway_id: z.string(),
  api_id: z.string(),
  name: ScopeName,
  display_name: z.string(),
  /** Names of roles as the gateway sent them; most mean something to it alone. */
  bindings: z.array(z.string()),
  /** Of ours, which have the scope because of that. */
  role_ids: z.array(z.string()),
});
export type PushedScope = z.infer<typeof PushedScope>;

// The scope itself is no reference: an owner may take it away, and this goes with it.
export const pushedScopes: Table<PushedScope> = {
  name: 'pushed_scopes',
  unique: [['api_id', 'name']],
  indexes: ['gateway_id', 'api_id'],
  references: ({ gateway_id, api_id, role_ids }) => [gateway_id, api_id, ...role_ids],
  audit: {
    noun: 'pushed_scope',
    members: {
      gateway_id: 'shown',
      api_id: asApi,
      name: 'shown',
      display_name: 'shown',
      bindings: 'shown',
      role_ids: asRoles,
    },
  },
};

interface Forgetting {
  readonly storage: Storage;
  readonly unit: Unit;
}

/** Forgets who pushed the scopes that an API has no more. */
export async function forgetPushedScopes({ storage, unit }: Forgetting, { id, scopes }: Api): Promise<void> {
  for (const pushed of await storage.all(pushedScopes, { api_id: id })) {
    if (!scopes.some(({ name }) => name === pushed.name)) unit.remove(pushedScopes, pushed);
  }
}

/** Leaves what a gateway has pushed to the owners of these APIs; of all its APIs where none are named. */
export async function leavePushedScopes(
  { storage, unit }: Forgetting,
  gatewayId: string,
  isLeft: (apiId: string) => boolean = () => true,
): Promise<void> {
  for (const pushed of await storage.all(pushedScopes, { gateway_id: gatewayId })) {
    if (isLeft(pushed.api_id)) unit.remove(pushedScopes, pushed);
  }
}
