/** Where a program reads the published keys: a server's JWKS, or the store that a server keeps them in. */
import { z } from 'zod';
import type { Config } from './config.ts';
import { readInstallation } from './domain/installation/installation.ts';
import { signingKeys, stateOf } from './domain/signing-keys/signing-keys.ts';
import { createOutgoing } from './http/outgoing.ts';
import type { PublishedKey } from './key-files.ts';
import { openStorage } from './storage/open.ts';

/** A source that may be asked again and again. */
export interface KeySource {
  read(): Promise<PublishedKey[]>;
  close(): Promise<void>;
}

const JWKS_PATH = '/.well-known/jwks.json';
const Jwks = z.object({ keys: z.array(z.record(z.string(), z.string())) });

const ANYWHERE = ['0.0.0.0/0', '::/0'];
const LOOPBACK = ['127.0.0.0/8', '::1/128'];

/**
 * By https from anywhere: the operator names the address. By plain http, where keys could be exchanged on the way, from
 * this machine alone, and from what `LATCHKEY_OUTGOING_ALLOW` allows.
 * @param issuer the address of the server
 */
export function keysOfServer(issuer: string, outgoingAllow: readonly string[]): KeySource {
  const url = `${issuer.replace(/\/+$/, '')}${JWKS_PATH}`;
  const allow = url.startsWith('https:') ? ANYWHERE : [...LOOPBACK, ...outgoingAllow];
  const fetchKeys = createOutgoing({ allow, remembersFailures: false });
  return {
    async read() {
      const response = await fetchKeys(url);
      if (!response.ok) throw new Error(`${url} answers ${response.status}`);
      const read = Jwks.safeParse(await response.json().catch(() => undefined));
      if (!read.success) throw new Error(`${url} answers no JWKS`);
      return read.data.keys;
    },
    close: async () => {},
  };
}

/** @throws Error where the store is not set up yet */
export async function keysOfStore({ store }: Pick<Config, 'store'>): Promise<KeySource> {
  const storage = await openStorage(store.kind === 'sqlite' ? `sqlite:${store.path}` : store.uri);
  if ((await readInstallation(storage)) === undefined) {
    await storage.close();
    throw new Error('This store is not set up yet: start Latchkey first, or name a server by --from.');
  }
  return {
    async read() {
      const now = Date.now();
      const keys = await storage.all(signingKeys);
      return keys.filter((key) => stateOf(key, now) !== 'removed').map(({ public_jwk }) => public_jwk);
    },
    close: () => storage.close(),
  };
}
