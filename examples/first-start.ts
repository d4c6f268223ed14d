/**
 * What the examples know of the server: the file that its first start wrote.
 *
 *   LATCHKEY_FIRST_START_FILE=first-start.json npm start
 *   node examples/verify-token.ts first-start.json
 */
import { readFileSync } from 'node:fs';

export interface Credentials {
  readonly client_id: string;
  readonly client_secret: string;
}

interface FirstStart {
  readonly issuer: string;
  readonly admin: Credentials & { readonly resource: string };
  readonly demo: Credentials & { readonly api: string };
}

/** @returns what the file says that the command line names */
export function firstStart(): FirstStart {
  const path = process.argv[2];
  if (path === undefined) throw new Error('Name the file that the first start wrote: LATCHKEY_FIRST_START_FILE.');
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** Posts a form to an OAuth endpoint as a client. @returns the answer's JSON, or undefined where it has none */
export async function post(url: string, { client_id, client_secret }: Credentials, form: Record<string, string>) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${client_id}:${client_secret}`)}` },
    body: new URLSearchParams(form),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
