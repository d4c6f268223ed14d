/** `/imports`: clients and API keys that are in use elsewhere, many at once. */
import { z } from 'zod';
import { DomainError, type Mistake } from '../domain/errors.ts';
import type { ExportEntry } from '../domain/imports/export-entry.ts';
import { EXPORT_FORMATS, type ExportFormat } from '../domain/imports/export-formats.ts';
import { type ImportLine, ImportReport } from '../domain/imports/import-lines.ts';
import { type GivenRow, ImportRow, ROW_SCHEMAS } from '../domain/imports/import-rows.ts';
import { runImport } from '../domain/imports/import-run.ts';
import { Environment, Name } from '../domain/record.ts';
import { type BodyLine, bodyLines } from '../http/body-lines.ts';
import { parseJson } from '../http/json-body.ts';
import { HttpError } from '../http/problem.ts';
import { NDJSON, type StreamCall, streamOperation } from '../http/stream.ts';
import { beside, checkBody, readableMembers, together } from '../http/validation.ts';
import type { AdminServices } from './operation.ts';

const LINE_LIMITS = { lineBytes: 64 * 1024, lines: 1_000_000 };
const EXPORT_MAX_BYTES = 10 * 1024 * 1024;

const ImportQuery = z.strictObject({
  format: z
    .enum(['keycloak', 'hydra', 'unkey'])
    .optional()
    .meta({ description: 'Whose export the body is; left out: rows, one a line.' }),
  application: Name.optional().meta({ description: 'Where a row names none: the id or name of its application.' }),
  environment: Environment.optional().meta({ description: 'Where a row names none.' }),
});
type ImportQuery = z.output<typeof ImportQuery>;

export const importOperations = [
  streamOperation<AdminServices, typeof ImportQuery>({
    path: '/imports',
    operation_id: 'importRows',
    summary: 'Import clients and API keys that are in use elsewhere',
    description:
      'Each line is one client or API key, and is answered by one line as soon as it is committed; a bad one stops no ' +
      'other, and what is there is not changed. The last line of the answer sums up. Where it ended early, send the ' +
      'same again: what was imported by the same row is passed over. That is what makes it safe to repeat: an ' +
      '`Idempotency-Key` has no meaning here and is not looked at.',
    tag: 'Import',
    scope: 'imports:write',
    reach: 'in_person',
    query: ImportQuery,
    stream: {
      takes: {
        [NDJSON]: ImportRow,
        'application/json': z.unknown().meta({
          description: 'An export, with `format`.',
          example: { realm: 'shop', clients: [{ clientId: 'order-sync', secret: 'as it was exported' }] },
        }),
      },
      report: ImportReport,
      run(call) {
        const { storage, services } = call;
        return runImport(linesOf(call), {
          storage,
          secrets: services.secrets,
          change: (attempt) => call.change((work) => attempt({ ...work, services })),
          join: (known, others) => together(known, beside(known, others)),
          explain: (error) => (error instanceof DomainError || error instanceof HttpError ? error.message : undefined),
        });
      },
    },
  }),
];

type ImportCall = Pick<StreamCall<AdminServices, ImportQuery>, 'query' | 'type' | 'body'>;

async function* linesOf({ query, type, body }: ImportCall): AsyncGenerator<ImportLine> {
  const { format, ...defaults } = query;
  if (format !== undefined) {
    yield* exportLines(format, await wholeBody(body), defaults);
    return;
  }
  if (type !== NDJSON) throw new HttpError('unsupported_media_type', `Send ${NDJSON}, or say which format it is.`);
  for await (const line of bodyLines(body, LINE_LIMITS)) yield rowLine(line, defaults);
}

type RowDefaults = Omit<ImportQuery, 'format'>;

function rowLine(line: BodyLine, defaults: RowDefaults): ImportLine {
  if ('mistake' in line) return { line: line.number, errors: [{ pointer: '', detail: line.mistake }] };
  try {
    const { value, mistakes } = parseJson(line.bytes);
    return { line: line.number, ...checked(value, mistakes, defaults) };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return { line: line.number, errors: [{ pointer: '', detail: 'is not JSON in UTF-8, or nested too deep' }] };
  }
}

function* exportLines(format: ExportFormat, bytes: Buffer, defaults: RowDefaults): Generator<ImportLine> {
  const { entries, schema, nameOf, read } = EXPORT_FORMATS[format](parseJson(bytes).value);
  for (const [index, given] of entries.entries()) {
    const { value, mistakes } = checkBody(schema, given);
    const entry = mistakes.length > 0 ? { errors: mistakes } : read(value);
    yield { line: index + 1, entry: nameOf(given), ...('row' in entry ? entryRow(entry, defaults) : entry) };
  }
}

function entryRow({ row, ...rest }: Extract<ExportEntry, { row: object }>, defaults: RowDefaults) {
  // An application that the caller names is meant for all of an export.
  const { application, ...others } = defaults;
  const named = application === undefined ? row : { ...row, application };
  // Of characters that must not be stored each row tells its own.
  const { value, mistakes } = parseJson(Buffer.from(JSON.stringify(named)));
  const line = checked(value, mistakes, { environment: 'production', ...definedOf(others) });
  return 'row' in line ? { ...rest, ...line } : line;
}

function checked(value: unknown, mistakes: readonly Mistake[], defaults: RowDefaults) {
  const whole = withDefaults(value, defaults);
  const { value: row, mistakes: others } = checkBody(ImportRow, whole);
  const errors = together(mistakes, others);
  // The schema made it.
  return errors.length > 0 ? { errors, given: givenIn(whole) } : { row: row as ImportRow };
}

function givenIn(value: unknown): GivenRow | undefined {
  const kind: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'kind') : undefined;
  if (kind !== 'client' && kind !== 'api_key') return undefined;
  return readableMembers(ROW_SCHEMAS[kind], value) as GivenRow;
}

function withDefaults(value: unknown, defaults: RowDefaults): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { environment, ...row } = { ...definedOf(defaults), ...value } as Record<string, unknown>;
  // A key without an application is in no environment.
  const isLoose = row['kind'] === 'api_key' && !row['application'] && !('environment' in value);
  return environment === undefined || isLoose ? row : { ...row, environment };
}

function definedOf(defaults: RowDefaults): object {
  return Object.fromEntries(Object.entries(defaults).filter(([, value]) => value !== undefined));
}

async function wholeBody(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > EXPORT_MAX_BYTES) {
      throw new HttpError('too_large', `An export may have at most ${EXPORT_MAX_BYTES} bytes.`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
