/** Registers an API, an application and a client through the admin API, and gets the new client's first token. */
import { type Credentials, firstStart, post } from './first-start.ts';

const { issuer, admin } = firstStart();
// `resource` must name the admin API: no token is for it by chance.
const { access_token } = await post(`${issuer}/oauth2/token`, admin, {
  grant_type: 'client_credentials',
  resource: admin.resource,
});

async function create<T>(path: string, body: object): Promise<T> {
  const response = await fetch(`${admin.resource}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

// The identifier is the audience of the API's tokens. It is unique, so each run takes another.
const api = await create<{ identifier: string }>('/apis', {
  identifier: `https://weather-${Date.now()}.example.com`,
  name: 'Weather',
  scopes: [{ name: 'forecast:read', description: 'Read forecasts', access: 'read' }],
});
const application = await create<{ id: string }>('/applications', { name: 'Umbrella shop', tags: ['example'] });
const client = await create<Credentials>(`/applications/${application.id}/clients`, {
  environment: 'sandbox',
  permissions: [{ api: api.identifier, scope: 'forecast:read' }],
});
console.log(`registered ${client.client_id} for ${api.identifier}; its secret is shown this once`);

const issued = await post(`${issuer}/oauth2/token`, client, { grant_type: 'client_credentials' });
console.log(`its first token: scope ${issued.scope}, for ${issued.expires_in} s`);
