/** The products whose exports are taken as they are. */
import type { OpenExport } from './export-entry.ts';
import { hydraExport } from './hydra-export.ts';
import { keycloakExport } from './keycloak-export.ts';
import { unkeyExport } from './unkey-export.ts';

export type ExportFormat = 'keycloak' | 'hydra' | 'unkey';

/** What opens an export that was parsed. @throws DomainError `malformed` where it is none */
export const EXPORT_FORMATS: Readonly<Record<ExportFormat, (parsed: unknown) => OpenExport>> = {
  keycloak: keycloakExport,
  hydra: hydraExport,
  unkey: unkeyExport,
};
