/** What one request to an OAuth endpoint has found out so far, carried from hook to hook of the engine. */
import type { Grant } from '../domain/tokens/grants.ts';

export interface RequestState {
  /** The short id of the secret or key with which the client authenticated. */
  credential?: string;
  /** From where the request came, as far as proxies are believed. */
  address?: string | undefined;
  grant?: Grant;
  /** What the engine answered `server_error` to. */
  failure?: unknown;
}

/** @returns the state kept with a context, made at first use */
export function stateOfRequest(ctx: { state: { latchkey?: RequestState } }): RequestState {
  ctx.state.latchkey ??= {};
  return ctx.state.latchkey;
}
