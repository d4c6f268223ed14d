/** What a store holds, read past Latchkey: with the database's own driver. */
import { globSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { BSON, MongoClient } from 'mongodb';

/** Every row of every table, as text; a store that is not there yet has none. */
export async function rowsOf(uri: string): Promise<Map<string, string[]>> {
  const rows = uri.startsWith('sqlite:') ? rowsOfFile(uri.slice('sqlite:'.length)) : await rowsOfDatabase(uri);
  return new Map([...rows].filter(([, held]) => held.length > 0).map(([name, held]) => [name, held.sort()]));
}

/** Every byte of it. */
export async function bytesOf(uri: string): Promise<Buffer> {
  if (uri.startsWith('sqlite:')) {
    // The write-ahead log and the shared memory lie beside the file.
    return Buffer.concat(globSync(`${uri.slice('sqlite:'.length)}*`).map((path) => readFileSync(path)));
  }
  const documents: Uint8Array[] = [];
  await eachCollection(uri, async (collection) => {
    for await (const document of collection.find()) documents.push(BSON.serialize(document));
  });
  return Buffer.concat(documents);
}

function rowsOfFile(path: string): Map<string, string[]> {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    return new Map(
      tables.map(({ name }) => [
        String(name),
        database
          .prepare(`SELECT * FROM "${name}"`)
          .all()
          .map((row) => JSON.stringify(row)),
      ]),
    );
  } finally {
    database.close();
  }
}

async function rowsOfDatabase(uri: string): Promise<Map<string, string[]>> {
  const rows = new Map<string, string[]>();
  await eachCollection(uri, async (collection) => {
    rows.set(
      collection.collectionName,
      (await collection.find().toArray()).map((row) => JSON.stringify(row)),
    );
  });
  return rows;
}

type AnyCollection = ReturnType<ReturnType<MongoClient['db']>['collection']>;

async function eachCollection(uri: string, visit: (collection: AnyCollection) => Promise<void>): Promise<void> {
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 20_000 });
  try {
    for (const { name } of await client.db().listCollections().toArray()) await visit(client.db().collection(name));
  } finally {
    await client.close();
  }
}
