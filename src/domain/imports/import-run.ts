/** Runs an import: takes lines as they come, commits them in batches, and tells of each as soon as it is committed. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeptSecret, Secrets } from '../clients/secrets.ts';
import { DomainError } from '../errors.ts';
import { coverLifetime } from '../signing-keys/signing-keys.ts';
import { StaleError, type Storage } from '../store.ts';
import { inBatches } from './batches.ts';
import { decideBatch, type FaultyRow, type Joining, type PreparedRow } from './import-batch.ts';
import { type ImportLine, type ImportReport, refused } from './import-lines.ts';
import { type ImportRow, recordIdOf } from './import-rows.ts';
import { importedRowId, importedRows } from './imported-rows.ts';
import type { ImportWork } from './row-records.ts';

const BATCH = { max: 100, waitMs: 200 };
// So many secrets are hashed before what is ready is committed: a second's work on a small machine.
const HASHED_AT_ONCE = 16;
const BUSY_PATIENCE_MS = 30_000;
const BUSY_DELAY_MS = 250;

export interface ImportParts {
  readonly storage: Storage;
  readonly secrets: Pick<Secrets, 'keepImported'>;
  /** Commits what the attempt adds to its unit, anew where something changed meanwhile; asks again who is asking. */
  change<T>(attempt: (work: ImportWork) => Promise<T>): Promise<T>;
  /** @returns what may be told of an error that ends the import; undefined where it is none that anybody should read */
  explain(error: unknown): string | undefined;
  readonly join: Joining;
}

/**
 * @returns a report for each line, in order, and a last one with the sums, also where it had to stop
 * @throws what went wrong before the first report
 */
export async function* runImport(lines: AsyncIterable<ImportLine>, parts: ImportParts): AsyncGenerator<ImportReport> {
  const sums = { lines: 0, created: 0, existing: 0, failed: 0, skipped: 0 };
  try {
    for await (const batch of inBatches(lines, BATCH)) {
      for await (const report of committed(batch, parts)) {
        sums.lines += 1;
        sums[outcomeOf(report)] += 1;
        yield report;
      }
    }
  } catch (error) {
    const detail = parts.explain(error);
    // Before anything was told it can still be answered as what it is.
    if (detail === undefined || sums.lines === 0) throw error;
    yield { summary: { ...sums, complete: false, detail } };
    return;
  }
  yield { summary: { ...sums, complete: true } };
}

function outcomeOf({ ok, existing, skipped }: ImportReport): 'created' | 'existing' | 'failed' | 'skipped' {
  if (skipped) return 'skipped';
  if (!ok) return 'failed';
  return existing ? 'existing' : 'created';
}

/** In slices: as many rows as may be hashed at once, where there is something to hash. */
async function* committed(batch: readonly ImportLine[], parts: ImportParts): AsyncGenerator<ImportReport> {
  const known = await knownDigests(batch, parts.storage);
  const isHashed = (line: ImportLine) => 'row' in line && secretOf(line.row) !== undefined && !isKnown(line.row, known);
  let slice: ImportLine[] = [];
  let hashes = 0;
  for (const line of batch) {
    slice.push(line);
    if (isHashed(line)) hashes += 1;
    if (hashes < HASHED_AT_ONCE) continue;
    yield* await commitSlice(slice, known, parts);
    [slice, hashes] = [[], 0];
  }
  if (slice.length > 0) yield* await commitSlice(slice, known, parts);
}

async function commitSlice(
  slice: readonly ImportLine[],
  known: ReadonlyMap<string, string>,
  parts: ImportParts,
): Promise<ImportReport[]> {
  const prepared = await Promise.all(
    slice.flatMap((line) => ('row' in line ? [prepare(line, known, parts.secrets)] : [])),
  );
  await coverLongest(prepared, parts);
  const faulty = slice.flatMap((line) =>
    'errors' in line && line.given ? [{ line: line.line, errors: line.errors, given: line.given }] : [],
  );
  const rows = [...prepared, ...faulty].sort((one, other) => one.line - other.line);
  const decided = new Map((await commitRows(rows, parts)).map((report) => [report.line, report]));
  return slice.map((line) => {
    const { line: number, ...report } = decided.get(line.line) ?? undecided(line);
    return { line: number, ...(line.entry !== undefined && { entry: line.entry }), ...report };
  });
}

function undecided(line: ImportLine): ImportReport {
  if ('skipped' in line) return { ...refused(line.line, [], line.skipped), skipped: true };
  return 'errors' in line ? refused(line.line, line.errors) : refused(line.line, [], 'was not decided');
}

/** All at once; where that cannot be committed, for a row clashed with what others do, one by one. */
async function commitRows(rows: readonly (PreparedRow | FaultyRow)[], parts: ImportParts): Promise<ImportReport[]> {
  if (rows.length === 0) return [];
  try {
    return await parts.change((work) => decideBatch(work, rows, parts.join));
  } catch (error) {
    const isClash = error instanceof StaleError || (error instanceof DomainError && error.kind === 'conflict');
    if (!isClash) throw error;
    const [only, ...others] = rows;
    if (only !== undefined && others.length === 0) {
      return [refused(only.line, [], 'was changed by somebody else at the same time: send it again')];
    }
  }
  const reports: ImportReport[] = [];
  for (const row of rows) reports.push(...(await commitRows([row], parts)));
  return reports;
}

/** Signing keys stay for as long as the longest token: said once, before the rows, of which many may ask for it. */
async function coverLongest(rows: readonly PreparedRow[], parts: ImportParts): Promise<void> {
  const lifetimes = rows.map(({ row }) => (row.kind === 'client' ? (row.token_lifetime_seconds ?? 0) : 0));
  const longest = Math.max(0, ...lifetimes);
  if (longest > 0) await parts.change(({ storage, unit }) => coverLifetime(storage, unit, longest));
}

async function prepare(
  { line, row, ...rest }: ImportLine & { readonly row: ImportRow },
  known: ReadonlyMap<string, string>,
  secrets: ImportParts['secrets'],
): Promise<PreparedRow> {
  return { line, row, kept: isKnown(row, known) ? undefined : await keptOf(row, secrets), ...rest };
}

async function keptOf(row: ImportRow, secrets: ImportParts['secrets']): Promise<KeptSecret | undefined> {
  if (row.kind !== 'client') return undefined;
  const { client_id, client_secret, client_secret_hash: hash } = row;
  if (hash !== undefined) return { hint: '', hash, fingerprint: null, imported: true };
  if (client_secret === undefined) return undefined;
  const deadline = Date.now() + BUSY_PATIENCE_MS;
  for (;;) {
    try {
      return await secrets.keepImported(client_id, client_secret);
    } catch (error) {
      const isBusy = error instanceof DomainError && error.kind === 'busy';
      if (!isBusy || Date.now() > deadline) throw error;
    }
    await sleep(BUSY_DELAY_MS);
  }
}

function secretOf(row: ImportRow): string | undefined {
  return row.kind === 'client' ? row.client_secret : undefined;
}

/** Rows that were imported before: of them nothing has to be hashed. */
async function knownDigests(batch: readonly ImportLine[], storage: Storage): Promise<Map<string, string>> {
  const ids = batch.flatMap((line) => ('row' in line ? [importedRowId(line.row.kind, recordIdOf(line.row))] : []));
  return new Map((await storage.getMany(importedRows, ids)).map(({ id, digest }) => [id, digest]));
}

function isKnown(row: ImportRow, known: ReadonlyMap<string, string>): boolean {
  return known.has(importedRowId(row.kind, recordIdOf(row)));
}
