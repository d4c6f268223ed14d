/** How the OpenAPI document says who may call an operation, and by which credential. */
import type { Reach } from '../domain/access/reach.ts';
import type { ApiDescription } from './openapi.ts';
import type { Operation } from './operation.ts';

const REACH_TEXTS: Readonly<Record<Reach, string>> = {
  developer: 'For all members, each on what he owns.',
  developer_in_person: 'For members who are signed in, each on what he owns, and for keys of platform owners.',
  platform_owner: 'For platform owners.',
  in_person: 'For platform owners who are signed in; no personal key reaches it.',
};

/** @returns the three kinds of credential */
export function securitySchemes({
  issuer,
  prefix,
  scopes,
  cookie,
}: Pick<ApiDescription, 'issuer' | 'prefix' | 'scopes' | 'cookie'>) {
  return {
    oauth2: {
      type: 'oauth2',
      description: `A token for the resource ${issuer}${prefix}.`,
      flows: { clientCredentials: { tokenUrl: `${issuer}/oauth2/token`, scopes: { ...scopes } } },
    },
    api_key: {
      type: 'apiKey',
      in: 'header',
      name: 'x-api-key',
      description: 'A personal API key made for the admin API.',
    },
    session: {
      type: 'apiKey',
      in: 'cookie',
      name: cookie,
      description: 'Who is signed in. Writes need the same `Origin` and the session’s `csrf_token` as `X-CSRF-Token`.',
    },
  } as const;
}

/** @returns who may call it, in words */
export function accessText<Services>({ scope, session, reach = 'developer' }: Operation<Services>): string {
  if (scope === null) return session ? 'For members who are signed in.' : 'Needs no credential.';
  return `Needs the scope \`${scope}\`. ${REACH_TEXTS[reach]}`;
}

/** @returns which credentials open it, and how far it reaches among members */
export function accessOf<Services>({ scope, session, reach = 'developer' }: Operation<Services>) {
  if (scope === null) return { security: session ? [{ session: [] }] : [] };
  const byKey = reach === 'in_person' ? [] : [{ api_key: [] }];
  return { security: [{ oauth2: [scope] }, ...byKey, { session: [] }], 'x-latchkey-reach': reach };
}
