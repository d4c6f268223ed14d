import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAmbiguous, rawPathOf } from '../../src/gateways/raw-target.ts';

test('a path is taken from a target as it came, without the query', () => {
  for (const [target, path] of [
    ['/a/b?c=/d', '/a/b'],
    ['/a/../b', '/a/../b'],
    ['/a/%2e%2e/b', '/a/%2e%2e/b'],
    ['http://host/a/../b?c', '/a/../b'],
    ['HTTPS://user@host:1/a', '/a'],
    ['http://host', ''],
    ['http://host?/a', ''],
    ['//a/b', '//a/b'],
    ['*', '*'],
    ['/a#b', '/a#b'],
  ] as const) {
    assert.equal(rawPathOf(target), path, target);
  }
});

const AMBIGUOUS = [
  '/..',
  '/.',
  '/../',
  '/a/../b',
  '/a/./b',
  '/a/..;/b',
  '/a/..;x=y/b',
  '/a/.;/b',
  '/a/..%3b/b',
  '/a\\..\\b',
  '/a/..\\b',
  '/a%5c..%5cb',
  '/a%2f..%2fb',
  '/a/..%2fb',
  '/a/..%2Fb',
  '/a/%2e%2e/b',
  '/a/%2E%2e/b',
  '/a/.%2e/b',
  '/a/%2e./b',
  '/a/%2e',
  '/a/%252e%252e/b',
  '/a/%25252e%25252e/b',
  '/a/%252e%252e%252fb',
  '/a/%%32%65%%32%65/b',
  '/a/%25%32%65%25%32%65/b',
  '/a/%2e%2e%00/b',
  '/a/%00',
  '/a/..%3F',
  '/a/..%23/b',
  '/a/..%253Fb',
  '/a/%0a',
  '/a/%0d%0ab',
  '/a/%7f',
  '/a/%c2%85',
  '/a/%2500',
  '/a/..%20/b',
  '/a/.%20./b',
  '/a/%20../b',
  '/a/...',
  '/a/.../b',
  '/a/%c0%ae%c0%ae/b',
  '/a/%e0%80%ae/b',
  '/a/%ff',
  '/a/%',
  '/a/%2',
  '/a/%zz',
  '/a/%u002e%u002e/b',
  '/a/\u00e9',
  '/a/\u0000',
  '/a#b',
  '/a/#/../b',
  '/a/%25252541',
  '/a/%2525252541',
  '..',
  '.',
  '%2e%2e/b',
];

const PLAIN = [
  '',
  '/',
  '/a/b',
  '//a//b//',
  '/a/.hidden',
  '/a/b.c',
  '/a/b..c',
  '/a/..b',
  '/a/b..',
  '/a/b.',
  '/.well-known/x',
  '/a/b;v=1/c',
  '/a/;..',
  '/group%2Fproject',
  '/a%5cb',
  '/a%20b',
  '/caf%C3%A9',
  '/100%25',
  '/a%2541',
  '/a/%252541',
  "/a/!$&'()*+,=:@~_-",
  '/a%2eb',
  '/a%23b',
  '/a%3F../b',
];

test('what somebody may read as another path is known for that, however it is written', () => {
  for (const path of AMBIGUOUS) assert.equal(isAmbiguous(path), true, JSON.stringify(path));
});

test('what everybody reads alike is left alone', () => {
  for (const path of PLAIN) assert.equal(isAmbiguous(path), false, path);
});

test('the longest path that a request can have is looked at in no time', () => {
  for (const piece of ['.', ' ', '/', '/.', '/. ', '%2e', '%25', '%2525', ';', '/.a', '. ', '\\', '/%2e%2ea']) {
    const path = `/${piece.repeat(16_384 / piece.length)}a`;
    const began = performance.now();
    isAmbiguous(path);
    assert.ok(performance.now() - began < 50, `${piece}: ${performance.now() - began} ms`);
  }
});
