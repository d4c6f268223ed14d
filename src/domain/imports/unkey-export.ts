/** Keys as Unkey keeps them: their SHA-256, what they begin with, and what they may. */
import { z } from 'zod';
import { type ExportEntry, noExport, told } from './export-entry.ts';

const UnkeyKey = z.object({
  hash: z
    .union([z.string(), z.object({ value: z.string(), variant: z.literal('sha256_base64').optional() })])
    .optional(),
  start: z.string().nullish(),
  prefix: z.string().nullish(),
  name: z.string().nullish(),
  enabled: z.boolean().nullish(),
  /** Milliseconds since 1970, or RFC 3339. */
  expires: z.union([z.int(), z.string()]).nullish(),
  roles: z.array(z.string()).nullish(),
  permissions: z.array(z.string()).nullish(),
  environment: z.string().nullish(),
  remaining: z.unknown().optional(),
  credits: z.unknown().optional(),
  ratelimit: z.unknown().optional(),
  ratelimits: z.unknown().optional(),
  ownerId: z.string().nullish(),
  externalId: z.string().nullish(),
});
type UnkeyKey = z.infer<typeof UnkeyKey>;

const UnkeyKeys = z.union([
  z.array(UnkeyKey),
  z.object({ keys: z.array(UnkeyKey) }).transform(({ keys }) => keys),
  z.object({ data: z.array(UnkeyKey) }).transform(({ data }) => data),
]);

const LIMITS = ['remaining', 'credits', 'ratelimit', 'ratelimits'] as const;
const OWNERS = ['ownerId', 'externalId'] as const;

/** @returns an entry for each key @throws DomainError `malformed` */
export function unkeyEntries(parsed: unknown): ExportEntry[] {
  const { data } = UnkeyKeys.safeParse(parsed);
  if (data === undefined) throw noExport('a list of keys as Unkey has it');
  return data.map((key): ExportEntry => {
    const expires_at = endOf(key);
    if (expires_at !== undefined && Date.parse(expires_at) <= Date.now())
      return { skipped: `expired at ${expires_at}` };
    const isSet = (value: unknown) =>
      value !== null && value !== undefined && !(Array.isArray(value) && value.length === 0);
    const limits = LIMITS.filter((name) => isSet(key[name]));
    const owners = OWNERS.filter((name) => isSet(key[name]));
    return {
      row: rowOf(key, expires_at),
      wanted: { audiences: [], names: [...(key.roles ?? []), ...(key.permissions ?? [])] },
      warnings: [
        ...limits.map((name) => `${name}: is not carried over; a policy limits keys here`),
        ...owners.map((name) => `${name}: is not carried over`),
      ],
    };
  });
}

function rowOf({ hash, start, prefix, name, enabled, environment }: UnkeyKey, expires_at: string | undefined) {
  const isOurs = environment === 'production' || environment === 'sandbox';
  return told({
    kind: 'api_key',
    name: name?.trim() || start || prefix || 'Unnamed',
    api_key_hash: typeof hash === 'string' ? hash : hash?.value,
    prefix: start ?? prefix,
    enabled,
    expires_at,
    environment: isOurs ? environment : undefined,
  });
}

function endOf({ expires }: UnkeyKey): string | undefined {
  if (expires === null || expires === undefined || expires === 0 || expires === '') return undefined;
  const at = new Date(expires);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}
