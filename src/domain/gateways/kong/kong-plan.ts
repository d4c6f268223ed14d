/** What has to be done to a Kong so that it has what it should: nothing, where it has. */
import type { KongEntity } from './kong-entities.ts';

export interface KongChange {
  readonly action: 'create' | 'change' | 'delete';
  readonly entity: KongEntity;
}

/**
 * @param wanted what should be there
 * @param present what is there with our tags
 * @returns the changes in the order in which they are done: what goes makes room for what comes, and a consumer comes
 * before what belongs to it. What belongs to a consumer that goes, goes with it
 */
export function planKong(wanted: readonly KongEntity[], present: readonly KongEntity[]): KongChange[] {
  const wantedById = new Map(wanted.map((entity) => [keyOf(entity), entity]));
  const presentById = new Map(present.map((entity) => [keyOf(entity), entity]));
  const isSurplus = (entity: KongEntity) => {
    const meant = wantedById.get(keyOf(entity));
    if (meant?.consumer !== entity.consumer) return true;
    // A key of somebody else's making: it cannot be made ours, for nobody here knows ours.
    return entity.kind === 'key-auths' && !isSame(entity, meant);
  };
  const surplus = present.filter(isSurplus);
  const going = new Set(surplus.filter(({ kind }) => kind === 'consumers').map(({ id }) => id));
  const deletions = surplus.filter(({ consumer }) => consumer === null || !going.has(consumer));
  const rest = wanted.flatMap((entity): KongChange[] => {
    const before = presentById.get(keyOf(entity));
    if (before === undefined || isSurplus(before)) return entity.isOptional ? [] : [{ action: 'create', entity }];
    return isSame(before, entity) ? [] : [{ action: 'change', entity }];
  });
  return [
    ...deletions.map((entity) => ({ action: 'delete', entity }) as const),
    ...rest.filter(({ entity }) => entity.kind === 'consumers'),
    ...rest.filter(({ entity }) => entity.kind !== 'consumers'),
  ];
}

function keyOf({ kind, id }: KongEntity): string {
  return `${kind} ${id}`;
}

function isSame(one: KongEntity, other: KongEntity): boolean {
  const names = new Set([...Object.keys(one.members), ...Object.keys(other.members)]);
  const isMember = (name: string) => one.members[name] === other.members[name];
  return [...names].every(isMember) && one.tags.join() === other.tags.join();
}
