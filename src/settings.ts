/**
 * Every setting by its environment variable: what it means, what holds where it is not set, and which texts it takes.
 * `docs/configuration.md` is written from this table. Rules that join two settings are in `config.ts`.
 * No message here repeats the value it refuses: it may be a secret, or one pasted into the wrong place.
 */
import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

/** Where everything is kept. */
export type StoreLocation =
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'mongodb'; readonly uri: string; readonly database: string };

/** How to make the fix for a missing or a wrong key; shown with every fault about it. */
export const KEY_HOWTO = 'make one with: openssl rand -base64 32';

/** A text that `read` turns into a value; it throws the sentence that says what is wrong. */
function text<T>(read: (value: string) => T) {
  return z.string().transform((value, context) => {
    try {
      return read(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'is wrong' });
      return z.NEVER;
    }
  });
}

function wholeNumber(least: number, most: number) {
  return text((value) => {
    const number = Number(value);
    if (!/^\d{1,10}$/.test(value) || number < least || number > most) {
      throw new Error(`must be a whole number from ${least} to ${most}`);
    }
    return number;
  });
}

function oneOf<const T extends string>(...choices: readonly T[]) {
  return z.enum(choices, { error: `must be one of ${choices.join(', ')}` });
}

function readHost(value: string): string {
  const name = /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
  if (isIP(value) === 0 && !name.test(value)) {
    throw new Error('must be an address or a host name, without a port (IPv6 without brackets)');
  }
  return value;
}

function readIssuer(value: string): string {
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw new Error('must be a URL such as https://login.example.com');
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new Error('must begin with https:// or http://');
  const faults = [];
  if (url.username !== '' || url.password !== '') faults.push('a user name or password');
  if (value.includes('?')) faults.push('a query');
  if (value.includes('#')) faults.push('a fragment');
  if (url.pathname !== '/') faults.push('a path (serve Latchkey at the root of a host name of its own)');
  else if (/\/(?=[?#]|$)/.test(value.slice(url.protocol.length + 2))) faults.push('a slash at its end');
  if (faults.length > 0) throw new Error(`must not have ${faults.join(', ')}`);
  // Clients compare the issuer letter by letter, so only the one normal spelling is taken.
  if (value !== url.origin) throw new Error(`must be written as ${url.origin}`);
  return value;
}

const MONGODB_URI = /^mongodb(?:\+srv)?:\/\/(?:[^/?#@]*@)?[^/?#@]+(?:\/([^/?#]*))?(?:\?[^#]*)?$/;

function readStore(value: string): StoreLocation {
  if (value.startsWith('sqlite:')) {
    const path = value.slice('sqlite:'.length);
    if (path === '' || path.startsWith('//') || path.includes(':memory:') || path.includes('?')) {
      throw new Error('must name a file: sqlite:./data/latchkey.sqlite or sqlite:/var/lib/latchkey.sqlite');
    }
    return { kind: 'sqlite', path };
  }
  if (!/^mongodb(\+srv)?:\/\//.test(value)) throw new Error('must begin with sqlite:, mongodb:// or mongodb+srv://');
  const parts = MONGODB_URI.exec(value);
  if (parts === null) {
    throw new Error('is not a MongoDB URI (percent-encode what is special in the user name and password)');
  }
  const database = parts[1] ?? '';
  if (database === '') throw new Error('must name the database in its path: mongodb://host:27017/latchkey');
  if (!/^[A-Za-z0-9_-]{1,63}$/.test(database)) {
    throw new Error('must name a database of at most 63 letters, digits, _ or - in its path');
  }
  return { kind: 'mongodb', uri: value, database };
}

function readKey(value: string): Buffer {
  const key = Buffer.from(value, 'base64');
  if (!/^[A-Za-z0-9+/]{43}=?$/.test(value) || key.length !== 32) {
    throw new Error(`must be 32 bytes in base64; ${KEY_HOWTO}`);
  }
  return key;
}

function readRanges(value: string): readonly string[] {
  const ranges = value
    .split(',')
    .map((range) => range.trim())
    .filter((range) => range !== '');
  const wrong = ranges.flatMap((range, index) => (ipaddr.isValidCIDR(range) ? [] : [index + 1]));
  if (wrong.length > 0) {
    throw new Error(`must be ranges such as 10.0.0.0/8,fd00::/8; number ${wrong.join(', ')} in the list is not`);
  }
  return ranges;
}

// What connections, proxies and Latchkey itself have a meaning for.
const TAKEN_HEADERS =
  /^(?:authorization|proxy-.*|cookie|host|connection|content-.*|transfer-encoding|te|trailer|upgrade|expect|via|forwarded|x-forwarded-.*|x-latchkey-.*)$/;

function readHeaderName(value: string): string {
  const name = value.toLowerCase();
  if (!/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/.test(name)) {
    throw new Error('must be the name of a header: letters, digits and - alone');
  }
  if (TAKEN_HEADERS.test(name)) throw new Error('must not be a header that means something else');
  return name;
}

/**
 * The rules. In `.meta`, `description` is the meaning, `default` the text that stands in where the variable is not set,
 * and `unset` tells what holds where no one text does.
 */
export const SETTINGS = {
  LATCHKEY_HOST: text(readHost).meta({
    description: 'The address on which it listens. `0.0.0.0` or `::` is every address of the machine.',
    default: '127.0.0.1',
  }),
  LATCHKEY_PORT: wholeNumber(0, 65535).meta({
    description: 'The port on which it listens; `0` takes any free one, and needs `LATCHKEY_ISSUER`.',
    default: '4400',
  }),
  LATCHKEY_ISSUER: text(readIssuer).meta({
    description:
      'The issuer exactly as clients see it: scheme and host name (and port), without path or slash at its end. Every URL that Latchkey gives out and every audience that it accepts derives from it, never from the `Host` header. Serve it at the root of its own host name.',
    unset: '`http://127.0.0.1:<port>`; `https` where it serves TLS itself',
  }),
  LATCHKEY_TLS_CERT_FILE: z.string().meta({
    description: 'The certificate chain (PEM) with which to serve https; needs `LATCHKEY_TLS_KEY_FILE`.',
    unset: 'none: plain http, for a proxy in front that ends TLS',
  }),
  LATCHKEY_TLS_KEY_FILE: z.string().meta({
    description: 'The private key (PEM) of that certificate.',
    unset: 'none',
  }),
  LATCHKEY_STORE: text(readStore).meta({
    description:
      'Where everything is kept: `sqlite:<file>`, or a `mongodb://` or `mongodb+srv://` URI with the database in its path. MongoDB must be a replica set or a sharded cluster; a standalone server is refused.',
    default: 'sqlite:./data/latchkey.sqlite',
  }),
  LATCHKEY_KEYS_DIR: z.string().meta({
    description:
      'Where the generated key-encryption key lies (mode 0600). Signing keys do not lie there but sealed in the store.',
    default: './keys',
  }),
  LATCHKEY_KEY_ENCRYPTION_KEY: text(readKey).meta({
    description: `The key that seals signing keys and recoverable secrets in the store: 32 bytes in base64 (\`openssl rand -base64 32\`), the same on every node. The store holds a check value: a node with another key refuses to start.`,
    unset: 'generated into the keys folder on the embedded store; required with MongoDB',
  }),
  LATCHKEY_KEY_ENCRYPTION_KEY_FILE: z.string().meta({
    description: 'A file that holds that key instead, such as a mounted secret. Only one of the two may be set.',
    unset: 'none',
  }),
  LATCHKEY_TRUSTED_PROXIES: wholeNumber(0, 32).meta({
    description:
      'How many proxies in front may set `X-Forwarded-*`; what others wrote there is ignored. On the forward-auth paths the gateway that asks counts as one more.',
    default: '0',
  }),
  LATCHKEY_FORWARD_AUTH_ALLOW: text(readRanges).meta({
    description:
      'From which addresses [forward-auth](forward-auth.md) may be asked, beside those of configured gateways: CIDR ranges, comma-separated; everybody else gets 403.',
    default: '127.0.0.0/8,::1/128',
  }),
  LATCHKEY_API_KEY_HEADER: text(readHeaderName).meta({
    description:
      'The header in which clients of a gateway send API keys, as [forward-auth](forward-auth.md) reads it. The admin API takes `x-api-key` alone.',
    default: 'x-api-key',
  }),
  LATCHKEY_WORKERS: wholeNumber(1, 256).meta({
    description: 'How many processes share the port; `--workers` on the command line goes first.',
    default: '1',
  }),
  LATCHKEY_LOG_LEVEL: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent').meta({
    description: 'The least level that is logged: `fatal`, `error`, `warn`, `info`, `debug`, `trace`, or `silent`.',
    default: 'info',
  }),
  LATCHKEY_DEMO: oneOf('true', 'false').meta({
    description: 'Whether the first start creates the demo application.',
    unset: '`true` on a brand-new embedded store, else `false`',
  }),
  LATCHKEY_FIRST_START: oneOf('auto', 'on', 'off').meta({
    description:
      'Whether this node may set up an empty database: `on`, `off`, or `auto`, which is `on` for the embedded store alone. Of several nodes exactly one does it.',
    unset: '`auto` on the embedded store, else `off`',
  }),
  LATCHKEY_FIRST_START_FILE: z.string().meta({
    description:
      'Where the first start writes (mode 0600, never over an existing file) the credentials that it otherwise prints, as JSON.',
    unset: 'none: they are printed once',
  }),
  LATCHKEY_KEY_ANNOUNCE_SECONDS: wholeNumber(0, 604_800).meta({
    description: 'How long a signing key is published before it signs; also the max-age of the JWKS.',
    default: '600',
  }),
  LATCHKEY_MAX_STALE_SECONDS: wholeNumber(1, 604_800).meta({
    description: 'How long a node cut off from its store goes on serving what it knows; from then on it answers 503.',
    default: '300',
  }),
  LATCHKEY_AUDIT_CHECKPOINT_FILE: z.string().meta({
    description:
      'A file to which each signed checkpoint of the audit trail is appended, beside the log: best on another machine.',
    unset: 'none: checkpoints are in the log',
  }),
  LATCHKEY_METRICS_PORT: wholeNumber(0, 65535).meta({
    description: 'A separate, private port for `/metrics`.',
    unset: 'the same port',
  }),
  LATCHKEY_OUTGOING_ALLOW: text(readRanges).meta({
    description:
      'Private address ranges (CIDR, comma-separated) that outgoing calls (`jwks_uri`, webhooks, gateways) may reach, plain `http` included; every other private address is refused.',
    unset: 'none',
  }),
};

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS;

/** What each setting reads as. */
export type SettingValues = { [N in SettingName]: z.infer<(typeof SETTINGS)[N]> };
