/** What is expected while the store is away does not flood the log; what is not is logged each time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorLog } from '../../src/observability/error-log.ts';
import { createLogger } from '../../src/observability/logger.ts';

test('what is expected is logged once a second, with how often it happened, and everything else each time', () => {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger('info', { write: (line) => void lines.push(JSON.parse(line)) });
  let now = 0;
  const log = errorLog(
    logger,
    (error) => (error as Error).message.startsWith('away'),
    () => now,
  );
  for (let i = 0; i < 5; i += 1) log(new Error('away', { cause: new Error('ECONNREFUSED') }));
  log(new Error('away, otherwise'));
  now = 1_000;
  log(new Error('away'));
  log(new TypeError('a fault'));
  log(new TypeError('a fault'));
  assert.deepEqual(
    lines.map(({ level, event, reason, times, cause }) => [level, event, reason, times, cause]),
    [
      ['warn', 'unavailable', 'away', 1, 'ECONNREFUSED'],
      ['warn', 'unavailable', 'away, otherwise', 1, undefined],
      ['warn', 'unavailable', 'away', 5, undefined],
      ['error', 'error', undefined, undefined, undefined],
      ['error', 'error', undefined, undefined, undefined],
    ],
  );
  assert.match(JSON.stringify(lines[3]?.['err']), /TypeError: a fault/);
});
