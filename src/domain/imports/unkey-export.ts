/** Keys as Unkey keeps them: their SHA-256, what they begin with, and what they may. */
import { z } from 'zod';
import { type ExportEntry, noExport, type OpenExport, openExport, told } from './export-entry.ts';

/** A boolean, as MySQL writes it too. Its column is never null: what a null would mean nobody can know. */
const Flag = z
  .union([z.boolean(), z.literal([0, 1])], { error: 'must be true or false, or 1 or 0' })
  .transform((given) => given === true || given === 1);

/** Milliseconds since 1970, RFC 3339, or as MySQL writes it, in UTC. What cannot be read must not become never. */
const End = z
  .union([z.int().positive(), z.string()], { error: 'must be in milliseconds since 1970, or RFC 3339' })
  .nullish()
  .transform((given, context) => {
    if (given === null || given === undefined) return undefined;
    const text = typeof given === 'string' ? given.replace(/^([0-9-]{10}) ([0-9:.]{8,15})$/, '$1T$2Z') : given;
    const isTime = typeof text === 'number' || z.iso.datetime({ offset: true }).safeParse(text).success;
    const at = new Date(text);
    if (isTime && !Number.isNaN(at.getTime())) return at.toISOString();
    context.addIssue({ code: 'custom', message: 'must be in milliseconds since 1970, or RFC 3339' });
    return z.NEVER;
  });

const Hash = z.union(
  [
    z.string(),
    z.object({ value: z.string(), variant: z.literal('sha256_base64').nullish() }).transform((it) => it.value),
  ],
  { error: 'must be SHA-256 in base64' },
);

/** Limits and owners, as its API and as its database calls them. */
const LIMITS = ['remaining', 'remaining_requests', 'credits', 'refill', 'ratelimit', 'ratelimits', 'ratelimit_limit'];
const OWNERS = ['ownerId', 'owner_id', 'externalId', 'identity', 'identity_id'];
const DELETIONS = ['deletedAt', 'deleted_at', 'deletedAtM', 'deleted_at_m'];

const UnkeyKey = z
  .object({
    hash: Hash.nullish(),
    start: z.string().nullish(),
    prefix: z.string().nullish(),
    name: z.string().nullish(),
    enabled: Flag.optional(),
    expires: End,
    roles: z.array(z.string()).nullish(),
    permissions: z.array(z.string()).nullish(),
    environment: z.string().nullish(),
  })
  .loose();
type UnkeyKey = z.infer<typeof UnkeyKey>;

const UnkeyKeys = z.union([
  z.array(z.unknown()),
  z.object({ keys: z.array(z.unknown()) }).transform(({ keys }) => keys),
  z.object({ data: z.array(z.unknown()) }).transform(({ data }) => data),
]);

/** @returns the keys @throws DomainError `malformed` */
export function unkeyExport(parsed: unknown): OpenExport {
  const { data } = UnkeyKeys.safeParse(parsed);
  if (data === undefined) throw noExport('a list of keys as Unkey has it');
  const names = ['name', 'start', 'keyId', 'id', 'prefix'];
  return openExport({ entries: data, schema: UnkeyKey, names, read: entryOf });
}

function entryOf(key: UnkeyKey): ExportEntry {
  const { expires, environment } = key;
  const isSet = (name: string) => says(key[name]);
  if (DELETIONS.some(isSet)) return { skipped: 'was deleted' };
  if (expires !== undefined && Date.parse(expires) <= Date.now()) return { skipped: `expired at ${expires}` };
  const isElsewhere = says(environment) && !isOurs(environment);
  return {
    row: rowOf(key),
    wanted: { audiences: [], names: [...(key.roles ?? []), ...(key.permissions ?? [])] },
    warnings: [
      ...LIMITS.filter(isSet).map((name) => `${name}: is not carried over; a policy limits keys here`),
      ...OWNERS.filter(isSet).map((name) => `${name}: is not carried over`),
      ...(isElsewhere ? ['environment: is none of those here, and is not carried over'] : []),
      ...(isUsedUp(key) ? ['has no uses left: it is disabled'] : []),
    ],
  };
}

function rowOf(key: UnkeyKey) {
  const { hash, start, prefix, name, enabled, environment, expires } = key;
  return told({
    kind: 'api_key',
    name: name?.trim() || start || prefix || 'Unnamed',
    api_key_hash: hash,
    prefix: start ?? prefix,
    enabled: isUsedUp(key) ? false : enabled,
    expires_at: expires,
    environment: isOurs(environment) ? environment : undefined,
  });
}

function isOurs(environment: unknown): boolean {
  return environment === 'production' || environment === 'sandbox';
}

/** Unkey refuses it, until it is refilled. */
function isUsedUp({ remaining, remaining_requests, credits }: UnkeyKey): boolean {
  const left = typeof credits === 'object' && credits !== null ? Reflect.get(credits, 'remaining') : credits;
  return [remaining, remaining_requests, left].includes(0);
}

function says(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
}
