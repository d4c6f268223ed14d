import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalAddress } from '../../src/domain/access/addresses.ts';
import { addressBehind, clientAddress } from '../../src/http/client-address.ts';

function from(socket: string, forwarded: string | undefined, trustedProxies: number) {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return clientAddress({ headers, socket: { remoteAddress: socket } }, trustedProxies);
}

test('without trusted proxies the header changes nothing', () => {
  assert.equal(from('192.0.2.9', '198.51.100.1', 0), '192.0.2.9');
});

test('each trusted proxy is believed for exactly one entry, from the right', () => {
  assert.equal(from('10.0.0.1', 'spoofed, 203.0.113.5', 1), '203.0.113.5');
  assert.equal(from('10.0.0.1', '198.51.100.1, 203.0.113.5, 10.0.0.2', 2), '203.0.113.5');
  assert.equal(from('10.0.0.1', undefined, 2), '10.0.0.1');
});

test('an entry with a port, brackets or a mapped address is read as its address', () => {
  assert.equal(from('10.0.0.1', '203.0.113.5:51000', 1), '203.0.113.5');
  assert.equal(from('10.0.0.1', '[2001:DB8::1]:51000', 1), '2001:db8::1');
  assert.equal(from('::ffff:192.0.2.9', undefined, 0), '192.0.2.9');
  assert.equal(normalAddress('fe80::1%eth0'), 'fe80::1');
});

test('what is no address is nobody, not the proxy', () => {
  for (const entry of ['unknown', '_hidden', '', '127.1', '0x7f000001', '999.1.1.1', '1.2.3.4, ']) {
    assert.equal(from('10.0.0.1', entry, 1), undefined, entry);
  }
});

test('behind a proxy that says nothing of its client is nobody, not the proxy', () => {
  const behind = (forwarded: string | undefined, trustedProxies: number) => {
    const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
    return addressBehind({ headers, socket: { remoteAddress: '10.0.0.1' } }, trustedProxies);
  };
  assert.equal(behind('spoofed, 203.0.113.5', 1), '203.0.113.5');
  assert.equal(behind(undefined, 1), undefined);
  assert.equal(behind('10.0.0.2', 2), undefined);
  assert.equal(behind('203.0.113.5, 10.0.0.2', 2), '203.0.113.5');
});
