/**
 * Writes docs/configuration.md from the settings' own table: `npm run docs`, or `node scripts/docs.ts`.
 */
import { writeFileSync } from 'node:fs';
import { SETTINGS } from '../src/settings.ts';

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

if (import.meta.main) writeFileSync(new URL('../docs/configuration.md', import.meta.url), configurationPage());
