/** Sends imports to a running server, and reads what it tells of each line. */
import type { Answer, Running } from '../support/running.ts';
import { send } from '../support/running.ts';

export interface Imported {
  readonly answer: Answer;
  // biome-ignore lint/suspicious/noExplicitAny: reports are of several shapes
  readonly reports: any[];
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  readonly summary: any;
}

/** @returns the bearer of the administrator */
export async function adminToken(server: Running): Promise<string> {
  return (await server.token(server.admin, { resource: server.admin.resource })).body.access_token;
}

/** Sends rows as NDJSON; a string goes as it is. */
export async function importRows(
  server: Running,
  rows: readonly (object | string)[],
  query = '',
  headers: Record<string, string> = {},
): Promise<Imported> {
  const body = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n');
  return await importBody(server, body, query, { 'content-type': 'application/x-ndjson', ...headers });
}

/** Sends another product's export. */
export async function importExport(server: Running, format: string, body: unknown, query = ''): Promise<Imported> {
  const headers = { 'content-type': 'application/json' };
  return await importBody(server, JSON.stringify(body), `?format=${format}${query}`, headers);
}

async function importBody(server: Running, body: string, query: string, headers: Record<string, string>) {
  const authorization = headers['authorization'] ?? `Bearer ${await adminToken(server)}`;
  const url = `${server.issuer}/admin/v1/imports${query}`;
  return read(await send(url, { method: 'POST', headers: { ...headers, authorization }, body }));
}

function read(answer: Answer): Imported {
  if (answer.status !== 200) return { answer, reports: [], summary: undefined };
  const lines = answer.text.trimEnd().split('\n');
  const reports = lines.map((line) => JSON.parse(line));
  return { answer, reports: reports.slice(0, -1), summary: reports.at(-1)?.summary };
}

/** A row of a client, with whatever else is given. */
export function clientRow(client_id: string, more: object = {}) {
  return {
    kind: 'client',
    application: 'Brought along',
    environment: 'production',
    client_id,
    client_secret_hash: QUICK_HASH,
    ...more,
  };
}

/** `quick-secret-of-30-characters`, under SHA-256 without salt: made as fast as it is compared. */
export const QUICK_SECRET = 'quick-secret-of-30-characters!';
export const QUICK_HASH = `$sha256$${(await sha256(QUICK_SECRET)).toString('base64')}`;

async function sha256(text: string): Promise<Buffer> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(text)));
}
