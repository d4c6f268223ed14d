/**
 * Writes docs/configuration.md from the settings' own table, and the table of positions in docs/admin-api.md from the
 * operations: `npm run docs`, or `node scripts/docs.ts`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { operations } from '../src/admin-api/operations.ts';
import { SETTINGS } from '../src/settings.ts';

const CONFIGURATION = new URL('../docs/configuration.md', import.meta.url);
const ADMIN_API = new URL('../docs/admin-api.md', import.meta.url);

// Between these the page is written here, the rest by hand.
const BEGIN = '<!-- Written by scripts/docs.ts from the operations: change it there. -->\n';
const END = '<!-- end -->\n';

/** By whom: a developer, a platform owner, the developer's key, the owner's key. */
const REACHED = { developer: 'xxxx', developer_in_person: 'xx x', platform_owner: ' x x', in_person: ' x  ' };

/** @returns the whole page, in Markdown. */
export function configurationPage(): string {
  const rows = Object.entries(SETTINGS).map(([name, rule]) => {
    const { description, default: preset, unset } = rule.meta() ?? {};
    const otherwise = typeof preset === 'string' ? `\`${preset}\`` : String(unset);
    return `| \`${name}\` | ${otherwise} | ${description} |`;
  });
  return `<!-- Written by scripts/docs.ts from src/settings.ts: change it there. -->
# Configuration

Latchkey reads its environment once, at the start. A wrong value or an unknown \`LATCHKEY_*\` name stops it with one
message that lists every fault. An empty value counts as not set. The only option on the command line is
\`--workers <number>\`.

| name | default | meaning |
|---|---|---|
${rows.join('\n')}

What Kubernetes injects for Services (\`LATCHKEY_SERVICE_*\`, \`LATCHKEY_PORT_<n>_*\`, a \`LATCHKEY_PORT\` of the form
\`tcp://...\`, and the same of a Service such as latchkey-mongodb) is ignored with one warning.
`;
}

/** @returns the page about the admin API as it is, with the table as it should be. */
export function adminApiPage(): string {
  const page = readFileSync(ADMIN_API, 'utf8');
  const [before = '', rest = ''] = page.split(BEGIN);
  const after = rest.split(END)[1] ?? '';
  return `${before}${BEGIN}${positionsTable()}${END}${after}`;
}

/** Who reaches which operation, by the declarations that serve them. */
function positionsTable(): string {
  const rows = operations.map(({ method, path, scope, session, reach = 'developer' }) => {
    const call = `\`${method.toUpperCase()} ${path.replaceAll(/:([a-z_]+)/g, '{$1}')}\``;
    if (scope === null)
      return `| ${call} | | ${session ? '`session`' : 'anybody'} | ${columns(session ? 'xx  ' : 'xxxx')}`;
    const reached = REACHED[reach];
    return `| ${call} | \`${scope}\` | \`${reach}\` | ${columns(reached)}`;
  });
  return `
| operation | scope | reach | developer | platform owner | developer's key | owner's key |
|---|---|---|---|---|---|---|
${rows.join('\n')}

`;
}

function columns(marks: string): string {
  return `${[...marks].map((mark) => (mark === ' ' ? '' : 'yes')).join(' | ')} |`;
}

if (import.meta.main) {
  writeFileSync(CONFIGURATION, configurationPage());
  writeFileSync(ADMIN_API, adminApiPage());
}
