/**
 * Kong's Admin API, as far as a sync needs it: lists by tags, upserts (`PUT`) and deletes by ids of our own making. No key
 * is ever part of a path, where it would be logged; nothing of what Kong says is told on but names of members.
 */
import { z } from 'zod';
import { sha256Of } from '../../domain/api-keys/api-key-format.ts';
import { type ClearKey, type KongDoor, KongFailure, KongRefusal } from '../../domain/gateways/kong/kong-door.ts';
import { type KongEntity, type KongKind, tagsOf } from '../../domain/gateways/kong/kong-entities.ts';
import { OutgoingError, type OutgoingFetch } from '../../http/outgoing.ts';

/** Where it is, and by which header it lets in. */
export interface KongAddress {
  readonly gatewayId: string;
  readonly url: string;
  readonly pathPrefix: string;
  readonly header: { readonly name: string; readonly value: string } | undefined;
}

/** What fits into an answer of 64 KB: a public key is about a kilobyte. */
const PAGE = 50;
const PAGES_MAX = 20_000;
const NAME_MAX = 300;
/** The collections below a consumer. */
const BELOW: Readonly<Record<KongKind, string>> = { consumers: '', jwts: 'jwt', acls: 'acls', 'key-auths': 'key-auth' };

const Uuid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i);
const Text = z.string().nullish();
const Listed = z.object({
  data: z.array(
    z.object({
      id: Uuid,
      tags: z.array(z.string()).nullish(),
      consumer: z.object({ id: Uuid }).nullish(),
      username: Text,
      custom_id: Text,
      key: Text,
      algorithm: Text,
      rsa_public_key: Text,
      group: Text,
    }),
  ),
  offset: Text,
});
type Listed = z.infer<typeof Listed>['data'][number];
const Refused = z.object({ fields: z.record(z.string(), z.unknown()).optional() });

/** @param fetch without memory of failures: when it is worth trying again is decided elsewhere */
export function kongAdmin(fetch: OutgoingFetch, address: KongAddress): KongDoor {
  const tags = tagsOf(address.gatewayId);
  const ask = (method: string, path: string, body?: object) => call(fetch, address, method, path, body);

  async function write(entity: KongEntity, body: object): Promise<void> {
    const { status, text } = await ask('PUT', pathOf(entity), { ...body, tags });
    if (status === 404) throw new KongFailure('What it had has changed meanwhile.');
    if (status >= 300) throw new KongRefusal(whyRefused(status, text));
  }

  return {
    async list(kind) {
      const entities: KongEntity[] = [];
      let offset: string | undefined;
      for (let page = 0; page < PAGES_MAX; page++) {
        const query = new URLSearchParams({ tags: tags.join(','), size: String(PAGE), ...(offset && { offset }) });
        const { status, text } = await ask('GET', `/${kind}?${query}`);
        if (status !== 200) throw notThere(status, kind);
        const listed = parsed(Listed, text);
        const ours = listed.data.filter((each) => tags.every((tag) => each.tags?.includes(tag)));
        entities.push(...ours.map((each) => entityOf(kind, each)));
        if (!listed.offset) return entities;
        offset = listed.offset;
      }
      throw new KongFailure('Its lists do not end.');
    },
    async put(entity) {
      if (entity.kind === 'key-auths') throw new TypeError('an API key is made by putKey');
      // Kong would make up a secret, another one each time; by this algorithm none is ever looked at.
      await write(entity, entity.kind === 'jwts' ? { ...entity.members, secret: 'unused' } : entity.members);
    },
    putKey: (entity, { text, endsAt }) => write(entity, { key: text, ...timeToLive(endsAt) }),
    async remove(entity) {
      const { status, text } = await ask('DELETE', pathOf(entity));
      if (status >= 300 && status !== 404) throw new KongRefusal(whyRefused(status, text));
    },
  };
}

function pathOf({ kind, id, consumer }: KongEntity): string {
  return consumer === null ? `/${kind}/${id}` : `/consumers/${consumer}/${BELOW[kind]}/${id}`;
}

function timeToLive(endsAt: ClearKey['endsAt']): { ttl?: number } {
  return endsAt === null ? {} : { ttl: Math.max(1, Math.floor((endsAt - Date.now()) / 1000)) };
}

function entityOf(kind: KongKind, listed: Listed): KongEntity {
  const { id, tags, consumer, username, custom_id, key, algorithm, rsa_public_key, group } = listed;
  const members = {
    consumers: { username: username ?? '', custom_id: custom_id ?? '' },
    jwts: { key: key ?? '', algorithm: algorithm ?? '', rsa_public_key: rsa_public_key?.trim() ?? '' },
    acls: { group: group ?? '' },
    'key-auths': { hash: sha256Of(key ?? '') },
  }[kind];
  const name = { consumers: username, jwts: key, acls: group, 'key-auths': id }[kind] ?? id;
  return {
    kind,
    id: id.toLowerCase(),
    consumer: kind === 'consumers' ? null : (consumer?.id.toLowerCase() ?? null),
    name: name.slice(0, NAME_MAX),
    members,
    tags: [...(tags ?? [])].sort(),
  };
}

async function call(
  fetch: OutgoingFetch,
  { url, pathPrefix, header }: KongAddress,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; text: string }> {
  const headers = {
    accept: 'application/json',
    ...(body && { 'content-type': 'application/json' }),
    ...(header && { [header.name]: header.value }),
  };
  const content = body && { body: JSON.stringify(body) };
  const { origin, pathname } = new URL(url);
  const target = origin + pathname.replace(/\/+$/, '') + pathPrefix + path;
  let answer: { status: number; text: string };
  try {
    const response = await fetch(target, { method, headers, ...content });
    answer = { status: response.status, text: await response.text() };
  } catch (error) {
    if (error instanceof OutgoingError)
      throw new KongFailure(`It was not reached: ${error.message}.`, { cause: error });
    throw error;
  }
  const { status } = answer;
  if (status === 401 || status === 403) {
    throw new KongFailure(`It does not let Latchkey in (${status}): see settings.kong.header and value.`, LASTING);
  }
  if (status === 405) throw new KongFailure(DB_LESS, LASTING);
  if (status === 429 || status >= 500) throw new KongFailure(`It answers ${status}.`);
  return answer;
}

const LASTING = { isLasting: true };

const DB_LESS =
  'It takes no writes (405): a Kong without a database is configured from a file. Disable this gateway, and use its export: ' +
  'GET /gateways/{id}/deck?reader=kong.';

function notThere(status: number, kind: KongKind): KongFailure {
  return new KongFailure(
    `It answers ${status} to /${kind}: see settings.kong.url and path_prefix, and whether the plugin is installed.`,
    LASTING,
  );
}

function whyRefused(status: number, text: string): string {
  const names = membersIn(text);
  const about = names.length > 0 ? ` (${names.join(', ')})` : '';
  if (status === 409) return `Something else in this Kong has it already${about}: rename or remove that.`;
  return `Kong does not take it: ${status}${about}.`;
}

/** Only names: beside them Kong repeats what was sent. */
function membersIn(text: string): string[] {
  try {
    const names = Object.keys(Refused.parse(JSON.parse(text)).fields ?? {});
    return names.filter((name) => /^[a-z_]{1,40}$/.test(name)).slice(0, 10);
  } catch {
    return [];
  }
}

function parsed<T>(schema: z.ZodType<T>, text: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new KongFailure('It answers otherwise than the Admin API of Kong: see settings.kong.url.', LASTING);
  }
}
