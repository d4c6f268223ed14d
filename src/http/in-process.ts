/**
 * Asks this very server as a client would, without a connection: nothing that is shown to the network is passed by. For
 * trying out what a client will find, where calling our own address might lead through proxies, or nowhere.
 */
import type { RequestListener } from 'node:http';
import inject from 'light-my-request';

export interface InProcessRequest {
  readonly method: string;
  /** Whole; only its path and query count. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

export interface InProcessAnswer {
  readonly status: number;
  readonly text: string;
}

export type AskInProcess = (request: InProcessRequest) => Promise<InProcessAnswer>;

/** Milliseconds. */
const PATIENCE_MS = 10_000;

/** @param listener what answers; asked for at the first request, since it is put together after who asks */
export function inProcess(listener: () => RequestListener): AskInProcess {
  let known: RequestListener | undefined;
  return async ({ method, url, headers, body }) => {
    known ??= listener();
    const { pathname, search } = new URL(url);
    const payload = body === undefined ? {} : { payload: body };
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await inject(known, { method, url: pathname + search, headers: { ...headers }, ...payload, signal });
    return { status: answer.statusCode, text: answer.payload };
  };
}
