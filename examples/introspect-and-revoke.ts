/** Asks whether a token still counts, revokes it, and asks again: it is dead at once. */
import { firstStart, post } from './first-start.ts';

const { issuer, demo } = firstStart();
const { access_token: token } = await post(`${issuer}/oauth2/token`, demo, { grant_type: 'client_credentials' });

const before = await post(`${issuer}/oauth2/introspect`, demo, { token });
console.log(`before: active ${before.active}, scope ${before.scope}, roles ${before.roles}`);

await post(`${issuer}/oauth2/revoke`, demo, { token });

const after = await post(`${issuer}/oauth2/introspect`, demo, { token });
console.log(`after: active ${after.active}`);
