/** What attempts to gain rights are made on: an asker's application, and a stranger's that holds what he lacks. */
import { randomBytes } from 'node:crypto';
import type { Member } from '../../src/domain/members/members.ts';
import { clientKey } from '../support/assertions.ts';
import { makeMember, personalKey } from '../support/people.ts';
import { expectStatus, registerApi } from '../support/registered.ts';
import type { Running } from '../support/running.ts';

/** One write that would hand out a right. */
export interface Attempt {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly body: object;
  /** Where the refusal points; null: nowhere, for it is refused as a whole. */
  readonly at: string | null;
  /** What a developer is told where it is not the same 403 with the same pointer. */
  readonly developers?: 403 | 404 | 422;
  /** What a platform owner is told where he does not succeed either. */
  readonly owners?: readonly number[];
  /** What no personal key of a developer does: that is told before anything is looked for. */
  readonly in_person?: boolean;
}

/** What attempts are made on. */
export interface World {
  readonly api: { readonly id: string; readonly identifier: string };
  /** Nobody of the askers owns this member's things. */
  readonly stranger: Member;
  /** Owned by the developer who asks. */
  readonly shop: { readonly id: string; readonly client: string; readonly key: string };
  /** A stranger's application, whose client, key and profile hold and restrict much. All are disabled. */
  readonly foreign: {
    readonly id: string;
    readonly client: string;
    readonly secret: string;
    readonly key: string;
    readonly profile: string;
    /** An initial access token. */
    readonly registrar: string;
    /** A client under no profile, and a profile under which clients sign for themselves. */
    readonly bare: string;
    readonly signed: string;
  };
  /** A gateway for `api`, and a client that it could have. */
  readonly gateway: { readonly id: string; readonly adoptable: string };
  readonly role: string;
  readonly collection: string;
  readonly wideCollection: string;
  readonly strangersKey: string;
  readonly signing: object;
}

/** Makes what attempts need. @param developer who asks, of whose rights `reader` is all */
export async function world(server: Running, developer: Member): Promise<World> {
  const make = async (path: string, body: object) => expectStatus(await server.call('POST', path, body), 201);
  const change = async (path: string, body: object) => expectStatus(await server.call('PATCH', path, body), 200);
  const api = await registerApi(server);
  const held = [{ api: api.identifier, scope: 'things:write' }];
  await make('/roles', { name: 'auditor', permissions: lackingAt(server) });
  await make('/roles', {
    name: 'administrator',
    permissions: [{ api: server.admin.resource, scope: 'clients:write' }],
  });
  const role = await make('/roles', { name: 'title' });
  const collection = await make('/collections', { name: 'demo', apis: [server.demo.api] });
  const wideCollection = await make('/collections', { name: 'all', apis: [server.demo.api, api.identifier] });
  const policy = await make('/policies', { name: 'slow', rate_limit: { requests: 1000, per_seconds: 1 } });

  const shop = await make('/applications', { name: 'Shop', owner: developer.id });
  const client = await make(`/applications/${shop.id}/clients`, { environment: 'sandbox' });
  const ownKey = await make('/api-keys', { kind: 'index', name: 'own', application_id: shop.id });
  const stranger = await makeMember(server);
  const foreign = await make('/applications', { name: 'Foreign', owner: stranger.id });
  const profile = await make('/access-profiles', {
    application_id: foreign.id,
    name: 'narrow',
    collections: [collection.id],
    policy_id: policy.id,
    allowed_ips: ['192.0.2.1'],
    enabled: false,
  });
  const holder = await make(`/applications/${foreign.id}/clients`, {
    environment: 'production',
    permissions: held,
    may_introspect: true,
    access_profile_id: profile.id,
    enabled: false,
  });
  const bare = await make(`/applications/${foreign.id}/clients`, { environment: 'sandbox', permissions: held });
  const signed = await make('/access-profiles', {
    application_id: foreign.id,
    name: 'signed',
    collections: [wideCollection.id],
    authentication: { method: 'jwt', algorithm: 'HS256', secret: randomBytes(32).toString('hex') },
  });
  const [secret] = expectStatus(await server.call('GET', `/clients/${holder.id}/secrets`), 200).data;
  await change(`/clients/${holder.id}/secrets/${secret.id}`, { enabled: false, expires_at: '2098-01-01T00:00:00Z' });
  const key = await make('/api-keys', {
    kind: 'index',
    name: 'held',
    owner: stranger.id,
    application_id: foreign.id,
    permissions: held,
    resources: ['one'],
    allowed_ips: ['192.0.2.1'],
    policy_id: policy.id,
    access_profile_id: profile.id,
    expires_at: '2098-01-01T00:00:00Z',
    enabled: false,
  });
  const registrar = await make('/initial-access-tokens', {
    name: 'held',
    application_id: foreign.id,
    environment: 'production',
    permissions: held,
    max_uses: 1,
    expires_at: new Date(Date.now() + 3_600_000).toISOString(),
    enabled: false,
  });
  await change(`/applications/${foreign.id}`, { enabled: false });
  const gateway = await make('/gateways', { type: 'generic', name: 'KrakenD', settings: { apis: [api.identifier] } });
  const adoptable = await make(`/applications/${shop.id}/clients`, { environment: 'sandbox' });
  const { record } = await personalKey(server, stranger, { enabled: false });
  return {
    api,
    stranger,
    shop: { id: shop.id, client: client.id, key: ownKey.id },
    foreign: {
      id: foreign.id,
      client: holder.id,
      secret: secret.id,
      key: key.id,
      profile: profile.id,
      registrar: registrar.id,
      bare: bare.id,
      signed: signed.id,
    },
    gateway: { id: gateway.id, adoptable: adoptable.id },
    role: role.id,
    collection: collection.id,
    wideCollection: wideCollection.id,
    strangersKey: record.id,
    signing: {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [(await clientKey('ES256')).publicJwk] },
    },
  };
}

/** What no asker holds, at an API where he holds something. */
export function lackingAt(server: Running) {
  return [{ api: server.demo.api, scope: 'orders:write' }];
}
