/** A process that writes until it is killed, and prints each commit that was acknowledged. `crashes.ts` starts it. */
import { writeSync } from 'node:fs';
import { openStorage } from '../../src/storage/open.ts';
import { book, books, inserted, loan, loans, required } from './tables.ts';

const [uri = '', name = ''] = process.argv.slice(2);
const WRITERS = 4;

const storage = await openStorage(uri);
// Synchronously: what is acknowledged must be out before the process can be killed.
writeSync(1, 'ready\n');
await Promise.all(Array.from({ length: WRITERS }, (_, n) => writeForever(`${name}-${n}`)));

async function writeForever(writer: string): Promise<void> {
  for (let n = 0; ; n++) {
    const id = `${writer}-${n}`;
    const it = book(id);
    await storage.commit([
      inserted(books, it),
      inserted(loans, loan(`${id}-a`, [id])),
      inserted(loans, loan(`${id}-b`, [id])),
    ]);
    writeSync(1, `${id}\n`);
    await storage.put(loans, loan(`${id}-put`, []));
    await storage.commit([required(books, it)]);
    writeSync(1, `${id}-put\n`);
  }
}
