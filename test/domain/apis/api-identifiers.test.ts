/** An API's identifier is an absolute URI that nobody can take for one of Latchkey's own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identifierMistakes } from '../../../src/domain/apis/api-identifiers.ts';

const ISSUER = 'https://auth.example.com';

function isRefused(identifier: string, issuer = ISSUER): boolean {
  return identifierMistakes(identifier, issuer).length > 0;
}

test('URIs of any scheme are accepted', () => {
  for (const identifier of [
    'https://api.example.com',
    'https://api.example.com/orders/v1?x=1',
    'urn:example:orders',
    'api://orders',
    'http://127.0.0.1:8080/orders',
    'https://auth.example.com/orders',
    'https://auth.example.com/administration',
    'https://auth.example.com/x/admin',
    'https://auth.example.com:8443/admin/v1',
    'https://other.example.com/admin/v1',
  ]) {
    assert.ok(!isRefused(identifier), identifier);
  }
});

test('what is no absolute URI is refused', () => {
  for (const identifier of [
    '',
    'orders',
    '/orders',
    '//api.example.com',
    'https://',
    'https://api.example.com/#a',
    'https://api.example.com/#',
    ' https://api.example.com',
    'https://api.example.com/a b',
    'https://api.exa\nmple.com',
    'https://api.example.com/\u200b',
    'https://user:pw@api.example.com',
    `https://api.example.com/${'a'.repeat(255)}`,
  ]) {
    assert.ok(isRefused(identifier), identifier);
  }
});

test('the issuer, the admin API and every endpoint are refused in any disguise', () => {
  for (const identifier of [
    ISSUER,
    `${ISSUER}/`,
    `${ISSUER}//`,
    `${ISSUER}?a`,
    `${ISSUER}/admin/v1`,
    `${ISSUER}/admin`,
    `${ISSUER}/ADMIN/v1/`,
    `${ISSUER}/admin/v1?x=1`,
    `${ISSUER}/x/../admin/v1`,
    `${ISSUER}/x/%2e%2e/admin/v1`,
    `${ISSUER}/x%2f..%2fadmin%2fv1`,
    `${ISSUER}/%61dmin/v1`,
    `${ISSUER}/%2561dmin/v1`,
    `${ISSUER}/./admin//v1`,
    `${ISSUER}/\\admin\\v1`,
    `${ISSUER}:443/admin/v1`,
    'HTTPS://AUTH.EXAMPLE.COM/admin/v1',
    'http://auth.example.com/admin/v1',
    'http://auth.example.com:80/admin/v1',
    'https://auth.example.com./admin/v1',
    'https://x@auth.example.com/admin/v1',
    `${ISSUER}/oauth2/token`,
    `${ISSUER}/.well-known/jwks.json`,
    `${ISSUER}/gateways/verify`,
    `${ISSUER}/console`,
  ]) {
    assert.ok(isRefused(identifier), identifier);
  }
});

test('an issuer with a path keeps what is below it', () => {
  const issuer = 'https://example.com/auth';
  for (const identifier of [issuer, `${issuer}/admin/v1`, 'https://example.com/AUTH/oauth2']) {
    assert.ok(isRefused(identifier, issuer), identifier);
  }
  for (const identifier of ['https://example.com', 'https://example.com/admin/v1', `${issuer}/orders`]) {
    assert.ok(!isRefused(identifier, issuer), identifier);
  }
});
