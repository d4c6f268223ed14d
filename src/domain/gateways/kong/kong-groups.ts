/**
 * A consumer's groups, by which Kong's acl plugin lets it through: `scope:<name>` and `role:<name>`. Kong asks neither
 * what a token was granted nor for which API it is, so a group says what the consumer holds, and where an API's scope could
 * be taken for another's, only what is true of both.
 */
import type { Api } from '../../apis/apis.ts';
import type { Holding } from '../../catalogue/holding.ts';

/**
 * @param permitted those of the gateway's APIs that the holder may use
 * @param apis all of them
 * @returns the groups, each once. `scope:<name>` where it is held at every one of the APIs that know the scope; of
 * several APIs also `scope:<name>@<identifier>`, which is true of that one alone
 */
export function groupsOf(
  { rights, roles }: Pick<Holding, 'rights' | 'roles'>,
  permitted: readonly Api[],
  apis: readonly Api[],
): string[] {
  const isHeldAt = (name: string, api: Api) => permitted.includes(api) && rights.get(api.id)?.has(name) === true;
  const groups = permitted.flatMap((api) =>
    api.scopes
      .map(({ name }) => name)
      .filter((name) => isHeldAt(name, api))
      .flatMap((name) => {
        const knowing = apis.filter(({ scopes }) => scopes.some((scope) => scope.name === name));
        return [
          ...(knowing.every((each) => isHeldAt(name, each)) ? [`scope:${name}`] : []),
          ...(apis.length > 1 ? [`scope:${name}@${api.identifier}`] : []),
        ];
      }),
  );
  return [...new Set([...groups, ...roles.map((name) => `role:${name}`)])];
}
