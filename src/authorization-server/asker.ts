/** Who is behind a request to an OAuth endpoint, and for which API it was, as far as the engine has found that out. */
import type { Context } from 'koa';
import type { Api } from '../domain/apis/apis.ts';
import type { Standing } from '../domain/catalogue/standing.ts';
import { stateOfRequest } from './request-state.ts';

export interface Asker {
  /** The client that was named, also where it could not prove to be it; undefined for one that nobody knows. */
  readonly bearer: Standing | undefined;
  /** The identifier of the API that was granted or, by who has proved himself, asked for. */
  readonly api: string | null;
}

interface Lookup {
  standing(clientId: string): Promise<Standing | undefined>;
  apiByIdentifier(identifier: string): Api | undefined;
}

/** @returns what is known behind the engine, to be counted: it never fails */
export async function askerOf(lookup: Lookup, ctx: Context): Promise<Asker> {
  const { grant, credential } = stateOfRequest(ctx);
  if (grant !== undefined) return { bearer: grant.standing, api: grant.api.identifier };
  // The engine has put it there, if it came that far; its types know it only within its own hooks.
  const { oidc } = ctx as unknown as { oidc?: { client?: { clientId: string }; params?: { resource?: unknown } } };
  const clientId = oidc?.client?.clientId;
  const bearer = clientId === undefined ? undefined : await lookup.standing(clientId).catch(() => undefined);
  const resource = oidc?.params?.resource;
  // Strangers could make records for each API with each client that they know by name.
  const isProved = credential !== undefined && typeof resource === 'string';
  return { bearer, api: (isProved && lookup.apiByIdentifier(resource)?.identifier) || null };
}
