/** What docs/api-keys.md shows, as its readers copy it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const text = readFileSync(join(import.meta.dirname, '../../docs/api-keys.md'), 'utf8');

/** @returns the contents of its code blocks in this language, in order */
export function documented(language: string): string[] {
  return Array.from(text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)).flatMap(([, name, code = '']) =>
    name === language ? [code] : [],
  );
}
