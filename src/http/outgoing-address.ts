/** Which addresses an outgoing call may reach. Knows no names: every address of a name is asked about one by one. */
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** `public`: anyone may be called there. `allowed`: private, and the operator allows it. `refused`: neither. */
export type Standing = 'public' | 'allowed' | 'refused';

/** All that is global unicast in IPv6 today (RFC 4291 §2.4); everything else is special or not given out. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');
/** NAT64's well-known prefix (RFC 6052): how a host without IPv4 reaches the public IPv4 address inside. */
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96');

/**
 * @param allow CIDR ranges
 * @returns a function that judges one address, v4 or v6, in any spelling
 */
export function createAddressRule(allow: readonly string[]): (address: string) => Standing {
  const ranges = allow.map((range) => ipaddr.parseCIDR(range));
  return (text) => {
    // A zone (`fe80::1%eth0`) chooses an interface of this very machine. ipaddr.js reads `::1.2.3.4` (IPv4-compatible,
    // long gone) as if it were mapped.
    if (!ipaddr.isValid(text) || text.includes('%') || /^::\d+\./.test(text)) return 'refused';
    const address = withoutWrapping(ipaddr.parse(text));
    if (ranges.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))) {
      return 'allowed';
    }
    return isPublic(address) ? 'public' : 'refused';
  };
}

/** Where a v6 address only carries a v4 one, the packet goes to that one. */
function withoutWrapping(address: Address): Address {
  if (address instanceof ipaddr.IPv4) return address;
  if (address.isIPv4MappedAddress()) return address.toIPv4Address();
  if (address.match(NAT64)) return new ipaddr.IPv4(address.toByteArray().slice(12));
  return address;
}

/** 6to4, Teredo, documentation, local NAT64 and the like have ranges of their own, so none of them is `unicast`. */
function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  return address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST);
}
