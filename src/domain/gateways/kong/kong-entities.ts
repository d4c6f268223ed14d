/**
 * What of ours is in a Kong: a consumer for each client and each API key, with what it proves itself by and its groups.
 * Every one has an id of our making and our tags, so that it is found again whatever anybody did to it, and nothing
 * else is ever touched.
 */
import { createHash } from 'node:crypto';

/** By the names of Kong's collections. */
export const KONG_KINDS = ['consumers', 'jwts', 'acls', 'key-auths'] as const;
export type KongKind = (typeof KONG_KINDS)[number];

/** One entity, as it is to be or as Kong has it. */
export interface KongEntity {
  readonly kind: KongKind;
  /** A UUID. */
  readonly id: string;
  /** The id of the consumer that it belongs to; null for a consumer. */
  readonly consumer: string | null;
  /** By which a person tells it: never a key that proves anything. */
  readonly name: string;
  /** What is compared. Of an API key its hash, for nothing else is known of it. */
  readonly members: Readonly<Record<string, string>>;
  /** It may be there as well as not. */
  readonly isOptional?: boolean;
  /** Sorted. */
  readonly tags: readonly string[];
}

const NAMESPACE = Buffer.from('3d5bd2aa5d3c4b1e9f0e4a4c6b6b6f11', 'hex');

/** @returns the tags of all that a gateway has in its Kong: the first says whose it is, the second by which gateway */
export function tagsOf(gatewayId: string): string[] {
  return [`latchkey:${gatewayId}`, 'managed-by:latchkey'];
}

/** @returns the UUID (RFC 9562 section 5.5: made from names) of what these name in the Kong of a gateway */
export function kongId(gatewayId: string, ...names: readonly string[]): string {
  const hash = createHash('sha1')
    .update(NAMESPACE)
    .update(JSON.stringify([gatewayId, ...names]));
  const bytes = hash.digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** @param holderId a client's id or an API key's @returns the id of its consumer */
export function consumerId(gatewayId: string, holderId: string): string {
  return kongId(gatewayId, 'consumers', holderId);
}
