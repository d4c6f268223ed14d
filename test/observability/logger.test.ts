import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger, withoutRedaction } from '../../src/observability/logger.ts';

function captured() {
  const lines: string[] = [];
  return { lines, destination: { write: (line: string) => void lines.push(line) } };
}

test('no secret is written, wherever in a line it lies', () => {
  const { lines, destination } = captured();
  const logger = createLogger('info', destination);
  const secrets = {
    authorization: 'Basic hunter2',
    cookie: 'hunter2',
    'x-api-key': 'hunter2',
    client_secret: 'hunter2',
    client_assertion: 'hunter2',
    token: 'hunter2',
    password: 'hunter2',
    api_key: 'hunter2',
  };
  logger.info({ event: 'a', ...secrets });
  logger.info({ event: 'b', headers: secrets });
  logger.info({ event: 'c', request: { headers: secrets } });
  logger.error({ event: 'd', err: Object.assign(new Error('refused'), { request: secrets }) });
  assert.equal(lines.length, 4);
  for (const line of lines) {
    assert.ok(!line.includes('hunter2'), line);
    assert.ok(line.includes('[redacted]'));
  }
});

test('a line is JSON with a time, a level by its name and the fields given', () => {
  const { lines, destination } = captured();
  withoutRedaction(createLogger('info', destination)).info({ event: 'started', port: 4400 });
  const { time, ...rest } = JSON.parse(lines[0] ?? '');
  assert.deepEqual(rest, { level: 'info', pid: process.pid, event: 'started', port: 4400 });
  assert.ok(Date.now() - Date.parse(time) < 60_000);
});

test('lines below the level are not written', () => {
  const { lines, destination } = captured();
  createLogger('warn', destination).info({ event: 'quiet' });
  assert.deepEqual(lines, []);
});
