/**
 * Writes the types of the admin API for clients in TypeScript: `npm run client:types`, or `node scripts/client-types.ts`.
 * The generator lives in a folder of its own, scripts/client-types, for it needs an older TypeScript than the rest.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { adminApiDocument } from '../src/admin-api/router.ts';

const GENERATOR = fileURLToPath(new URL('client-types/', import.meta.url));

/** Where the types are. */
export const CLIENT_TYPES = new URL('../test/generated/admin-api.d.ts', import.meta.url);

/** @returns the first line of the types of today's document, which names its SHA-256 */
export function firstLine(): string {
  const hash = createHash('sha256').update(documentText()).digest('hex');
  return `// Written by \`npm run client:types\` from the OpenAPI document of the admin API with the SHA-256 ${hash}`;
}

/** The document's addresses are the issuer's; the types hold none of them. */
function documentText(): string {
  return JSON.stringify(adminApiDocument('https://auth.example.com'));
}

function write(): void {
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: GENERATOR, stdio: 'inherit' });
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-types-'));
  try {
    const [document, types] = [join(folder, 'openapi.json'), join(folder, 'admin-api.d.ts')];
    writeFileSync(document, documentText());
    // A member of a body that has a default may be left out.
    const options = ['--default-non-nullable=false', '--output', types];
    execFileSync(join(GENERATOR, 'node_modules/.bin/openapi-typescript'), [document, ...options], { stdio: 'inherit' });
    mkdirSync(new URL('.', CLIENT_TYPES), { recursive: true });
    writeFileSync(CLIENT_TYPES, `${firstLine()}\n${readFileSync(types, 'utf8')}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (import.meta.main) write();
