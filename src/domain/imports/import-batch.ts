/** Decides on the rows of one commit: each by itself, so that a bad one takes no other with it. */

import { visibleApplication } from '../access/visibility.ts';
import { registerApiKey } from '../api-keys/api-key-changes.ts';
import { apiKeys } from '../api-keys/api-keys.ts';
import { apis } from '../apis/apis.ts';
import { References } from '../apis/references.ts';
import { roles } from '../apis/roles.ts';
import { createApplication } from '../applications/application-changes.ts';
import { type Application, applications } from '../applications/applications.ts';
import { type ClientSurroundings, createClient } from '../clients/client-changes.ts';
import { clients } from '../clients/clients.ts';
import type { KeptSecret } from '../clients/secrets.ts';
import { DomainError, invalid } from '../errors.ts';
import { Unit } from '../unit.ts';
import type { Work } from '../work.ts';
import { type ImportReport, refused, type WantedRights } from './import-lines.ts';
import {
  digestOf,
  type ImportedApiKey,
  type ImportedClient,
  type ImportRow,
  keyHashOf,
  recordIdOf,
} from './import-rows.ts';
import { importedRowId, importedRows } from './imported-rows.ts';
import { type ReadingOnce, readingOnce } from './reading-once.ts';

export type ImportWork = Work & ClientSurroundings;

/** A row that could be read, with what is kept of its secret. */
export interface PreparedRow {
  readonly line: number;
  readonly row: ImportRow;
  readonly kept: KeptSecret | undefined;
  readonly wanted?: WantedRights | undefined;
  readonly warnings?: readonly string[] | undefined;
}

const KEY_HINT_LENGTH = 4;

/** Adds to the unit what these rows make. @returns what becomes of each, once that is committed */
export async function decideBatch(work: ImportWork, rows: readonly PreparedRow[]): Promise<ImportReport[]> {
  const batch = new Batch(work);
  await batch.lookUp(rows.map(({ row }) => row));
  const reports: ImportReport[] = [];
  for (const row of rows) reports.push(await batch.decide(row));
  return reports;
}

class Batch {
  readonly #work: ImportWork;
  readonly #storage: ReadingOnce;
  /** Digests of rows that were imported, before or in this batch. */
  readonly #imported = new Map<string, string>();
  /** The ids of what is there. */
  readonly #present = new Set<string>();
  readonly #made = new Map<string, Application>();

  constructor(work: ImportWork) {
    this.#storage = readingOnce(work.storage);
    this.#work = { ...work, storage: this.#storage };
  }

  async lookUp(rows: readonly ImportRow[]): Promise<void> {
    const { storage } = this.#work;
    const ids = rows.map(recordIdOf);
    const [before, ...present] = await Promise.all([
      storage.getMany(
        importedRows,
        rows.map((row) => importedRowId(row.kind, recordIdOf(row))),
      ),
      storage.getMany(clients, ids),
      storage.getMany(apiKeys, ids),
    ]);
    for (const { id, digest } of before) this.#imported.set(id, digest);
    for (const { id } of present.flat()) this.#present.add(id);
  }

  async decide({ line, row, kept, wanted, warnings = [] }: PreparedRow): Promise<ImportReport> {
    const id = recordIdOf(row);
    const name = importedRowId(row.kind, id);
    const at = row.kind === 'client' ? '/client_id' : '/api_key';
    const before = this.#imported.get(name);
    const digest = digestOf(row);
    if (this.#present.has(id)) {
      if (before === digest) return { line, ok: true, id, existing: true };
      return refused(line, [{ pointer: at, detail: 'exists already: an import changes nothing that is there' }]);
    }
    if (before !== undefined) {
      return refused(line, [{ pointer: at, detail: 'was imported and deleted since: it is never used again' }]);
    }
    try {
      const named = await this.#named(row, wanted);
      if (named.row.kind === 'client' && named.row.default_api === undefined) {
        named.row = { ...named.row, default_api: await this.#defaultApi(named.row) };
      }
      // First in a unit that nobody commits: what is refused must leave nothing in the one that is.
      await this.#make({ ...this.#work, unit: new Unit() }, named.row, kept);
      const application = await this.#make(this.#work, named.row, kept);
      if (application !== null) this.#made.set(application.name, application);
      this.#work.unit.insert(importedRows, { id: name, record_id: id, digest });
      this.#imported.set(name, digest);
      this.#present.add(id);
      const told = [...warnings, ...named.warnings];
      return { line, ok: true, id, ...(told.length > 0 && { warnings: told }) };
    } catch (error) {
      if (!(error instanceof DomainError) || error.kind === 'unavailable' || error.kind === 'busy') throw error;
      return refused(line, error.errors, error.message);
    }
  }

  /** @returns the application that was made for it; null where there was one, or is none */
  async #make(work: ImportWork, row: ImportRow, kept: KeptSecret | undefined): Promise<Application | null> {
    if (row.application === null) {
      await makeKey(work, row as ImportedApiKey, null);
      return null;
    }
    const known = this.#made.get(row.application) ?? (await findApplication(work, row.application));
    const draft = { name: row.application, description: '', tags: [], enabled: true };
    const application = known ?? (await createApplication(work, draft));
    if (known === undefined) this.#storage.foresee(applications, application);
    if (row.kind === 'client') await makeClient(work, row, application, kept);
    else await makeKey(work, row, application);
    return known === undefined ? application : null;
  }

  /** @returns the row with those of the wanted rights that there are here */
  async #named(row: ImportRow, wanted: WantedRights | undefined): Promise<{ row: ImportRow; warnings: string[] }> {
    if (wanted === undefined) return { row, warnings: [] };
    const references = new References({ storage: this.#work.storage, unit: new Unit() });
    const audiences = await Promise.all(wanted.audiences.map((audience) => references.api(audience, '')));
    const permissions = [...row.permissions];
    const roleNames = [...row.roles];
    const warnings: string[] = [];
    for (const name of new Set(wanted.names)) {
      const api = audiences.find((each) => each?.scopes.some((scope) => scope.name === name));
      if (api) permissions.push({ api: api.identifier, scope: name });
      else if ((await references.roles([name], '')).length > 0) roleNames.push(name);
      else warnings.push(`${name}: there is no such role, nor such a scope of its audiences`);
    }
    return { row: { ...row, permissions, roles: [...new Set(roleNames)] }, warnings };
  }

  /** Where it may only call by its roles: the API of their first permission, so that it need not learn to name one. */
  async #defaultApi({ permissions, roles: names }: ImportedClient): Promise<string | undefined> {
    if (permissions.length > 0) return undefined;
    for (const name of names) {
      const role = await this.#work.storage.find(roles, { name });
      for (const { api_id } of role?.permissions ?? []) {
        const api = await this.#work.storage.get(apis, api_id);
        if (api && !api.built_in) return api.identifier;
      }
    }
    return undefined;
  }
}

async function makeClient(
  work: ImportWork,
  row: ImportedClient,
  application: Application,
  minted: KeptSecret | undefined,
): Promise<void> {
  const { kind: _, application: __, client_id: id, client_secret: ___, client_secret_hash: ____, ...own } = row;
  const { label, expires_at: end, ...draft } = own;
  const expires_at = end === null ? null : new Date(end).toISOString();
  await createClient(work, application, draft, { id, minted, label, expires_at });
}

async function makeKey(work: ImportWork, row: ImportedApiKey, application: Application | null): Promise<void> {
  const { kind: _, key_kind, application: __, api_key, api_key_hash: ___, prefix, ...own } = row;
  const kind = key_kind ?? (application === null ? 'index' : 'application');
  const application_id = application?.id ?? null;
  if (application) work.unit.require(applications, application);
  await registerApiKey(
    work,
    { ...own, kind, application_id, for: null },
    {
      id: recordIdOf(row),
      current: { hash: keyHashOf(row), hint: api_key?.slice(-KEY_HINT_LENGTH) ?? '', prefix },
    },
  );
}

/** @returns the application of this id or name; undefined where none has the name @throws DomainError `invalid` */
async function findApplication(work: ImportWork, name: string): Promise<Application | undefined> {
  if (/^app_[0-9a-z]{24}$/.test(name)) {
    const application = await visibleApplication(work, name);
    if (application === undefined) throw invalid([{ pointer: '/application', detail: 'names no application' }]);
    return application;
  }
  const [first, ...others] = await work.storage.all(applications, { name });
  if (others.length === 0) return first;
  throw invalid([{ pointer: '/application', detail: 'is the name of several applications: give the id' }]);
}
