/** Settings as they are written -> as they are stored: names to ids, what is secret in them sealed. */
import { apis } from '../apis/apis.ts';
import { References } from '../apis/references.ts';
import { roles } from '../apis/roles.ts';
import type { Mistake } from '../errors.ts';
import type { Place, Sealer } from '../installation/sealing.ts';
import { definedIn } from '../merge.ts';
import type { Storage } from '../store.ts';
import type { Unit } from '../unit.ts';
import type { GatewaySettings } from './gateway-drafts.ts';
import { type Gateway, gateways, type Product } from './gateways.ts';

type Written = Pick<Gateway, 'notify' | 'kong'>;

/** The settings as a gateway's record has them. */
export type StoredSettings = Pick<
  Gateway,
  'api_ids' | 'scopes' | 'binding_role_ids' | 'claims' | 'addresses' | 'proxy_hops' | 'notify' | 'products' | 'kong'
>;

/** What a gateway begins with where nothing is said of it. */
export const NO_SETTINGS: StoredSettings = {
  api_ids: [],
  scopes: 'all',
  binding_role_ids: [],
  claims: {},
  addresses: [],
  proxy_hops: 0,
  notify: null,
  products: [],
  kong: null,
};

export interface SettingsSurroundings {
  readonly storage: Storage;
  readonly unit: Unit;
  /** Whether anything may be called by plain http at all. */
  readonly allowsPlainHttp: boolean;
  readonly sealer: Pick<Sealer, 'seal'>;
}

/**
 * @param id the gateway's
 * @param before the gateway that is changed; undefined for one that is made
 * @returns those settings that were written, and what is wrong with them beyond what their schema says
 */
export async function resolveSettings(
  { storage, unit, allowsPlainHttp, sealer }: SettingsSurroundings,
  id: string,
  given: GatewaySettings,
  before: StoredSettings = NO_SETTINGS,
): Promise<{ settings: Partial<StoredSettings>; mistakes: Mistake[] }> {
  const references = new References({ storage, unit });
  const { notify, products, kong, scopes, claims, addresses, proxy_hops } = given;
  const api_ids = given.apis && (await references.apis(given.apis, '/settings/apis'));
  const binding_role_ids = given.roles && (await references.roles(given.roles, '/settings/roles'));
  const settings = definedIn({
    api_ids,
    binding_role_ids,
    products: products && (await resolveProducts(references, products, api_ids ?? before.api_ids)),
    scopes,
    claims,
    addresses,
    proxy_hops,
    notify: notify && storedNotify(notify, id, before, sealer),
    kong: kong && storedKong(kong, id, before, sealer),
    ...(notify === null && { notify: null }),
    ...(kong === null && { kong: null }),
  });
  const mistakes = [
    ...references.mistakes,
    ...(await administrationMistakes(storage, given, { api_ids, binding_role_ids })),
    ...leftProductMistakes(api_ids, given, before),
    ...urlMistakes(notify?.url, '/settings/notify/url', allowsPlainHttp),
    ...urlMistakes(kong?.url, '/settings/kong/url', allowsPlainHttp),
    // Paths are put behind it.
    ...(kong?.url.includes('?') ? [{ pointer: '/settings/kong/url', detail: 'must have no query' }] : []),
    ...notifyMistakes(notify, before),
    ...kongMistakes(kong, before),
  ];
  return { settings, mistakes };
}

/** What is made through a gateway never administers Latchkey, whoever sets it up. */
async function administrationMistakes(
  storage: Storage,
  given: GatewaySettings,
  { api_ids = [], binding_role_ids = [] }: Record<'api_ids' | 'binding_role_ids', readonly string[] | undefined>,
): Promise<Mistake[]> {
  const bound = await storage.getMany(roles, binding_role_ids);
  const touched = bound.flatMap(({ permissions }) => permissions.map(({ api_id }) => api_id));
  const named = await storage.getMany(apis, [...new Set([...api_ids, ...touched])]);
  const ours = named.filter(({ built_in }) => built_in);
  const administers = bound.filter(({ permissions }) =>
    permissions.some(({ api_id }) => ours.some(({ id }) => id === api_id)),
  );
  const owners = await Promise.all(bound.map(({ id }) => storage.find(gateways, { role_id: id })));
  const owned = bound.filter((_, index) => owners[index] !== undefined);
  return [
    ...owned.flatMap(({ name }) => placesOf(name, given.roles, '/settings/roles', 'is a gateway’s own')),
    ...ours.flatMap(({ identifier }) => placesOf(identifier, given.apis, '/settings/apis', 'is part of Latchkey')),
    ...administers.flatMap(({ name }) => placesOf(name, given.roles, '/settings/roles', 'administers Latchkey')),
  ];
}

function placesOf(name: string, names: readonly string[] = [], at: string, detail: string): Mistake[] {
  return names.flatMap((other, index) => (other === name ? [{ pointer: `${at}/${index}`, detail }] : []));
}

function leftProductMistakes(
  apiIds: readonly string[] | undefined,
  { products }: GatewaySettings,
  before: StoredSettings,
): Mistake[] {
  if (apiIds === undefined || products !== undefined) return [];
  const isLeft = before.products.some(({ api_id }) => !apiIds.includes(api_id));
  return isLeft ? [{ pointer: '/settings/apis', detail: 'must name the APIs of all products' }] : [];
}

/** Where a gateway's own secrets are sealed for. */
export function settingPlace(id: string, field: 'notify.password' | 'kong.value'): Place {
  return { table: gateways.name, id, field };
}

/** Grants by a product are within the gateway's APIs, as everything that is made through it. */
async function resolveProducts(
  references: References,
  products: NonNullable<GatewaySettings['products']>,
  known: readonly string[],
): Promise<Product[]> {
  const resolved: Product[] = [];
  for (const [index, { version, api: identifier, scopes }] of products.entries()) {
    const at = `/settings/products/${index}`;
    const api = await references.api(identifier, `${at}/api`);
    if (api === undefined) continue;
    if (!known.includes(api.id)) {
      references.mistakes.push({ pointer: `${at}/api`, detail: 'must be among settings.apis' });
    }
    for (const [place, scope] of (scopes === 'all' ? [] : scopes).entries()) {
      if (api.scopes.some(({ name }) => name === scope)) continue;
      references.mistakes.push({ pointer: `${at}/scopes/${place}`, detail: 'is no scope of this API' });
    }
    resolved.push({ version, api_id: api.id, scopes });
  }
  return resolved;
}

function storedNotify(
  { password, ...notify }: NonNullable<GatewaySettings['notify']>,
  id: string,
  before: Written,
  sealer: Pick<Sealer, 'seal'>,
): Gateway['notify'] {
  const kept = before.notify?.sealed_password ?? '';
  const place = settingPlace(id, 'notify.password');
  return { ...notify, sealed_password: password === undefined ? kept : sealer.seal(place, Buffer.from(password)) };
}

function storedKong(
  { value, ...kong }: NonNullable<GatewaySettings['kong']>,
  id: string,
  before: Written,
  sealer: Pick<Sealer, 'seal'>,
): Gateway['kong'] {
  if (kong.header === '') return { ...kong, sealed_value: null };
  const kept = before.kong?.sealed_value ?? null;
  const place = settingPlace(id, 'kong.value');
  return { ...kong, sealed_value: value === undefined ? kept : sealer.seal(place, Buffer.from(value)) };
}

function urlMistakes(url: string | undefined, pointer: string, allowsPlainHttp: boolean): Mistake[] {
  return url?.startsWith('http:') && !allowsPlainHttp ? [{ pointer, detail: 'must be an https URL' }] : [];
}

// Else whoever may change gateways could have what is kept for one receiver sent to another.
function notifyMistakes(notify: GatewaySettings['notify'], before: Written): Mistake[] {
  if (!notify || notify.password !== undefined) return [];
  const isSame = before.notify !== null && isSameOrigin(notify.url, before.notify.url);
  if (isSame && notify.username === before.notify?.username) return [];
  return [{ pointer: '/settings/notify/password', detail: 'must be given with a new url or username' }];
}

function kongMistakes(kong: GatewaySettings['kong'], before: Written): Mistake[] {
  if (!kong) return [];
  const pointer = '/settings/kong/value';
  if (kong.header === '') {
    return kong.value === undefined ? [] : [{ pointer, detail: 'must be left out without a header' }];
  }
  if (kong.value !== undefined) return [];
  const isSame = before.kong?.sealed_value && isSameOrigin(kong.url, before.kong.url);
  if (isSame && kong.header === before.kong?.header) return [];
  return [{ pointer, detail: 'must be given with a new url or header' }];
}

function isSameOrigin(one: string, other: string): boolean {
  return URL.parse(one)?.origin === URL.parse(other)?.origin;
}
