/** The container's health check: exits with 0 where this node says that it is ready. */
import { get as getPlain } from 'node:http';
import { get as getTls } from 'node:https';

// Kubernetes may have put a tcp:// address there; Latchkey ignores that too.
const port = /^\d+$/.test(process.env.LATCHKEY_PORT ?? '') ? process.env.LATCHKEY_PORT : '4400';
// To itself, on loopback: the certificate is made out to another name.
const tls = { rejectUnauthorized: false };
const target = { host: '127.0.0.1', port, path: '/health/ready', timeout: 4000 };
const request = process.env.LATCHKEY_TLS_CERT_FILE ? getTls({ ...target, ...tls }) : getPlain(target);
request.on('response', (response) => process.exit(response.statusCode === 200 ? 0 : 1));
request.on('timeout', () => process.exit(1));
request.on('error', () => process.exit(1));
