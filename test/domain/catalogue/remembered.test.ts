import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Remembered } from '../../../src/domain/catalogue/remembered.ts';
import type { Standing } from '../../../src/domain/catalogue/standing.ts';

/** Standings whose readings answer when the test says so, in the order in which they were begun. */
function slowlyRead() {
  const readings: (PromiseWithResolvers<Standing | undefined> & { clientId: string })[] = [];
  const known = new Remembered<Standing>((clientId) => {
    const reading = { ...Promise.withResolvers<Standing | undefined>(), clientId };
    readings.push(reading);
    return reading.promise;
  });
  return { known, readings };
}

function standingOf(applicationId: string): Standing {
  return { application: { id: applicationId } } as Standing;
}

const FORGETTING: Record<string, (known: Remembered<Standing>) => void> = {
  'of its own': (known) => known.forget('cli_1'),
  'with its application': (known) => known.forgetWhere(({ application }) => application.id === 'app_1'),
  'with all others': (known) => known.forgetAll(),
};

for (const [how, forget] of Object.entries(FORGETTING)) {
  for (const found of [standingOf('app_1'), undefined]) {
    const what = found === undefined ? 'no client' : 'a client';
    test(`what is forgotten (${how}) while it is read, and found to be ${what}, is not remembered`, async () => {
      const { known, readings } = slowlyRead();
      const early = known.of('cli_1');
      forget(known);
      readings[0]?.resolve(found);
      assert.equal(await early, found);

      const changed = standingOf('app_1');
      const late = known.of('cli_1');
      assert.equal(readings.length, 2, 'it is read again');
      readings[1]?.resolve(changed);
      assert.equal(await late, changed);
      assert.equal(await known.of('cli_1'), changed);
      assert.equal(readings.length, 2);
    });
  }
}

test('an overtaken reading takes nothing away from the one that overtook it', async () => {
  const { known, readings } = slowlyRead();
  const failing = known.of('cli_1');
  known.forget('cli_1');
  const missing = known.of('cli_1');
  known.forget('cli_1');
  const last = known.of('cli_1');
  readings[0]?.reject(new Error('down'));
  await assert.rejects(failing);
  readings[1]?.resolve(undefined);
  assert.equal(await missing, undefined);
  const standing = standingOf('app_1');
  readings[2]?.resolve(standing);
  assert.equal(await last, standing);
  assert.equal(await known.of('cli_1'), standing);
  assert.equal(readings.length, 3);
});

test('an id that is longer than any is unknown without asking the store', async () => {
  const { known, readings } = slowlyRead();
  assert.equal(await known.of('x'.repeat(301)), undefined);
  assert.equal(readings.length, 0);
  const longest = 'x'.repeat(300);
  void known.of(longest);
  assert.deepEqual(
    readings.map(({ clientId }) => clientId),
    [longest],
  );
});
