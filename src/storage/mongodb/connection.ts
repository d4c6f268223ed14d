/** Connects to MongoDB, and says what is wrong where the server is not one that Latchkey can use. */
import { type Db, MongoClient, type MongoClientOptions, ReadConcern } from 'mongodb';
import { DomainError } from '../../domain/errors.ts';

/** Acknowledged means kept: by a majority, in their journals. Bounded, so that no request waits for a lost majority. */
export const WRITE_CONCERN = { w: 'majority', journal: true, wtimeoutMS: 10_000 } as const;

const OPTIONS: MongoClientOptions = {
  appName: 'latchkey',
  // As in JSON: a member without a value is not there.
  ignoreUndefined: true,
  serverSelectionTimeoutMS: 5_000,
  connectTimeoutMS: 5_000,
  // With both, a server that has frozen is noticed within about ten seconds, whatever is waiting for it.
  heartbeatFrequencyMS: 5_000,
  socketTimeoutMS: 30_000,
};

export interface Connection {
  readonly client: MongoClient;
  readonly db: Db;
}

/**
 * @throws Error, naming the fix, for a URI that cannot be used and for a standalone server
 * @throws DomainError `unavailable` where nothing answers
 */
export async function connect(uri: string): Promise<Connection> {
  const name = databaseIn(uri);
  const client = clientFor(uri);
  try {
    await refuseStandalone(client);
  } catch (error) {
    await client.close();
    throw error;
  }
  // Reads show only what a majority keeps: nothing that a change of primary could take back.
  const readConcern = new ReadConcern('majority');
  return { client, db: client.db(name, { readPreference: 'primary', readConcern, writeConcern: WRITE_CONCERN }) };
}

function databaseIn(uri: string): string {
  const name = /^[^/]+\/\/[^/?]+\/([^?]+)/.exec(uri)?.[1];
  if (name === undefined) {
    throw new Error('The storage URI must name the database in its path: mongodb://host:27017/latchkey');
  }
  return decodeURIComponent(name);
}

function clientFor(uri: string): MongoClient {
  try {
    return new MongoClient(uri, OPTIONS);
  } catch (error) {
    // The driver repeats what it could not read, and that may be a piece of the password.
    const reason = uri.includes('@') ? 'percent-encode what is special in the user name and password' : String(error);
    throw new Error(`The storage URI is not one of MongoDB's (${reason}).`);
  }
}

async function refuseStandalone(client: MongoClient): Promise<void> {
  const { hosts, srvHost } = client.options;
  const place = srvHost ?? hosts.map(String).join(',');
  let hello: { setName?: unknown; msg?: unknown };
  try {
    hello = await client.db('admin').command({ hello: 1 });
  } catch (cause) {
    throw new DomainError('unavailable', `MongoDB at ${place} cannot be reached.`, { cause });
  }
  if (hello.setName !== undefined || hello.msg === 'isdbgrid') return;
  throw new Error(
    `MongoDB at ${place} is a standalone server; Latchkey needs a replica set or sharded cluster: ` +
      'start mongod with --replSet rs0 and run rs.initiate()',
  );
}
