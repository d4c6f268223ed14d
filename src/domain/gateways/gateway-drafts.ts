/** What is written of a gateway: to make one, and to change one. What is stored by ids is named here. */
import { z } from 'zod';
import { ApiIdentifier } from '../apis/references.ts';
import { RoleName } from '../apis/roles.ts';
import type { Mistake } from '../errors.ts';
import { definedIn } from '../merge.ts';
import { FurtherClaims, furtherClaimMistakes } from './gateway-claims.ts';
import { Gateway, GatewayType, KongAdmin, Notify, Product, ScopeChoice } from './gateways.ts';

const { shape } = Gateway;

const Written = z.string().min(1).max(1000).meta({ description: 'Write-only: it is never shown again.' });

export const NotifyDraft = z
  .strictObject({
    ...Notify.shape,
    tenant_id: Notify.shape.tenant_id.default(-1234),
    tenant_domain: Notify.shape.tenant_domain.default('carbon.super'),
    password: Written.optional(),
  })
  .meta({ description: 'Where WSO2 API Manager is told of revocations.' });

/** By which a request says where it goes, how long it is and what is in it. */
const NOT_ITS_OWN = new Set([
  ...['host', 'connection', 'keep-alive', 'upgrade', 'te', 'trailer', 'expect'],
  ...['content-length', 'transfer-encoding', 'content-type', 'accept'],
]);

export const KongAdminDraft = z
  .strictObject({
    url: KongAdmin.shape.url,
    path_prefix: KongAdmin.shape.path_prefix
      .regex(/^(\/[A-Za-z0-9._~-]+)*$/, 'must be a path without a slash at its end')
      .default(''),
    header: KongAdmin.shape.header
      .regex(/^[A-Za-z0-9-]*$/, 'must be the name of a header')
      .refine((name) => !NOT_ITS_OWN.has(name.toLowerCase()), 'must be a header that lets in')
      .default('')
      .meta({ description: 'By which the Admin API lets in: `Kong-Admin-Token`, `Authorization`; empty for none.' }),
    value: Written.regex(/^[!-~]+( +[!-~]+)*$/, 'must be visible ASCII, as values of headers are')
      .optional()
      .meta({ description: 'Of that header. Write-only.' }),
  })
  .meta({ description: "Kong's Admin API, to which consumers and credentials are written." });

const ProductDraft = z.strictObject({
  version: Product.shape.version,
  api: ApiIdentifier,
  scopes: ScopeChoice.default('all'),
});

const settings = {
  apis: z.array(ApiIdentifier).max(100).meta({
    description: 'The APIs whose scopes clients made through it may have, and whose tokens it may introspect.',
  }),
  scopes: ScopeChoice.meta({ description: "What its clients get of their API's scopes." }),
  roles: z.array(RoleName).max(100).meta({ description: 'Of ours, to which scopes that it pushes may be bound.' }),
  claims: FurtherClaims.meta({
    description: 'Claims by other names in the tokens for its APIs, for gateways that look for those: what each holds.',
  }),
  addresses: shape.addresses.meta({ description: 'From where it may ask at forward-auth.' }),
  proxy_hops: shape.proxy_hops.meta({ description: 'How many proxies stand between its callers and it.' }),
  notify: NotifyDraft.nullable(),
  products: z.array(ProductDraft).max(500).meta({ description: 'What each product version of Konnect comes to.' }),
  kong: KongAdminDraft.nullable(),
};

/** What of a gateway is its own. */
export const GatewaySettings = z
  .strictObject(settings)
  .partial()
  .meta({ id: 'GatewaySettings', example: { apis: ['https://api.example.com/orders'] } });
export type GatewaySettings = z.output<typeof GatewaySettings>;

export const GatewayDraft = z
  .strictObject({
    type: GatewayType,
    name: shape.name,
    settings: GatewaySettings.default({}),
    enabled: z.boolean().default(true),
  })
  .meta({
    id: 'GatewayDraft',
    example: { type: 'wso2-keycloak', name: 'WSO2', settings: { apis: ['https://api.example.com/orders'] } },
  });
export type GatewayDraft = z.output<typeof GatewayDraft>;

export const GatewayChanges = z
  .strictObject({
    name: shape.name,
    settings: GatewaySettings.meta({ description: 'Those members that change; each is replaced whole.' }),
    enabled: z.boolean(),
  })
  .partial()
  .meta({ id: 'GatewayChanges', example: { settings: { addresses: ['192.0.2.0/24'] } } });
export type GatewayChanges = z.output<typeof GatewayChanges>;

type Setting = keyof GatewaySettings;

const EVERY: readonly Setting[] = ['apis', 'claims', 'addresses', 'proxy_hops'];
const SETTINGS: Readonly<Record<GatewayType, readonly Setting[]>> = {
  'wso2-keycloak': [...EVERY, 'scopes', 'notify'],
  'wso2-okta': [...EVERY, 'scopes', 'notify'],
  'wso2-is': [...EVERY, 'scopes', 'notify', 'roles'],
  'kong-konnect': [...EVERY, 'products'],
  'kong-admin': [...EVERY, 'kong'],
  generic: EVERY,
};

const APIS: Readonly<Record<GatewayType, { least: number; most: number; says: string }>> = {
  'wso2-keycloak': { least: 1, most: 1, says: 'must name one API' },
  'wso2-okta': { least: 1, most: 1, says: 'must name one API' },
  'wso2-is': { least: 1, most: 1, says: 'must name one API' },
  'kong-konnect': { least: 1, most: 100, says: 'must name at least one API' },
  'kong-admin': { least: 1, most: 100, says: 'must name at least one API' },
  generic: { least: 0, most: 100, says: 'must not name so many APIs' },
};

/** @returns what does not fit the type, or together, whatever is stored @param isNew whether all of it is needed */
export function settingMistakes(type: GatewayType, given: GatewaySettings, isNew: boolean): Mistake[] {
  const said = Object.entries(definedIn(given)) as [Setting, unknown][];
  const unfit = said.flatMap(([name, value]) => (SETTINGS[type].includes(name) || saysNothing(value) ? [] : name));
  const { apis = isNew ? [] : undefined, products = [], kong, claims = {} } = given;
  const { least, most, says } = APIS[type];
  const count = apis?.length ?? least;
  return [
    ...unfit.map((name) => ({ pointer: `/settings/${name}`, detail: `is not for ${type}` })),
    ...(count < least || count > most ? [{ pointer: '/settings/apis', detail: says }] : []),
    ...(isNew && type === 'kong-admin' && !kong ? [{ pointer: '/settings/kong', detail: 'is required' }] : []),
    ...(!isNew && type === 'kong-admin' && kong === null
      ? [{ pointer: '/settings/kong', detail: 'must not be null for kong-admin' }]
      : []),
    ...furtherClaimMistakes(claims, '/settings/claims'),
    ...products.flatMap(({ version }, index) =>
      products.findIndex((other) => other.version === version) < index
        ? [{ pointer: `/settings/products/${index}/version`, detail: 'is a repetition' }]
        : [],
    ),
  ];
}

/** What every gateway is shown with, so that it can be sent back as it was read. */
function saysNothing(value: unknown): boolean {
  return value === null || value === 'all' || (Array.isArray(value) && value.length === 0);
}
