/**
 * What WSO2's connectors send of a client, as far as Latchkey reads it. They write `null`, `[]` and `""` for what nobody
 * filled in, and ask for response types and grants that no machine needs: what means nothing is passed over, and what
 * would be dangerous, or relied upon in vain, is refused (RFC 7591 section 2).
 */
import { z } from 'zod';
import { CONTROL_CHARACTERS } from '../../domain/control-characters.ts';
import type { OwnClient, Saying } from '../../domain/gateways/gateway-registrations.ts';
import { checkBody } from '../../http/validation.ts';
import type { Words } from './registration.ts';

export const GRANT_TYPE = 'client_credentials';
const METHODS = ['client_secret_basic', 'client_secret_post'] as const;

/** One line, as connectors send it. */
export const Text = z
  .string()
  .max(500)
  .regex(new RegExp(`^[^${CONTROL_CHARACTERS}]*$`, 'u'), 'must not contain control characters');
/** A list of such. */
export const Texts = z.array(z.string().max(2000)).max(100);

/** The members of all connectors; unknown ones are ignored. */
export const clientInfo = {
  client_id: z.string().max(300).nullish(),
  client_secret: z.string().max(300).nullish(),
  client_name: Text.nullish(),
  redirect_uris: Texts.nullish(),
  grant_types: Texts.refine(
    (types) => types.length === 0 || types.includes(GRANT_TYPE),
    `must have ${GRANT_TYPE}: no other grant is served`,
  ).nullish(),
  response_types: Texts.nullish(),
  token_endpoint_auth_method: z
    .union([z.literal(''), z.enum(METHODS)], { error: `must be one of ${METHODS.join(', ')}` })
    .nullish(),
  tls_client_certificate_bound_access_tokens: z
    .literal(false, { error: 'cannot be served: tokens are not bound to certificates here' })
    .nullish(),
};

const shape = z.object(clientInfo);
export type ClientInfo = z.output<typeof shape>;

/** What a connector says of a client: what it leaves out stays. */
export type OwnSaying = Pick<Saying, 'client_name' | 'said'> & Partial<Saying>;

/**
 * @param before what is known of the client; undefined where it is made
 * @returns what all connectors say alike: what is left out stays, `null` for the redirect URIs empties them
 */
export function sayingOf(
  info: Partial<ClientInfo>,
  before: OwnClient | undefined,
): Omit<OwnSaying, 'said'> & { redirect_uris: string[] } {
  const { client_name, redirect_uris, token_endpoint_auth_method } = info;
  return {
    client_name: client_name || before?.details.client_name || 'unnamed',
    ...(token_endpoint_auth_method && { token_endpoint_auth_method }),
    redirect_uris:
      redirect_uris === undefined
        ? redirectUrisOf(before)
        : (redirect_uris ?? []).map((uri) => uri.trim()).filter(Boolean),
  };
}

/**
 * @param member a text of the connector's own, beside what all of them have
 * @param otherwise what that is where nobody has said it yet
 * @returns how such a connector's clients are read
 */
export function readingWith(member: string, otherwise: string): Words['read'] {
  const schema = shape.extend({ [member]: z.string().max(50).nullish() });
  return (json, before) => {
    const { value, mistakes } = checkBody(schema, json);
    if (mistakes.length > 0) return { mistakes };
    const info = value as ClientInfo;
    const own: string | null | undefined = Reflect.get(info, member);
    const { redirect_uris, ...saying } = sayingOf(info, before);
    const said = { redirect_uris, [member]: own || saidText(before, member, otherwise) };
    const repeated = { client_id: info.client_id || undefined, client_secret: info.client_secret || undefined };
    return { mistakes, value: { saying: { ...saying, said }, ...repeated } };
  };
}

/** @returns what was said of them last */
export function redirectUrisOf(own: OwnClient | undefined): string[] {
  const said = Texts.safeParse(own?.details.said['redirect_uris']);
  return said.success ? said.data : [];
}

/** @returns what a text member was last, or what it begins with */
export function saidText(own: OwnClient | undefined, member: string, otherwise: string): string {
  const said = own?.details.said[member];
  return typeof said === 'string' ? said : otherwise;
}

/** @returns seconds since 1970; 0 for never (RFC 7591 section 3.2.1) */
export function secondsOf(time: string | null): number {
  return time === null ? 0 : Math.floor(Date.parse(time) / 1000);
}
