/**
 * Makes a new MongoDB replica set fit for Latchkey, or finds it so: initiates it, creates the root user, and gives
 * Latchkey a user that may read and write its one database and nothing else. Run it as often as you like.
 *
 * It has to reach the first member on loopback: MongoDB lets nobody but a local client create the first user.
 *
 *   MONGO_FIRST_MEMBER    host:port of the first member on loopback (127.0.0.1:27017)
 *   MONGO_MEMBERS         every member as host:port, comma-separated, as they and Latchkey reach each other
 *   MONGO_REPLICA_SET     the set's name (rs0)
 *   MONGO_ROOT_PASSWORD, MONGO_LATCHKEY_PASSWORD
 *   MONGO_DATABASE        Latchkey's database (latchkey)
 */
import { MongoClient, MongoServerError } from 'mongodb';

const ROOT = 'root';
const LATCHKEY = 'latchkey';
const PATIENCE_MS = 60_000;

interface Setting {
  readonly first: string;
  readonly members: readonly string[];
  readonly set: string;
  readonly rootPassword: string;
  readonly latchkeyPassword: string;
  readonly database: string;
}

function readSetting(env: NodeJS.ProcessEnv): Setting {
  return {
    first: env.MONGO_FIRST_MEMBER || '127.0.0.1:27017',
    members: (env.MONGO_MEMBERS ?? '').split(',').filter((member) => member !== ''),
    set: env.MONGO_REPLICA_SET || 'rs0',
    rootPassword: passwordOf('MONGO_ROOT_PASSWORD', env.MONGO_ROOT_PASSWORD),
    latchkeyPassword: passwordOf('MONGO_LATCHKEY_PASSWORD', env.MONGO_LATCHKEY_PASSWORD),
    database: env.MONGO_DATABASE || 'latchkey',
  };
}

/** It becomes part of a URI as it is. */
function passwordOf(name: string, value = ''): string {
  if (/^[A-Za-z0-9._~-]{16,}$/.test(value)) return value;
  throw new Error(`${name} must be 16 or more letters, digits, or . _ ~ - ; make one with: openssl rand -hex 24`);
}

async function initiate(first: MongoClient, { set, members }: Setting): Promise<void> {
  const state = await first.db('admin').command({ hello: 1 });
  if (state.setName !== undefined) return;
  const config = { _id: set, members: members.map((host, _id) => ({ _id, host })) };
  try {
    await first.db('admin').command({ replSetInitiate: config });
    console.log(`initiated the replica set ${set}`);
  } catch (error) {
    if (!(error instanceof MongoServerError) || error.codeName !== 'AlreadyInitialized') throw error;
  }
}

/** Waits until the set has elected a primary. @returns whether it is the first member. */
async function hasBecomePrimary(first: MongoClient): Promise<boolean> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (Date.now() < giveUpAt) {
    const state = await first.db('admin').command({ hello: 1 });
    if (state.isWritablePrimary) return true;
    // One that was just elected still calls itself a secondary, and names itself.
    if (state.secondary && state.primary !== undefined && state.primary !== state.me) return false;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('the replica set has no primary after a minute: are all its members up?');
}

/** Where there is a user already, MongoDB refuses; whether it is ours shows when it is used. */
async function createRoot(first: MongoClient, { rootPassword }: Setting): Promise<void> {
  try {
    await first.db('admin').command({ createUser: ROOT, pwd: rootPassword, roles: ['root'] });
    console.log('created the root user');
  } catch (error) {
    if (!(error instanceof MongoServerError) || error.codeName !== 'Unauthorized') throw error;
  }
}

async function giveLatchkeyItsUser(setting: Setting): Promise<void> {
  const { members, set, rootPassword, latchkeyPassword, database } = setting;
  const uri = `mongodb://${ROOT}:${rootPassword}@${members.join(',')}/admin?replicaSet=${set}&w=majority`;
  const root = new MongoClient(uri, { serverSelectionTimeoutMS: PATIENCE_MS });
  try {
    const user = { pwd: latchkeyPassword, roles: [{ role: 'readWrite', db: database }] };
    const { users } = await root.db(database).command({ usersInfo: LATCHKEY });
    await root
      .db(database)
      .command(users.length > 0 ? { updateUser: LATCHKEY, ...user } : { createUser: LATCHKEY, ...user });
    console.log(`the user ${LATCHKEY} may read and write the database ${database}`);
  } finally {
    await root.close();
  }
}

const setting = readSetting(process.env);
const first = new MongoClient(`mongodb://${setting.first}/?directConnection=true`, {
  serverSelectionTimeoutMS: PATIENCE_MS,
});
try {
  await initiate(first, setting);
  if (await hasBecomePrimary(first)) await createRoot(first, setting);
} finally {
  await first.close();
}
await giveLatchkeyItsUser(setting);
