/** Decides on the rows of one commit: each by itself, so that a bad one takes no other with it. */
import { apiKeys } from '../api-keys/api-keys.ts';
import { type Api, apis } from '../apis/apis.ts';
import { References } from '../apis/references.ts';
import { roles } from '../apis/roles.ts';
import { createApplication } from '../applications/application-changes.ts';
import { type Application, applications } from '../applications/applications.ts';
import { clients } from '../clients/clients.ts';
import type { KeptSecret } from '../clients/secrets.ts';
import { DomainError, type Mistake } from '../errors.ts';
import { Unit } from '../unit.ts';
import { type ImportReport, refused, type WantedRights } from './import-lines.ts';
import {
  digestOf,
  type GivenRow,
  givenIdOf,
  type ImportedApiKey,
  type ImportedClient,
  type ImportRow,
  recordIdOf,
} from './import-rows.ts';
import { importedRowId, importedRows } from './imported-rows.ts';
import { namedApplication } from './named-application.ts';
import { type ReadingOnce, readingOnce } from './reading-once.ts';
import { rowMistakes, rowPlaces } from './row-mistakes.ts';
import { type ImportWork, makeClient, makeKey, secretWarnings } from './row-records.ts';

/** A row that could be read, with what is kept of its secret. */
export interface PreparedRow {
  readonly line: number;
  readonly row: ImportRow;
  readonly kept: KeptSecret | undefined;
  readonly wanted?: WantedRights | undefined;
  readonly warnings?: readonly string[] | undefined;
}

/** A row with mistakes of form, and what could be read of it. */
export interface FaultyRow {
  readonly line: number;
  readonly errors: readonly Mistake[];
  readonly given: GivenRow;
}

/** Adds to mistakes that are known those others that are about something else. */
export type Joining = (known: readonly Mistake[], others: readonly Mistake[]) => readonly Mistake[];

/** Adds to the unit what these rows make. @returns what becomes of each, once that is committed */
export async function decideBatch(
  work: ImportWork,
  rows: readonly (PreparedRow | FaultyRow)[],
  join: Joining,
): Promise<ImportReport[]> {
  const batch = new Batch(work, join);
  await batch.lookUp(rows.map((each) => ('row' in each ? each.row : each.given)));
  const reports: ImportReport[] = [];
  for (const row of rows) reports.push('row' in row ? await batch.decide(row) : await batch.refuse(row));
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
  readonly #join: Joining;

  constructor(work: ImportWork, join: Joining) {
    this.#join = join;
    this.#storage = readingOnce(work.storage);
    this.#work = { ...work, storage: this.#storage };
  }

  async lookUp(rows: readonly GivenRow[]): Promise<void> {
    const { storage } = this.#work;
    const named = rows.flatMap((row) => {
      const id = givenIdOf(row);
      return id === undefined ? [] : [{ kind: row.kind, id }];
    });
    const ids = named.map(({ id }) => id);
    const [before, ...present] = await Promise.all([
      storage.getMany(
        importedRows,
        named.map(({ kind, id }) => importedRowId(kind, id)),
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
    const digest = digestOf(row);
    if (this.#present.has(id) && this.#imported.get(name) === digest) return { line, ok: true, id, existing: true };
    const taken = this.#takenIn(row);
    if (taken.length > 0) return refused(line, taken);
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
      const told = [...warnings, ...named.warnings, ...secretWarnings(row)];
      return { line, ok: true, id, ...(told.length > 0 && { warnings: told }) };
    } catch (error) {
      if (!(error instanceof DomainError) || error.kind === 'unavailable' || error.kind === 'busy') throw error;
      const errors = rowPlaces(error.errors);
      if (error.kind !== 'invalid' || errors.length === 0) return refused(line, errors, error.message);
      return await this.refuse({ line, errors, given: row });
    }
  }

  /** Tells all that is wrong with a row, of what could be read of it. */
  async refuse({ line, errors, given }: FaultyRow): Promise<ImportReport> {
    const work = { ...this.#work, unit: new Unit() };
    const others = await rowMistakes(work, given, this.#made);
    return refused(line, this.#join(errors, [...this.#takenIn(given), ...others]));
  }

  #takenIn(given: GivenRow): Mistake[] {
    const id = givenIdOf(given);
    if (id === undefined) return [];
    const pointer = given.kind === 'client' ? '/client_id' : given.api_key ? '/api_key' : '/api_key_hash';
    if (this.#present.has(id)) return [{ pointer, detail: 'exists already: an import changes nothing that is there' }];
    const isGone = this.#imported.has(importedRowId(given.kind, id));
    return isGone ? [{ pointer, detail: 'was imported and deleted since: it is never used again' }] : [];
  }

  /** @returns the application that was made for it; null where there was one, or is none */
  async #make(work: ImportWork, row: ImportRow, kept: KeptSecret | undefined): Promise<Application | null> {
    if (row.application === null) {
      await makeKey(work, row as ImportedApiKey, null);
      return null;
    }
    const known = this.#made.get(row.application) ?? (await namedApplication(work, row.application));
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
    const named = await Promise.all(wanted.audiences.map((audience) => references.api(audience, '')));
    const audiences = named.filter((api) => api?.built_in === false);
    const permissions = [...row.permissions];
    const roleNames = [...row.roles];
    const warnings: string[] = [];
    for (const name of new Set(wanted.names)) {
      const api = audiences.find((each) => each?.scopes.some((scope) => scope.name === name));
      if (api) permissions.push({ api: api.identifier, scope: name });
      else if (await this.#administers(name, named)) {
        warnings.push(`${name}: would administer Latchkey, which no export gives: grant it by itself`);
      } else if ((await references.roles([name], '')).length > 0) roleNames.push(name);
      else warnings.push(`${name}: there is no such role, nor such a scope of its audiences`);
    }
    return { row: { ...row, permissions, roles: [...new Set(roleNames)] }, warnings };
  }

  /** Whether a name that meant something elsewhere would here let somebody call the admin API. */
  async #administers(name: string, audiences: readonly (Api | undefined)[]): Promise<boolean> {
    const isBuiltIn = (api: Api | undefined) => api?.built_in === true;
    if (audiences.some((api) => isBuiltIn(api) && api?.scopes.some((scope) => scope.name === name))) return true;
    const { permissions = [] } = (await this.#work.storage.find(roles, { name })) ?? {};
    const granted = await Promise.all(permissions.map(({ api_id }) => this.#work.storage.get(apis, api_id)));
    return granted.some(isBuiltIn);
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
