/** What every store must do for one caller at a time. `feed.ts`, `races.ts` and `crashes.ts` are its sisters. */
import { describe } from 'node:test';
import type { Store } from '../support/stores.ts';
import { accumulations } from './accumulations.ts';
import { commits } from './commits.ts';
import { counters } from './counters.ts';
import { expiry } from './expiry.ts';
import { filters } from './filters.ts';
import { records } from './records.ts';
import { references } from './references.ts';
import { withoutHistory } from './without-history.ts';

export function storageContract(store: Store): void {
  describe(`${store.name}: records`, { skip: store.skip }, () => records(store));
  describe(`${store.name}: lists in filters`, { skip: store.skip }, () => filters(store));
  describe(`${store.name}: commits`, { skip: store.skip }, () => commits(store));
  describe(`${store.name}: references`, { skip: store.skip }, () => references(store));
  describe(`${store.name}: expiry`, { skip: store.skip }, () => expiry(store));
  describe(`${store.name}: writes without history`, { skip: store.skip }, () => withoutHistory(store));
  describe(`${store.name}: counters`, { skip: store.skip }, () => counters(store));
  describe(`${store.name}: accumulations`, { skip: store.skip }, () => accumulations(store));
}
