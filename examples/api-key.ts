/** What an API does with an API key: it asks for a verdict. The key is made, judged, disabled and deleted. */
import { firstStart, post } from './first-start.ts';

const { issuer, admin, demo } = firstStart();
const { access_token } = await post(`${issuer}/oauth2/token`, admin, {
  grant_type: 'client_credentials',
  resource: admin.resource,
});

async function call(method: string, url: string, body?: object) {
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

// A query key only reads. It is shown this once; the list shows its prefix and last four characters.
const { id, api_key } = await call('POST', `${admin.resource}/api-keys`, {
  kind: 'query',
  name: 'Price board',
  permissions: [{ api: demo.api, scope: 'orders:read' }],
  resources: ['shop-7'],
});

async function verdict(scope: string) {
  const question = { api_key, api: demo.api, scopes: [scope] };
  const { results } = await call('POST', `${issuer}/gateways/verify`, { credentials: [question] });
  return results[0];
}

const { allowed, resources } = await verdict('orders:read');
console.log(`orders:read: allowed ${allowed}, for ${resources}`);
console.log(`orders:write: ${(await verdict('orders:write')).reason}`);

await call('PATCH', `${admin.resource}/api-keys/${id}`, { enabled: false });
console.log(`after it was disabled: ${(await verdict('orders:read')).reason}`);

await call('DELETE', `${admin.resource}/api-keys/${id}?confirm=${id}`);
console.log(`after it was deleted: ${(await verdict('orders:read')).reason}`);
