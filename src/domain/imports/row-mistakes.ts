/** What no schema sees in a row, told of those members that could be read: so that a row gets all its mistakes at once. */
import { apiKeyMistakes } from '../api-keys/api-key-references.ts';
import type { Application } from '../applications/applications.ts';
import { clientMistakes } from '../clients/client-changes.ts';
import { DomainError, type Mistake } from '../errors.ts';
import { definedIn } from '../merge.ts';
import type { GivenRow } from './import-rows.ts';
import { namedApplication } from './named-application.ts';
import type { ImportWork } from './row-records.ts';

type GivenClient = Extract<GivenRow, { kind: 'client' }>;
type GivenApiKey = Extract<GivenRow, { kind: 'api_key' }>;

/** What is known of where a row belongs. */
interface Home {
  /** undefined: still to be made, or not to be told. */
  readonly application: Application | undefined;
  readonly mistakes: readonly Mistake[];
}

/**
 * @param made applications that rows before have made, by name
 * @returns what is wrong with these members, beyond what their schemas say
 */
export async function rowMistakes(
  work: ImportWork,
  given: GivenRow,
  made: ReadonlyMap<string, Application>,
): Promise<Mistake[]> {
  const home = await homeOf(work, given, made);
  const own = given.kind === 'client' ? await ofClient(work, given, home) : await ofApiKey(work, given, home);
  return [...home.mistakes, ...rowPlaces(own)];
}

/** @returns the mistakes, at the members that a row has for what others call otherwise */
export function rowPlaces(mistakes: readonly Mistake[]): Mistake[] {
  return mistakes.map((mistake) => {
    if (!('pointer' in mistake)) return mistake;
    if (mistake.pointer === '/application_id') return { ...mistake, pointer: '/application' };
    return mistake.pointer === '/kind' ? { ...mistake, pointer: '/key_kind' } : mistake;
  });
}

async function homeOf(work: ImportWork, { application: name }: GivenRow, made: ReadonlyMap<string, Application>) {
  if (name === null || name === undefined) return { application: undefined, mistakes: [] };
  try {
    return { application: made.get(name) ?? (await namedApplication(work, name)), mistakes: [] };
  } catch (error) {
    if (!(error instanceof DomainError) || error.kind !== 'invalid') throw error;
    return { application: undefined, mistakes: error.errors };
  }
}

async function ofClient(work: ImportWork, given: GivenClient, { application, mistakes }: Home): Promise<Mistake[]> {
  const { kind: _, application: name, client_id: __, label: ___, expires_at: ____, ...own } = given;
  const others = await clientMistakes(work, definedIn(own), application?.id ?? '');
  // Whether it is one of an application's nobody can say where that is not known.
  const isAstray = name === undefined || mistakes.length > 0;
  return isAstray ? others.filter((mistake) => !isAt(mistake, '/access_profile_id')) : others;
}

async function ofApiKey(work: ImportWork, given: GivenApiKey, { application }: Home): Promise<Mistake[]> {
  const { kind: _, key_kind, application: name, api_key: __, api_key_hash: ___, prefix: ____, ...own } = given;
  const draft = {
    ...own,
    kind: key_kind ?? derivedKind(name),
    application_id: application?.id ?? null,
    for: null,
  };
  const mistakes = await apiKeyMistakes(work, definedIn(draft));
  if (name === null || application !== undefined) return mistakes;
  // It names one that is still to be made, or that could not be read: not that it has none.
  const isBound = (own.environment ?? null) !== null;
  return mistakes.filter((mistake) => !isAt(mistake, '/application_id') && !(isBound && isAt(mistake, '/environment')));
}

function derivedKind(application: string | null | undefined): 'index' | 'application' | undefined {
  if (application === undefined) return undefined;
  return application === null ? 'index' : 'application';
}

function isAt(mistake: Mistake, pointer: string): boolean {
  return 'pointer' in mistake && mistake.pointer === pointer;
}
