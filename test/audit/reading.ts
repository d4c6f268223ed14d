/** Reads the audit trail as tests need it: once all of it is sealed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type AuditEntry, auditEntries } from '../../src/domain/audit/audit-entries.ts';
import type { Storage } from '../../src/domain/store.ts';

/** @returns every entry, in the order of the chain @throws Error where they are not sealed within two seconds */
export async function sealedEntries(storage: Storage): Promise<AuditEntry[]> {
  const deadline = Date.now() + 2_000;
  for (;;) {
    const entries = await storage.all(auditEntries);
    if (entries.every(({ hash }) => hash !== null)) {
      return entries.sort((one, other) => String(one.position).localeCompare(String(other.position)));
    }
    if (Date.now() > deadline) throw new Error('the audit trail was not sealed in time');
    await sleep(50);
  }
}
