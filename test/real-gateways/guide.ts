/** Reads the configurations out of the guides: what the guides show is what the tests run. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

/** What stands in every guide for the places of a reader's own. */
export interface Places {
  readonly latchkey: number;
  readonly gateway: number;
  readonly upstream: number;
  readonly apiId?: string;
  readonly introspector?: { readonly client_id: string; readonly client_secret: string };
  /** Where the files of the guide lie. */
  readonly folder: string;
}

/**
 * @param name of the guide, such as `envoy`
 * @param file what stands after the language in the first line of its block
 * @returns that block as it is written
 */
export function block(name: string, file: string): string {
  const guide = readFileSync(new URL(`../../docs/gateways/${name}.md`, import.meta.url), 'utf8');
  const [, text] = new RegExp(`^\`\`\`\\w+ ${file.replaceAll('.', '\\.')}\\n(.*?)^\`\`\`$`, 'ms').exec(guide) ?? [];
  assert.ok(text, `docs/gateways/${name}.md shows ${file}`);
  return text;
}

/**
 * @returns a block with the guide's places turned into those of the test
 * @param changes further texts, each of which must be there, with what to write instead
 */
export function configuration(
  name: string,
  file: string,
  places: Places,
  changes: Readonly<Record<string, string>> = {},
): string {
  let text = block(name, file);
  for (const [from, to] of Object.entries(changes)) {
    assert.ok(from !== '' && text.includes(from), `docs/gateways/${name}.md, ${file}: ${from}`);
    text = text.replaceAll(from, to);
  }
  return text
    .replaceAll(/\b4400\b/g, String(places.latchkey))
    .replaceAll(/\b8080\b/g, String(places.gateway))
    .replaceAll(/\b3000\b/g, String(places.upstream))
    .replaceAll('/etc/latchkey-gateway', places.folder)
    .replaceAll('api_orders', places.apiId ?? 'api_orders')
    .replaceAll('GATEWAY_ID', places.introspector?.client_id ?? 'GATEWAY_ID')
    .replaceAll('GATEWAY_SECRET', places.introspector?.client_secret ?? 'GATEWAY_SECRET');
}
