/** A policy: how much may be asked, for how long tokens live, how often they may be got. Shared by profiles and keys. */
import { z } from 'zod';
import { LifetimeSeconds, Name, recordShape } from '../record.ts';
import type { Table } from '../store.ts';

const Requests = z.int().min(1).max(1_000_000_000);
const PerSeconds = z.int().min(1).max(86_400);

export const RateLimit = z.strictObject({ requests: Requests, per_seconds: PerSeconds });
export type RateLimit = z.infer<typeof RateLimit>;

/** Days and months are those of UTC. */
export const Quota = z.strictObject({ requests: Requests, per: z.enum(['day', 'month']) });
export type Quota = z.infer<typeof Quota>;

/** How often tokens may be got: a client that fetches one for each call is told, or refused. */
export const TokenIssuance = z.strictObject({
  requests: Requests,
  per_seconds: PerSeconds,
  mode: z.enum(['warn', 'refuse']),
});
export type TokenIssuance = z.infer<typeof TokenIssuance>;

export const Policy = z.object({
  ...recordShape,
  name: Name,
  rate_limit: RateLimit.nullable(),
  quota: Quota.nullable(),
  max_token_lifetime_seconds: LifetimeSeconds.nullable(),
  token_issuance: TokenIssuance.nullable(),
});
export type Policy = z.infer<typeof Policy>;

export const policies: Table<Policy> = {
  name: 'policies',
  search: (policy) => [policy.name],
  feed: true,
  audit: {
    noun: 'policy',
    members: {
      name: 'shown',
      rate_limit: 'shown',
      quota: 'shown',
      max_token_lifetime_seconds: 'shown',
      token_issuance: 'shown',
    },
  },
};
