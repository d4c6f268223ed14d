/** Lines are read as they come, however they are cut, and nothing is kept of what is too long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type BodyLine, bodyLines } from '../../src/http/body-lines.ts';

const LIMITS = { lineBytes: 10, lines: 4 };

async function* inChunks(text: string, length: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length; from += length) yield bytes.subarray(from, from + length);
}

async function read(body: AsyncIterable<Buffer>): Promise<string[]> {
  const told = (line: BodyLine) => ('bytes' in line ? line.bytes.toString() : line.mistake);
  const lines: string[] = [];
  for await (const line of bodyLines(body, LIMITS)) lines.push(`${line.number} ${told(line)}`);
  return lines;
}

test('lines are the same however the body is cut, blank ones are counted and passed over', async () => {
  for (const length of [1, 2, 3, 7, 100]) {
    assert.deepEqual(await read(inChunks('\ufeffone\r\n \n0123456789\nlast', length)), [
      '1 one\r',
      '3 0123456789',
      '4 last',
    ]);
  }
});

test('a line that is too long is named, and the next is read', async () => {
  for (const length of [1, 4, 100]) {
    assert.deepEqual(await read(inChunks('0123456789a\ntwo\n', length)), ['1 has more than 10 bytes', '2 two']);
  }
});

test('what is beyond the last line is not read', async () => {
  const lines = await read(inChunks('1\n2\n3\n4\n5\n6\n', 1));
  assert.deepEqual(lines.slice(0, 4), ['1 1', '2 2', '3 3', '4 4']);
  assert.equal(lines.length, 5);
  assert.match(lines[4] ?? '', /^5 is beyond the 4 lines/);
});

test('a line without an end takes no more memory than its limit', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const chunks: WeakRef<ArrayBufferLike>[] = [];
  let alive = 0;
  async function* endless() {
    for (let n = 0; n < 50; n++) {
      const chunk = Buffer.alloc(64 * 1024, 'x');
      chunks.push(new WeakRef(chunk.buffer));
      yield chunk;
    }
    for (let n = 0; n < 3; n++) {
      await turn();
      collect();
    }
    alive = chunks.filter((chunk) => chunk.deref() !== undefined).length;
  }
  assert.deepEqual(await read(endless()), ['1 has more than 10 bytes']);
  assert.ok(alive <= 3, `${alive} of 50 chunks are still kept`);
});
