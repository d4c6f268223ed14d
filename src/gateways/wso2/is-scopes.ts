/**
 * Scope management of the `WSO2-IS` connector (carbon-apimgt, `ScopeClient`), which takes exactly these statuses: 201 for a
 * new scope, 200 for all else, also for one that was deleted, and 404 for one that is not there.
 */
import { z } from 'zod';
import { gatewayAuthor } from '../../domain/audit/author.ts';
import { DomainError, invalid, notFound } from '../../domain/errors.ts';
import { gateways } from '../../domain/gateways/gateways.ts';
import {
  changePushedScope,
  pushScope,
  readScopes,
  removePushedScope,
  ScopeSaying,
} from '../../domain/gateways/pushed-scope-changes.ts';
import type { Unit } from '../../domain/unit.ts';
import { untilCommitted } from '../../http/attempts.ts';
import { parseJson } from '../../http/json-body.ts';
import { oauthErrorOf } from '../../http/oauth-error.ts';
import { checkBody, together } from '../../http/validation.ts';
import type { DialectAnswer, DialectCall, DialectParts } from '../dialect.ts';

const { name, display_name, description, bindings } = ScopeSaying.shape;

/** Lists of no roles are left out. */
const Scope = z.object({
  name,
  displayName: display_name.nullish(),
  description: description.nullish(),
  bindings: bindings.nullish(),
});

/** Answers what is below the endpoint of scopes. @returns undefined for what is not known there */
export async function serveScopes(parts: DialectParts, call: DialectCall): Promise<DialectAnswer | undefined> {
  try {
    return await served(parts, call);
  } catch (error) {
    // Registration has no such status (RFC 7591 section 3.2.2); here it is what the connector looks for.
    if (!(error instanceof DomainError) || error.kind !== 'conflict') throw error;
    return { status: 409, body: { error: 'conflict', error_description: oauthErrorOf(error).description } };
  }
}

async function served(parts: DialectParts, call: DialectCall): Promise<DialectAnswer | undefined> {
  const { method, gateway } = call;
  const [, below, scope, ...more] = call.steps;
  if (below === undefined) {
    if (method === 'GET') return { status: 200, body: (await readScopes(parts.storage, gateway)).map(written) };
    return method === 'POST' ? await push(parts, call) : undefined;
  }
  if (below !== 'name' || scope === undefined || more.length > 0) return undefined;
  if (method === 'GET' || method === 'HEAD') return { status: 200, body: await shownScope(parts, call, scope) };
  if (method === 'PUT') return await replace(parts, call, scope);
  if (method !== 'DELETE') return undefined;
  const gone = await shownScope(parts, call, scope);
  await within(parts, call, (unit, current) => removePushedScope({ ...parts, unit }, current, scope));
  return { status: 200, body: gone };
}

async function push(parts: DialectParts, call: DialectCall): Promise<DialectAnswer> {
  const saying = readScope(call.body);
  await within(parts, call, (unit, current) => pushScope({ ...parts, unit }, current, saying));
  return { status: 201, body: written(saying) };
}

/** The connector leaves out the name, which is in the path. */
async function replace(parts: DialectParts, call: DialectCall, scope: string): Promise<DialectAnswer> {
  await shownScope(parts, call, scope);
  const saying = readScope(call.body, scope);
  await within(parts, call, (unit, current) => changePushedScope({ ...parts, unit }, current, saying));
  return { status: 200, body: written(saying) };
}

/** Commits what is decided on the gateway as it is then. */
async function within(
  parts: DialectParts,
  { gateway: { id }, address }: DialectCall,
  change: (unit: Unit, gateway: DialectCall['gateway']) => Promise<void>,
): Promise<void> {
  await untilCommitted(parts, gatewayAuthor(id, address), async (unit) => {
    const current = await parts.storage.get(gateways, id);
    if (current?.enabled !== true) throw notFound('gateway');
    await change(unit, current);
  });
}

async function shownScope({ storage }: DialectParts, { gateway }: DialectCall, scope: string): Promise<object> {
  const found = (await readScopes(storage, gateway)).find((each) => each.name === scope);
  if (found === undefined) throw notFound('scope');
  return written(found);
}

/** @param known the name that the path has @throws DomainError `invalid` */
function readScope(body: Buffer, known?: string): ScopeSaying {
  const json = parseJson(body);
  const named = known !== undefined && isObject(json.value) ? { ...json.value, name: known } : json.value;
  const { value, mistakes } = checkBody(Scope, named);
  const all = together(json.mistakes, mistakes);
  if (all.length > 0) throw invalid(all);
  const scope = value as z.output<typeof Scope>;
  return {
    name: scope.name,
    display_name: scope.displayName || scope.name,
    description: scope.description ?? '',
    bindings: scope.bindings ?? [],
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function written({ display_name: displayName, ...scope }: ScopeSaying): object {
  return { name: scope.name, displayName, description: scope.description, bindings: scope.bindings };
}
