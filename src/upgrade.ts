/** Brings what is stored up to this version of the code, at each start. */

import { adminScopes } from './admin-api/scopes.ts';
import type { Config } from './config.ts';
import { adminResource, updateAdminApi } from './domain/apis/admin-api-record.ts';
import { systemAuthor } from './domain/audit/author.ts';
import type { Storage } from './domain/store.ts';
import type { ChangeObserver } from './domain/unit.ts';
import { untilCommitted } from './http/attempts.ts';
import type { Logger } from './observability/logger.ts';

/** @throws Error, with what to do, where the store belongs to another issuer */
export async function bringUpToDate(
  storage: Storage,
  { issuer, store, firstStart }: Config,
  logger: Logger,
): Promise<void> {
  // Of a file there is one machine; of a database there may be other nodes, which a mistyped issuer would shut out.
  const wanted = { issuer, scopes: adminScopes(), mayMove: store.kind === 'sqlite' || firstStart === 'on' };
  // Nothing is remembered yet that would have to be told.
  const observer: ChangeObserver = async () => {};
  const from = await untilCommitted({ storage, observer }, systemAuthor('upgrade'), (unit) =>
    updateAdminApi(storage, unit, wanted),
  );
  if (from !== undefined) logger.warn({ event: 'issuer.moved', from, to: adminResource(issuer) });
}
