/** What `npm run bench` measures against: a server that only reads a form and answers, and the engine as it comes. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [kind, port] = [process.argv[2], Number(process.argv[3])];

if (kind === 'floor') {
  createServer((request, response) => {
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
    });
    request.on('end', () => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ length }));
    });
  }).listen(port, '127.0.0.1');
} else {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  const alg = kind === 'engine-ES256' ? 'ES256' : 'RS256';
  // Its best case: one client in its own memory, with its secret in clear.
  new Provider(`http://127.0.0.1:${port}`, {
    jwks: {
      keys: [
        { ...rsa, alg: 'RS256' },
        { ...ec, alg: 'ES256' },
      ],
    },
    clients: [
      {
        client_id: 'bench',
        client_secret: 'bench',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'https://orders.example.com',
        getResourceServerInfo: () => ({
          scope: 'orders:read',
          accessTokenFormat: kind === 'engine-opaque' ? 'opaque' : 'jwt',
          jwt: { sign: { alg } },
        }),
      },
    },
  }).listen(port, '127.0.0.1');
}
