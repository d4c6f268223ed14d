/**
 * `npm run audit:verify`: walks the audit trail's chain on the host that holds the key and the store, and names the first
 * entry that was altered, taken out or cut off. `-- --checkpoints <file>` holds it against checkpoints that left the store.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { readConfig } from './config.ts';
import { type Checkpoint, CheckpointKey, openCheckpoint } from './domain/audit/checkpoints.ts';
import { type ChainReport, verifyChain } from './domain/audit/verification.ts';
import { openServerKeys, readInstallation } from './domain/installation/installation.ts';
import { Sealer } from './domain/installation/sealing.ts';
import { keyEncryptionKey } from './key-encryption-key.ts';
import { openStorage } from './storage/open.ts';

async function verifyAudit(checkpointFile: string | undefined): Promise<ChainReport & { checkpoints: number }> {
  const { config } = readConfig(process.env, []);
  const { store } = config;
  const storage = await openStorage(store.kind === 'sqlite' ? `sqlite:${store.path}` : store.uri);
  try {
    const installation = await readInstallation(storage);
    if (installation === undefined) throw new Error('This store is not set up yet: there is nothing to verify.');
    const sealer = new Sealer(await keyEncryptionKey(config.keyEncryptionKey, config.keysDir, false));
    const key = new CheckpointKey(openServerKeys(installation, sealer).audit_checkpoint);
    const checkpoints = checkpointFile === undefined ? [] : await readCheckpoints(checkpointFile, key.publicKey);
    const report = await verifyChain(storage, { checkpoints, onProgress: showProgress });
    return { ...report, checkpoints: checkpoints.length };
  } finally {
    await storage.close();
  }
}

/** Reads checkpoints one a line; a line of the log that holds one will do. */
async function readCheckpoints(path: string, publicKey: string): Promise<Checkpoint[]> {
  const text = await readFile(path, 'utf8');
  const found = text.match(/[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{86}/g) ?? [];
  if (found.length === 0) throw new Error(`${path} holds no checkpoint.`);
  return found.map((jws) => openCheckpoint(jws, publicKey));
}

function showProgress(verified: number, total: number): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r${verified} of ${total} entries`);
  if (verified === total) process.stderr.write('\n');
}

try {
  const { values } = parseArgs({ options: { checkpoints: { type: 'string' } } });
  const { verified, hash, fault, checkpoints } = await verifyAudit(values.checkpoints);
  if (fault === null) {
    process.stdout.write(`The audit trail is whole: ${verified} entries, the last one's hash is ${hash}.\n`);
    if (checkpoints === 0) {
      process.stdout.write('Without a checkpoint a cut tail does not show: give one by -- --checkpoints <file>.\n');
    } else process.stdout.write(`It holds against ${checkpoints} checkpoints.\n`);
  } else {
    process.stdout.write(`The audit trail is NOT whole: ${fault.detail} (${fault.kind}; ${verified} before it are).\n`);
    process.exitCode = 1;
  }
} catch (error) {
  process.stderr.write(`Nothing was verified. ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
