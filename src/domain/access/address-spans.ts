/** What allowlists cover, as spans of numbers: so that two of them are compared without holding each range to each. */
import ipaddr from 'ipaddr.js';
import { normalRange } from './addresses.ts';

/** From the first address to the last, as numbers of 128 bits. */
interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

const BITS = 128;

/**
 * @param outer ranges as `AddressRange` takes them
 * @param inner likewise
 * @returns whether every address of `inner` is in `outer`, be it in several of its ranges. What cannot be read is not.
 */
export function covers(outer: readonly string[], inner: readonly string[]): boolean {
  const spans = merged(outer.flatMap((range) => spanOf(range) ?? []));
  return inner.every((range) => {
    const span = spanOf(range);
    return span !== undefined && isWithin(span, spans);
  });
}

/** @returns the same addresses in spans that neither overlap nor touch, in order */
function merged(spans: readonly Span[]): Span[] {
  const ordered = spans.toSorted((one, other) => (one.first < other.first ? -1 : one.first > other.first ? 1 : 0));
  const result: Span[] = [];
  for (const span of ordered) {
    const previous = result.at(-1);
    if (previous === undefined || span.first > previous.last + 1n) result.push(span);
    else if (span.last > previous.last) result[result.length - 1] = { first: previous.first, last: span.last };
  }
  return result;
}

/** Only the last span that begins no later can hold it, which is found by halving. */
function isWithin({ first, last }: Span, spans: readonly Span[]): boolean {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((spans[middle]?.first ?? first) <= first) low = middle + 1;
    else high = middle;
  }
  const candidate = spans[low - 1];
  return candidate !== undefined && last <= candidate.last;
}

/** IPv4 is where IPv6 maps it (RFC 4291 section 2.5.5.2), as it is to an `AddressList`: `::/0` is all of both. */
function spanOf(range: string): Span | undefined {
  const [network = '', prefix] = (normalRange(range) ?? '').split('/');
  if (network === '') return undefined;
  const parsed = ipaddr.parse(network);
  const isV4 = parsed instanceof ipaddr.IPv4;
  const bytes = (isV4 ? parsed.toIPv4MappedAddress() : parsed).toByteArray();
  const first = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  const free = (isV4 ? 32 : BITS) - Number(prefix);
  return { first, last: first + (1n << BigInt(free)) - 1n };
}
