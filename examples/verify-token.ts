/** What an API does with a token: it verifies the signature, the issuer, the audience and the type by itself. */
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { firstStart, post } from './first-start.ts';

const { issuer, demo } = firstStart();
const { access_token } = await post(`${issuer}/oauth2/token`, demo, { grant_type: 'client_credentials' });

const discovery = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
const metadata = (await discovery.json()) as { jwks_uri: string };
const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
// RFC 9068 section 4. `audience` is the API's own identifier: a token for another API is refused.
const { payload } = await jwtVerify(access_token, keys, { issuer, audience: demo.api, typ: 'at+jwt' });
console.log(`${payload.sub} may ${payload['scope']} as ${payload['roles']}`);

try {
  await jwtVerify(access_token, keys, { issuer, audience: 'https://another.example.com', typ: 'at+jwt' });
} catch (error) {
  console.log(`another API refuses it: ${(error as Error).message}`);
}
