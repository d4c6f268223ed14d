/** Allowlists compared: one is within another where every address of it is, however the ranges are written. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { covers } from '../../../src/domain/access/address-spans.ts';
import { AddressList } from '../../../src/domain/access/addresses.ts';

describe('what an allowlist covers', () => {
  const cases: [outer: string[], inner: string[], isCovered: boolean, why: string][] = [
    [['192.0.2.0/24'], ['192.0.2.0/24'], true, 'itself'],
    [['192.0.2.0/24'], ['192.0.2.77/24'], true, 'itself, with bits behind the prefix'],
    [['192.0.2.0/24'], ['192.0.2.255', '192.0.2.0/25'], true, 'what is nested'],
    [['192.0.2.0/24'], ['192.0.2.0/23'], false, 'what is wider'],
    [['192.0.2.0/24'], ['192.0.3.0'], false, 'the address behind it'],
    [['192.0.2.0/24'], ['192.0.1.255'], false, 'the address before it'],
    [['192.0.2.0/24'], ['192.0.2.1', '198.51.100.1'], false, 'one inside and one outside'],
    [['192.0.2.0/25', '192.0.2.128/25'], ['192.0.2.0/24'], true, 'two halves'],
    [['192.0.2.0/25', '192.0.2.129/32'], ['192.0.2.0/24'], false, 'a half and one more'],
    [['10.0.0.0/8', '10.1.0.0/16'], ['10.200.0.0/16'], true, 'behind a nested range'],
    [['10.1.0.0/16', '10.0.0.0/8', '192.0.2.1'], ['10.200.0.0/16', '192.0.2.1'], true, 'in any order'],
    [['0.0.0.0/0'], ['203.0.113.0/24', '255.255.255.255'], true, 'all of IPv4'],
    [['0.0.0.0/0'], ['2001:db8::1'], false, 'IPv6 in IPv4'],
    [['2001:db8::/32'], ['2001:db8:ffff::/48', '2001:db8::1'], true, 'nested IPv6'],
    [['2001:db8::/32'], ['2001:db9::/32'], false, 'IPv6 beside it'],
    [['2001:db8::/33', '2001:db8:8000::/33'], ['2001:db8::/32'], true, 'two halves of IPv6'],
    [['::/0'], ['::/0', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'], true, 'all of IPv6'],
    [['::/0'], ['192.0.2.1'], true, 'IPv4 in what IPv6 maps'],
    [['192.0.2.0/24'], ['::ffff:192.0.2.9', '::ffff:192.0.2.0/120'], true, 'mapped addresses'],
    [['::ffff:192.0.2.0/120'], ['192.0.2.9'], true, 'in a mapped range'],
    [['192.0.2.0/24'], ['::ffff:192.0.2.0/119'], false, 'a mapped range that is wider'],
    [[], ['192.0.2.1'], false, 'nothing'],
    [['192.0.2.0/24'], ['not an address'], false, 'what cannot be read'],
    [['not an address'], ['192.0.2.1'], false, 'in what cannot be read'],
  ];
  for (const [outer, inner, isCovered, why] of cases) {
    test(`${isCovered ? 'covered' : 'not covered'}: ${why}`, () => assert.equal(covers(outer, inner), isCovered));
  }

  test('for single addresses it says what an allowlist says, in either family', () => {
    let seen = 0;
    for (let round = 0; round < 2_000; round++) {
      const [a = 0, b = 0, c = 0, d = 0, bits = 0] = randomBytes(5);
      const v4 = (last: number) => `10.0.${a % 2}.${last % 16}`;
      const v6 = (last: number) => `2001:db8::${(b % 2).toString(16)}:${(last % 16).toString(16)}`;
      const [range, address] = [
        [`${v4(c)}/${24 + (bits % 9)}`, v4(d)],
        [`${v6(c)}/${112 + (bits % 17)}`, v6(d)],
        [`::/${bits % 100}`, v4(d)],
        [`::/${bits % 100}`, v6(d)],
      ][round % 4] as [string, string];
      const isOn = new AddressList([range]).has(address);
      if (isOn) seen++;
      assert.equal(covers([range], [address]), isOn, `${address} in ${range}`);
    }
    assert.ok(seen > 0 && seen < 2_000);
  });

  test('two full lists are compared range by range, not pair by pair', (t) => {
    // Each range is read once, which takes a few splits: pair by pair it would be tens of thousands.
    const reads = t.mock.method(String.prototype, 'split');
    const list = (third: number) => Array.from({ length: 200 }, (_, index) => `10.${third}.${index}.0/24`);
    assert.equal(covers(list(0), list(1)), false);
    assert.equal(covers(list(0), list(0).reverse()), true);
    const calls = reads.mock.callCount();
    reads.mock.restore();
    assert.ok(calls < 10_000, String(calls));
  });
});
