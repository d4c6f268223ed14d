/** docs/webhooks.md is true: its words for failures, its times, and what it shows of a message. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { RETRY_DELAYS } from '../../src/domain/webhooks/retries.ts';

const text = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const PAGE = text('docs/webhooks.md');

test('every word for what was wrong with an attempt is explained, and no other', () => {
  const [, table = ''] = PAGE.split('| `last_error` |');
  const explained = Array.from(table.matchAll(/^\| `(\w+)` \|/gm), ([, word = '']) => word);
  const [, union = ''] = text('src/http/outgoing.ts').split('export type OutgoingErrorCode =');
  const ofCalls = Array.from((union.split(';')[0] ?? '').matchAll(/'(\w+)'/g), ([, word = '']) => word);
  assert.ok(ofCalls.length > 4);
  assert.deepEqual(explained.sort(), [...ofCalls, 'status', 'gone', 'not_visible'].sort());
});

test('the times between attempts are the ones that are told', () => {
  const [, told = ''] = /tried again after ([^,]+(?:, [^,]+)* and 24 h)/.exec(PAGE) ?? [];
  const units: Record<string, number> = { s: 1_000, min: 60_000, h: 3_600_000 };
  const times = told.split(/, | and /).map((time) => {
    const [count = '', unit = ''] = time.split(' ');
    return Number(count) * (units[unit] ?? 0);
  });
  assert.deepEqual(times, RETRY_DELAYS);
});
