/** The products whose exports are taken as they are. */
import type { ExportEntry } from './export-entry.ts';
import { hydraEntries } from './hydra-export.ts';
import { keycloakEntries } from './keycloak-export.ts';
import { unkeyEntries } from './unkey-export.ts';

export type ExportFormat = 'keycloak' | 'hydra' | 'unkey';

/** What reads an export that was parsed. @throws DomainError `malformed` where it is none */
export const EXPORT_FORMATS: Readonly<Record<ExportFormat, (parsed: unknown) => ExportEntry[]>> = {
  keycloak: keycloakEntries,
  hydra: hydraEntries,
  unkey: unkeyEntries,
};
