/** `npm run owner:link`: makes another sign-in link for the first owner, on the host that holds the key and the store. */

import { readConfig } from './config.ts';
import { systemAuthor } from './domain/audit/author.ts';
import { readInstallation } from './domain/installation/installation.ts';
import { members } from './domain/members/members.ts';
import {
  LINK_LIFETIME_SECONDS,
  makeSignInLink,
  ownerWithoutPassword,
  signInUrl,
} from './domain/members/sign-in-links.ts';
import { Unit } from './domain/unit.ts';
import { openStorage } from './storage/open.ts';

async function ownerLink(): Promise<string> {
  const { config } = readConfig(process.env, []);
  const { store, issuer } = config;
  const storage = await openStorage(store.kind === 'sqlite' ? `sqlite:${store.path}` : store.uri);
  try {
    if ((await readInstallation(storage)) === undefined) {
      throw new Error('This store is not set up yet: start Latchkey first (npm start), with the same settings.');
    }
    const owner = await ownerWithoutPassword(storage);
    const unit = new Unit({ author: systemAuthor('owner-link') });
    const token = makeSignInLink(unit, owner.id);
    unit.require(members, owner);
    await unit.commit(storage, async () => {});
    return signInUrl(issuer, token);
  } finally {
    await storage.close();
  }
}

try {
  const link = await ownerLink();
  process.stdout.write(`${link}\n(works once, for ${LINK_LIFETIME_SECONDS / 60} minutes)\n`);
} catch (error) {
  process.stderr.write(`No link was made. ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
