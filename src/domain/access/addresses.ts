/** Network addresses and lists of them: IPv4, IPv6, and IPv4 that came as IPv6. */
import { BlockList } from 'node:net';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

const MAPPED_BITS = 96;

/** @returns the one normal spelling of an address, which may have come with a port, brackets or a zone; else undefined. */
export function normalAddress(text: string): string | undefined {
  const trimmed = text.trim();
  const bare =
    /^\[([^\]]*)\](?::\d+)?$/.exec(trimmed)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(trimmed)?.[1] ?? trimmed;
  const address = bare.split('%')[0] ?? '';
  // ipaddr.js alone would also read 127.1, 0x7f000001 and octal.
  if (!ipaddr.IPv6.isValid(address) && !ipaddr.IPv4.isValidFourPartDecimal(address)) return undefined;
  return ipaddr.process(address).toString();
}

/**
 * @returns a range in its one normal spelling (an address alone is a range of one; bits behind the prefix are cleared;
 * IPv4-mapped IPv6 becomes IPv4), or undefined where it is none
 */
export function normalRange(text: string): string | undefined {
  const [address = '', length, ...more] = text.split('/');
  if (
    more.length > 0 ||
    !/^[0-9A-Fa-f.:]+$/.test(address) ||
    (length !== undefined && !/^(0|[1-9]\d{0,2})$/.test(length))
  ) {
    return undefined;
  }
  if (!ipaddr.IPv6.isValid(address) && !ipaddr.IPv4.isValidFourPartDecimal(address)) return undefined;
  const parsed = ipaddr.parse(address);
  const isV4 = parsed.kind() === 'ipv4';
  const bits = length === undefined ? (isV4 ? 32 : 128) : Number(length);
  if (bits > (isV4 ? 32 : 128)) return undefined;
  const isMapped = !isV4 && (parsed as ipaddr.IPv6).isIPv4MappedAddress() && bits >= MAPPED_BITS;
  const plain = isMapped ? (parsed as ipaddr.IPv6).toIPv4Address() : parsed;
  const prefix = isMapped ? bits - MAPPED_BITS : bits;
  const kind = plain.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6;
  return `${kind.networkAddressFromCIDR(`${plain.toString()}/${prefix}`).toString()}/${prefix}`;
}

/** One entry of an allowlist: an address or a range in CIDR notation (RFC 4632, RFC 4291 section 2.3). */
export const AddressRange = z
  .string()
  .max(64)
  .refine((text) => normalRange(text) !== undefined, 'must be an IPv4 or IPv6 address or a CIDR range')
  .meta({ examples: ['192.0.2.0/24', '2001:db8::/32'] });

/** The addresses from which something may be used; null for any. Empty is refused: it would look like a door left open. */
export const AllowedAddresses = z
  .array(AddressRange)
  .min(1, 'must not be empty: null lifts the restriction')
  .max(200)
  .nullable();

/** An allowlist, ready to be asked. */
export class AddressList {
  readonly #list = new BlockList();

  /** @param ranges as `AddressRange` takes them */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [network = '', prefix] = (normalRange(range) ?? '').split('/');
      if (network !== '') this.#list.addSubnet(network, Number(prefix), familyOf(network));
    }
  }

  /** @param address undefined where nobody knows it: such a client is on no list */
  has(address: string | undefined): boolean {
    const normal = address === undefined ? undefined : normalAddress(address);
    return normal !== undefined && this.#list.check(normal, familyOf(normal));
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
