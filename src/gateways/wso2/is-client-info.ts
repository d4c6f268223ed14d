/**
 * What WSO2's own connector (`WSO2-IS`, carbon-apimgt's `ClientInfo`) sends of a client: members of WSO2's Identity Server
 * beside those of RFC 7591. The lifetime of a client's own tokens counts here; the others are kept and sent back.
 */
import { z } from 'zod';
import { ChosenCredentials } from '../../domain/gateways/chosen-credentials.ts';
import type { OwnClient } from '../../domain/gateways/gateway-registrations.ts';
import { LONGEST_LIFETIME_SECONDS } from '../../domain/record.ts';
import { checkBody } from '../../http/validation.ts';
import {
  clientInfo,
  GRANT_TYPE,
  type OwnSaying,
  redirectUrisOf,
  saidText,
  sayingOf,
  secondsOf,
  Text,
  Texts,
} from './client-info.ts';
import type { Words } from './registration.ts';

const LIFETIME = 'ext_application_token_lifetime';
const Seconds = z.number({ error: 'must be a number of seconds' });

/** What is read again as it was said. */
const said = {
  ext_application_owner: Text.nullish(),
  application_display_name: Text.nullish(),
  token_type_extension: Text.nullish(),
  [LIFETIME]: Seconds.nullish(),
  ext_user_token_lifetime: Seconds.nullish(),
  ext_refresh_token_lifetime: Seconds.nullish(),
  ext_id_token_lifetime: Seconds.nullish(),
  ext_client_secret_description: Text.nullish(),
  ext_client_secret_expires_in: Seconds.nullish(),
  pkceMandatory: z.boolean().nullish(),
  pkceSupportPlain: z.boolean().nullish(),
  bypassClientCredentials: z.boolean().nullish(),
  application_scopes: Texts.nullish(),
};

const { client_name, redirect_uris, grant_types } = clientInfo;
const { client_id, client_secret } = ChosenCredentials.shape;

// `client_id` is not looked at: on update the connector may put the secret there. The path says which client it is.
const ClientInfo = z.object({ ...said, client_name, redirect_uris, grant_types });
const NewClientInfo = ClientInfo.extend({
  ext_param_client_id: z.literal('').or(client_id).nullish(),
  ext_param_client_secret: z.literal('').or(client_secret).nullish(),
});
type NewClientInfo = z.output<typeof NewClientInfo>;

/** How the connector's clients are read and written. */
export const words: Words = {
  read(json, before) {
    const { value, mistakes } = checkBody(before ? ClientInfo : NewClientInfo, json);
    if (mistakes.length > 0) return { mistakes };
    const info = value as NewClientInfo;
    const chosen = {
      client_id: info.ext_param_client_id || undefined,
      client_secret: info.ext_param_client_secret || undefined,
    };
    return { mistakes, value: { saying: isSayingOf(info, before), chosen } };
  },
  write: (own, secret, expiresAt) => ({
    client_id: own.client.id,
    ...(secret !== undefined && { client_secret: secret, client_secret_expires_at: secondsOf(expiresAt) }),
    client_id_issued_at: secondsOf(own.client.created_at),
    client_name: own.details.client_name,
    redirect_uris: redirectUrisOf(own),
    grant_types: [GRANT_TYPE],
    ...Object.fromEntries(Object.keys(said).flatMap((name) => saidAs(own, name))),
    token_type_extension: saidText(own, 'token_type_extension', 'JWT'),
    ...(own.client.token_lifetime_seconds !== null && { [LIFETIME]: own.client.token_lifetime_seconds }),
  }),
};

function isSayingOf(info: NewClientInfo, before: OwnClient | undefined): OwnSaying {
  // A callback that was emptied is left out, where others send null.
  const { redirect_uris: uris, ...saying } = sayingOf({ ...info, redirect_uris: info.redirect_uris ?? null }, before);
  const known = before?.details.said ?? {};
  const own = Object.keys(said).flatMap((name) => {
    const given = Reflect.get(info, name);
    // Left out, a lifetime is none; of all else it stays.
    const value = given === undefined && name !== LIFETIME ? known[name] : given;
    return value === undefined || value === null ? [] : [[name, value] as const];
  });
  const lifetime = lifetimeOf(info[LIFETIME]);
  // What an operator has set since stays, until WSO2 says something else than before.
  const isSame = before !== undefined && lifetime === lifetimeOf(known[LIFETIME]);
  return {
    ...saying,
    said: { ...Object.fromEntries(own), redirect_uris: uris },
    ...(!isSame && { token_lifetime_seconds: lifetime }),
  };
}

/** @returns whole seconds within what a token may live; null for none: zero, and below */
function lifetimeOf(value: unknown): number | null {
  if (typeof value !== 'number' || value < 1) return null;
  return Math.min(Math.floor(value), LONGEST_LIFETIME_SECONDS);
}

function saidAs({ details }: OwnClient, name: string): [string, unknown][] {
  return details.said[name] === undefined ? [] : [[name, details.said[name]]];
}
