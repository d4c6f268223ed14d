/**
 * What a Kong should have as a declarative file: for decK, and for a Kong without a database. API keys are not in it:
 * Kong wants them in clear, and nobody but their holders has them.
 */
import { type KongEntity, tagsOf } from './kong-entities.ts';

export interface DeckFile {
  readonly _format_version: string;
  /** By these decK tells what is its to change and to delete; Kong itself takes no file that has this. */
  readonly _info?: { readonly select_tags: readonly string[] };
  readonly consumers: readonly object[];
}

/** @param wanted what the Kong of this gateway should have @param reader who reads it */
export function deckFile(gatewayId: string, wanted: readonly KongEntity[], reader: 'deck' | 'kong'): DeckFile {
  const belongings = Map.groupBy(wanted, ({ consumer }) => consumer ?? '');
  const withKey = new Set(wanted.filter(({ kind }) => kind === 'key-auths').map(({ consumer }) => consumer));
  const consumers = wanted.filter(({ kind, id }) => kind === 'consumers' && !withKey.has(id));
  return {
    _format_version: '3.0',
    ...(reader === 'deck' && { _info: { select_tags: tagsOf(gatewayId) } }),
    consumers: consumers.map((consumer) => {
      const its = belongings.get(consumer.id) ?? [];
      return {
        ...written(consumer),
        jwt_secrets: its
          .filter(({ kind, isOptional }) => kind === 'jwts' && !isOptional)
          .map((each) => ({ ...written(each), secret: 'unused' })),
        acls: its.filter(({ kind }) => kind === 'acls').map(written),
      };
    }),
  };
}

function written({ id, members, tags }: KongEntity): object {
  return { id, ...members, tags };
}
