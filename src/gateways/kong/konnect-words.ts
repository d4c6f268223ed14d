/**
 * What Konnect's portal says of applications, as far as Latchkey reads it (Kong/konnect-portal-dcr-handler, OpenAPI 0.1.0:
 * ApplicationPayload, EventHook). Its later versions may say more, and name what is not known here: that is passed over.
 */
import { z } from 'zod';
import { CONTROL_CHARACTERS } from '../../domain/control-characters.ts';

const METHODS = ['client_secret_basic', 'client_secret_post'] as const;

/** Of a person at a browser. A client that is for these alone could do nothing here. */
const PERSONS_GRANTS = new Set(['authorization_code', 'implicit', 'password', 'refresh_token', 'session', 'userinfo']);

const Line = z
  .string()
  .min(1)
  .max(500)
  .regex(new RegExp(`^[^${CONTROL_CHARACTERS}]*$`, 'u'), 'must not contain control characters');
const Texts = z.array(z.string().max(2000)).max(100).nullish();
const Description = z.string().max(10_000).nullish();
const Id = z.string().max(100).nullish();
const Owner = z.object({ type: z.string().max(50), id: z.string().max(100) }).nullish();

/** Who is behind an application, for people to look up. */
const people = { portal_id: Id, organization_id: Id, developer_id: Id, owner: Owner };

/** Of a create. `scopes` are not read: rights come by registrations alone. */
export const ApplicationPayload = z.object({
  ...people,
  client_name: Line,
  application_description: Description,
  redirect_uris: Texts,
  grant_types: Texts.refine(
    (types) => !types?.length || !types.every((type) => PERSONS_GRANTS.has(type)),
    'must have client_credentials or bearer: nobody signs in here',
  ),
  token_endpoint_auth_method: z.string().max(100).nullish(),
});
export type ApplicationPayload = z.output<typeof ApplicationPayload>;

/** What all events have in common. */
export const EventHook = z.object({ event_type: z.string().min(1).max(100), client_id: z.string().min(1).max(300) });

export const UpdateApplication = z.object({
  ...people,
  application_id: Id,
  application_name: Line,
  application_description: Description,
  redirect_uris: Texts,
});
export type UpdateApplication = z.output<typeof UpdateApplication>;

/** Of `add_registration` and `remove_registration`. Their `audience` is not read: the owner's map says which API it is. */
export const RegistrationEvent = z.object({ api_product_version_id: z.string().min(1).max(100) });

/** @returns how the client proves itself; by HTTP Basic, where something else than is served is asked for */
export function methodOf({ token_endpoint_auth_method: asked }: ApplicationPayload): (typeof METHODS)[number] {
  return METHODS.find((method) => method === asked) ?? 'client_secret_basic';
}

/** @returns what is kept beside a name */
export function saidOf({
  application_description,
  redirect_uris,
  portal_id,
  organization_id,
  developer_id,
  owner,
}: ApplicationPayload | UpdateApplication) {
  return {
    application_description: application_description ?? '',
    redirect_uris: redirect_uris ?? [],
    portal_id: portal_id ?? null,
    organization_id: organization_id ?? null,
    owner: owner ?? (developer_id ? { type: 'developer', id: developer_id } : null),
  };
}
