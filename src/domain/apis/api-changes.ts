/** What may be done with APIs. */
import { z } from 'zod';
import { DomainError, invalid, type Mistake } from '../errors.ts';
import { followApiScopes } from '../gateways/gateway-rights.ts';
import { forgetPushedScopes } from '../gateways/pushed-scopes.ts';
import { newId } from '../ids.ts';
import { changesNothing, definedIn } from '../merge.ts';
import { coverLifetime } from '../signing-keys/signing-keys.ts';
import type { Unit } from '../unit.ts';
import type { Work } from '../work.ts';
import { identifierMistakes } from './api-identifiers.ts';
import { Api, ApiScope, apis, type SigningAlgorithm, scopeReference } from './apis.ts';

/** Makes sure that tokens of a lifetime can be signed with an algorithm. */
export interface KeySupply {
  ensure(unit: Unit, algorithm: SigningAlgorithm, lifetimeSeconds: number): Promise<void>;
}

/** What the rules about APIs need to know of the installation. */
export interface ApiSurroundings {
  readonly issuer: string;
  readonly keyring: KeySupply;
}

const SCOPES_MAX = 500;

const { shape } = Api;
const scopes = z.array(z.strictObject(ApiScope.shape)).max(SCOPES_MAX);
const resources = z.array(z.strictObject(shape.resources.element.shape)).max(1000);

const writable = {
  name: shape.name,
  scopes,
  signing_algorithm: shape.signing_algorithm,
  token_format: shape.token_format,
  token_type_header: shape.token_type_header,
  token_lifetime_seconds: shape.token_lifetime_seconds,
  environments: shape.environments,
  resources,
  allow_no_scope: shape.allow_no_scope,
  enabled: shape.enabled,
};

/** What an API is made from. */
export const ApiDraft = z
  .strictObject({
    ...writable,
    identifier: z.string().min(1).max(255).meta({ description: 'The audience of its tokens: an absolute URI.' }),
    scopes: scopes.default([]),
    signing_algorithm: shape.signing_algorithm.default('RS256'),
    token_format: shape.token_format.default('jwt'),
    token_type_header: shape.token_type_header.default('at+jwt'),
    token_lifetime_seconds: shape.token_lifetime_seconds.default(3600),
    environments: shape.environments.default(null),
    resources: resources.default([]),
    allow_no_scope: z.boolean().default(false),
    enabled: z.boolean().default(true),
  })
  .meta({
    id: 'ApiDraft',
    example: {
      identifier: 'https://api.example.com/orders',
      name: 'Orders',
      scopes: [{ name: 'orders:read', description: 'Read orders', access: 'read' }],
    },
  });
export type ApiDraft = z.output<typeof ApiDraft>;

/** What of an API may be changed. */
export const ApiChanges = z
  .strictObject(writable)
  .partial()
  .meta({ id: 'ApiChanges', example: { token_lifetime_seconds: 900 } });
export type ApiChanges = z.output<typeof ApiChanges>;

/** @returns what is wrong with these members, beyond what their schemas say @param issuer as clients see it */
export function apiMistakes(
  { identifier, ...others }: ApiChanges & { identifier?: string | undefined },
  issuer: string,
): Mistake[] {
  return [...(identifier === undefined ? [] : identifierMistakes(identifier, issuer)), ...repetitions(others)];
}

/** @throws DomainError `invalid`, and at the commit `conflict` for an identifier that is taken */
export async function createApi(work: Work, surroundings: ApiSurroundings, draft: ApiDraft): Promise<Api> {
  refuse(apiMistakes(draft, surroundings.issuer));
  await supplyKeys(work, surroundings.keyring, draft);
  return work.unit.insert(apis, { id: newId('api'), ...draft, built_in: false });
}

/** @throws DomainError `forbidden` for the admin API; at the commit `conflict` for a scope that is still in use */
export async function changeApi(
  work: Work,
  { keyring, issuer }: ApiSurroundings,
  before: Api,
  changes: ApiChanges,
): Promise<Api> {
  const patch = definedIn(changes);
  if (changesNothing(before, patch)) return before;
  refuseBuiltIn(before);
  refuse(apiMistakes(changes, issuer));
  const after = { ...before, ...patch };
  if (changes.signing_algorithm !== undefined || changes.token_lifetime_seconds !== undefined) {
    await supplyKeys(work, keyring, after);
  }
  if (changes.scopes !== undefined) {
    await followApiScopes(work, after);
    await forgetPushedScopes(work, after);
  }
  return work.unit.replace(apis, before, patch, { released: releasedBy(before, after) });
}

/**
 * Gives an API other scopes, by whoever may by its own rules; the roles of gateways follow.
 * @throws DomainError `forbidden` for what is built in; `conflict` for too many, and at the commit for one that is in use
 */
export async function changeScopes(
  work: Pick<Work, 'storage' | 'unit'>,
  before: Api,
  changed: Api['scopes'],
): Promise<void> {
  refuseBuiltIn(before);
  if (changed.length > SCOPES_MAX) throw new DomainError('conflict', `The API has ${SCOPES_MAX} scopes already.`);
  const after = { ...before, scopes: changed };
  await followApiScopes(work, after);
  work.unit.replace(apis, before, { scopes: changed }, { released: releasedBy(before, after) });
}

function releasedBy(before: Api, after: Api): string[] {
  const kept = new Set(after.scopes.map(({ name }) => name));
  return before.scopes.flatMap(({ name }) => (kept.has(name) ? [] : scopeReference(before.id, name)));
}

/** @throws DomainError `forbidden` for the admin API; at the commit `conflict` while something refers to it */
export function removeApi({ unit }: Work, api: Api): void {
  refuseBuiltIn(api);
  unit.remove(apis, api);
}

async function supplyKeys(
  { storage, unit }: Work,
  keyring: KeySupply,
  { signing_algorithm, token_lifetime_seconds }: Pick<Api, 'signing_algorithm' | 'token_lifetime_seconds'>,
): Promise<void> {
  await coverLifetime(storage, unit, token_lifetime_seconds);
  await keyring.ensure(unit, signing_algorithm, token_lifetime_seconds);
}

function refuseBuiltIn({ built_in }: Api): void {
  if (built_in) throw new DomainError('forbidden', 'This API is part of Latchkey: it is read-only.');
}

function repetitions({ scopes = [], resources = [], environments }: ApiChanges): Mistake[] {
  return [
    ...repeated(
      scopes.map(({ name }) => name),
      (index) => `/scopes/${index}/name`,
    ),
    ...repeated(
      resources.map(({ id }) => id),
      (index) => `/resources/${index}/id`,
    ),
    ...repeated(environments ?? [], (index) => `/environments/${index}`),
  ];
}

function repeated(names: readonly string[], at: (index: number) => string): Mistake[] {
  return names.flatMap((name, index) =>
    names.indexOf(name) < index ? [{ pointer: at(index), detail: 'is a repetition' }] : [],
  );
}

function refuse(mistakes: readonly Mistake[]): void {
  if (mistakes.length > 0) throw invalid(mistakes);
}
