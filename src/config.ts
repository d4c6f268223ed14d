/**
 * Environment and command line -> one typed `Config`, read once and whole. Knows no process: what it reads is given.
 */
import { accessSync, constants, readFileSync } from 'node:fs';
import ipaddr from 'ipaddr.js';
import { nearestName } from './nearest-name.ts';
import { KEY_HOWTO, SETTINGS, type SettingName, type SettingValues, type StoreLocation } from './settings.ts';

export interface Config {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly issuer: string;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly store: StoreLocation;
  readonly keysDir: string;
  /** 32 bytes. Undefined only on the embedded store: taken from, or made in, `keysDir`. */
  readonly keyEncryptionKey: Buffer | undefined;
  readonly trustedProxies: number;
  /** CIDR ranges. */
  readonly forwardAuthAllow: readonly string[];
  /** In lower case. */
  readonly apiKeyHeader: string;
  readonly workers: number;
  readonly logLevel: SettingValues['LATCHKEY_LOG_LEVEL'];
  /** Undefined: yes on a brand-new embedded store, else no. */
  readonly demo: boolean | undefined;
  readonly firstStart: 'auto' | 'on' | 'off';
  readonly firstStartFile: string | undefined;
  readonly keyAnnounceSeconds: number;
  readonly maxStaleSeconds: number;
  /** Undefined: `/metrics` is served on `port`. */
  readonly metricsPort: number | undefined;
  /** Undefined: checkpoints of the audit trail are in the log alone. */
  readonly auditCheckpointFile: string | undefined;
  /** CIDR ranges. */
  readonly outgoingAllow: readonly string[];
}

/** The configuration is wrong. The message lists every fault, and no value that was given. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`The configuration is wrong:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

type Given = Partial<Record<SettingName, string>>;

/**
 * Reads the whole configuration.
 * @param env the environment; an empty value counts as not set
 * @param argv the command line behind the script's name: `--workers N` or nothing
 * @returns the configuration, and what the operator should hear about it although it holds
 * @throws ConfigError naming every fault at once
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  argv: readonly string[],
): { config: Config; warnings: string[] } {
  const faults: string[] = [];
  const warnings: string[] = [];
  const given = readEnvironment(env, faults, warnings);
  readCommandLine(argv, given, faults);
  readKeyFile(given, faults);
  const values = readValues(given, faults);
  checkTogether(given, values, faults, warnings);
  if (faults.length > 0) throw new ConfigError(faults);
  return { config: configOf(values), warnings };
}

/** @returns the issuer where the operator names none. */
export function defaultIssuer(port: number, tls: boolean): string {
  return `${tls ? 'https' : 'http'}://127.0.0.1:${port}`;
}

function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  faults: string[],
  warnings: string[],
): Given {
  const given: Given = {};
  const injected: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('LATCHKEY_') || name.startsWith('LATCHKEY_TEST_') || !value) continue;
    if (isInjectedByKubernetes(name, value)) injected.push(name);
    else if (isSetting(name)) given[name] = value;
    else {
      const nearest = nearestName(name, Object.keys(SETTINGS));
      faults.push(`${name} is not a setting${nearest ? `; did you mean ${nearest}?` : ''}`);
    }
  }
  if (injected.length > 0) {
    warnings.push(`ignored what Kubernetes injects for its Services: ${injected.sort().join(', ')}`);
  }
  return given;
}

/** Kubernetes describes each Service of the namespace in every pod: also one called latchkey, or latchkey-mongodb. */
function isInjectedByKubernetes(name: string, value: string): boolean {
  if (name.startsWith('LATCHKEY_SERVICE_')) return true;
  if (/^LATCHKEY_([A-Z0-9_]+_)?SERVICE_(HOST|PORT)(_|$)/.test(name)) return true;
  if (/^LATCHKEY_([A-Z0-9_]+_)?PORT_\d+_/.test(name)) return true;
  return name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(value);
}

function isSetting(name: string): name is SettingName {
  return Object.hasOwn(SETTINGS, name);
}

function readCommandLine(argv: readonly string[], given: Given, faults: string[]): void {
  const rest = [...argv];
  for (let position = 1; rest.length > 0; position += 1) {
    const [name = '', joined] = (rest.shift() ?? '').split(/=(.*)/s, 2);
    if (name === '--workers') {
      const value = joined ?? rest.shift();
      if (value) given.LATCHKEY_WORKERS = value;
      else faults.push('--workers needs a number behind it');
    } else if (name.startsWith('--')) {
      faults.push(`${name} is not an option; there is --workers <number>, all else is set by the environment`);
    } else {
      faults.push(`argument ${position} of the command line is not understood; there is --workers <number>`);
    }
  }
}

/** Puts the file's content in the place of the value, so that one rule reads both. */
function readKeyFile(given: Given, faults: string[]): void {
  const file = given.LATCHKEY_KEY_ENCRYPTION_KEY_FILE;
  if (file === undefined) return;
  if (given.LATCHKEY_KEY_ENCRYPTION_KEY !== undefined) {
    faults.push('LATCHKEY_KEY_ENCRYPTION_KEY and LATCHKEY_KEY_ENCRYPTION_KEY_FILE are both set: choose one');
    return;
  }
  try {
    given.LATCHKEY_KEY_ENCRYPTION_KEY = readFileSync(file, 'utf8').trim();
  } catch (error) {
    faults.push(`LATCHKEY_KEY_ENCRYPTION_KEY_FILE names a file that cannot be read (${codeOf(error)})`);
  }
}

function readValues(given: Given, faults: string[]): Partial<SettingValues> {
  const values: Record<string, unknown> = {};
  for (const [name, rule] of Object.entries(SETTINGS) as [SettingName, (typeof SETTINGS)[SettingName]][]) {
    const text = given[name] ?? rule.meta()?.default;
    if (text === undefined) continue;
    const read = rule.safeParse(text);
    if (read.success) values[name] = read.data;
    else faults.push(...read.error.issues.map((issue) => `${name} ${issue.message}`));
  }
  // Each value was parsed by the rule of its name just above.
  return values as Partial<SettingValues>;
}

/** The rules that join settings. A setting that is wrong by itself is absent from `values` but not from `given`. */
function checkTogether(given: Given, values: Partial<SettingValues>, faults: string[], warnings: string[]): void {
  const missingKey =
    given.LATCHKEY_KEY_ENCRYPTION_KEY === undefined && given.LATCHKEY_KEY_ENCRYPTION_KEY_FILE === undefined;
  if (values.LATCHKEY_STORE?.kind === 'mongodb' && missingKey) {
    faults.push(`LATCHKEY_KEY_ENCRYPTION_KEY is required with MongoDB, the same on every node; ${KEY_HOWTO}`);
  }
  for (const [name, other] of [
    ['LATCHKEY_TLS_CERT_FILE', 'LATCHKEY_TLS_KEY_FILE'],
    ['LATCHKEY_TLS_KEY_FILE', 'LATCHKEY_TLS_CERT_FILE'],
  ] as const) {
    const file = given[name];
    if (file === undefined) continue;
    if (given[other] === undefined) faults.push(`${name} needs ${other}`);
    try {
      accessSync(file, constants.R_OK);
    } catch (error) {
      faults.push(`${name} names a file that cannot be read (${codeOf(error)})`);
    }
  }
  if (values.LATCHKEY_PORT === 0 && given.LATCHKEY_ISSUER === undefined) {
    faults.push('LATCHKEY_PORT 0 takes any free port, so LATCHKEY_ISSUER must say under which address it is reached');
  }
  const issuer = values.LATCHKEY_ISSUER;
  if (issuer?.startsWith('http:') && !isLoopback(new URL(issuer).hostname)) {
    warnings.push('LATCHKEY_ISSUER is plain http: secrets and tokens cross the network readable; use https');
  }
  if (given.LATCHKEY_ISSUER === undefined && values.LATCHKEY_HOST && !isLoopback(values.LATCHKEY_HOST)) {
    warnings.push(
      'LATCHKEY_ISSUER is not set: what others reach under another name is issued in the name of 127.0.0.1',
    );
  }
}

function configOf(values: Partial<SettingValues>): Config {
  // Nothing was at fault, so everything with a default is there.
  const read = values as SettingValues;
  const { LATCHKEY_TLS_CERT_FILE: cert, LATCHKEY_TLS_KEY_FILE: key, LATCHKEY_METRICS_PORT: metricsPort } = values;
  const tls = cert !== undefined && key !== undefined ? { cert, key } : undefined;
  const port = read.LATCHKEY_PORT;
  return {
    host: read.LATCHKEY_HOST,
    port,
    issuer: values.LATCHKEY_ISSUER ?? defaultIssuer(port, tls !== undefined),
    tls,
    store: read.LATCHKEY_STORE,
    keysDir: read.LATCHKEY_KEYS_DIR,
    keyEncryptionKey: values.LATCHKEY_KEY_ENCRYPTION_KEY,
    trustedProxies: read.LATCHKEY_TRUSTED_PROXIES,
    forwardAuthAllow: read.LATCHKEY_FORWARD_AUTH_ALLOW,
    apiKeyHeader: read.LATCHKEY_API_KEY_HEADER,
    workers: read.LATCHKEY_WORKERS,
    logLevel: read.LATCHKEY_LOG_LEVEL,
    demo: values.LATCHKEY_DEMO === undefined ? undefined : values.LATCHKEY_DEMO === 'true',
    firstStart: firstStartOf(values.LATCHKEY_FIRST_START, read.LATCHKEY_STORE),
    firstStartFile: values.LATCHKEY_FIRST_START_FILE,
    auditCheckpointFile: values.LATCHKEY_AUDIT_CHECKPOINT_FILE,
    keyAnnounceSeconds: read.LATCHKEY_KEY_ANNOUNCE_SECONDS,
    maxStaleSeconds: read.LATCHKEY_MAX_STALE_SECONDS,
    // 0 is any free port, never the same one twice.
    metricsPort: metricsPort === port && port !== 0 ? undefined : metricsPort,
    outgoingAllow: values.LATCHKEY_OUTGOING_ALLOW ?? [],
  };
}

/** `auto` sets up an embedded store; an empty shared database may be somebody's mistake in its name. */
function firstStartOf(asked: Config['firstStart'] = 'auto', store: StoreLocation): Config['firstStart'] {
  return asked === 'auto' && store.kind === 'mongodb' ? 'off' : asked;
}

function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '');
  if (bare === 'localhost' || bare.endsWith('.localhost')) return true;
  return ipaddr.isValid(bare) && ipaddr.process(bare).range() === 'loopback';
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
}
