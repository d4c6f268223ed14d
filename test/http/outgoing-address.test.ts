import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAddressRule } from '../../src/http/outgoing-address.ts';

test('public addresses may be called', () => {
  const standing = createAddressRule([]);
  for (const address of ['1.1.1.1', '93.184.215.14', '2606:4700:4700::1111', '::ffff:1.1.1.1', '64:ff9b::1.1.1.1']) {
    assert.equal(standing(address), 'public', address);
  }
});

test('no private, local or special address may be called, in whatever spelling or wrapping', () => {
  const standing = createAddressRule([]);
  for (const address of [
    '127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '192.0.2.1',
    '198.18.0.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1', // IPv4-compatible
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:0:127.0.0.1', // IPv4-translated
    '64:ff9b::7f00:1', // NAT64
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1.1.1.1', // local NAT64
    '2002:7f00:1::', // 6to4
    '2002:a00:1::1',
    '2001:0:7f00:1::1', // Teredo
    '2001:db8::1',
    'fc00::1',
    'fd12::1',
    'fe80::1',
    'fe80::1%lo',
    'fec0::1',
    'ff02::1',
    '100::1',
    '4000::1',
    'not an address',
    '',
  ]) {
    assert.equal(standing(address), 'refused', address);
  }
});

test('an allowed range opens itself and nothing else', () => {
  const standing = createAddressRule(['10.0.0.0/8', 'fd00::/8']);
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', 'fd00::1']) assert.equal(standing(address), 'allowed', address);
  for (const address of ['127.0.0.1', '192.168.1.1', 'fc00::1', '::10.1.2.3', '2002:a00:1::1']) {
    assert.equal(standing(address), 'refused', address);
  }
  assert.equal(standing('1.1.1.1'), 'public');
});
