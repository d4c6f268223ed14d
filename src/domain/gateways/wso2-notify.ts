/**
 * How WSO2 API Manager is told of revocations: `POST /internal/data/v1/notify`. No member is ever null, and times are
 * milliseconds since 1970: it keeps events by them, and one in seconds would be over at once.
 */
import type { CallParts, OutgoingCall } from '../outbox/channel.ts';
import { settingPlace } from './gateway-references.ts';
import type { Gateway } from './gateways.ts';
import type { GatewayNotice, NoticeKind } from './notices.ts';

/** It answers 200 to what it has taken, and 500 where anything went wrong. */
export const TAKEN_STATUS = 200;

/** Whose handler is to read it: any other name but this is answered 200 and passed over. */
const HANDLER = 'default';

const TYPES: Readonly<Record<NoticeKind, string>> = {
  token: 'token_revocation',
  application: 'consumer_app_revocation_event',
  subject: 'subject_entity_revocation_event',
};
/** What stands for a client that nobody knows: it has no room for nothing. */
const UNKNOWN = 'unknown';

/** @returns the call that tells of the notice; undefined where the gateway has no address for that */
export function notifyCall(
  { sealer }: Pick<CallParts, 'sealer'>,
  { id, notify }: Pick<Gateway, 'id' | 'notify'>,
  notice: GatewayNotice,
): OutgoingCall | undefined {
  if (notify === null) return undefined;
  const password = sealer.open(settingPlace(id, 'notify.password'), notify.sealed_password).toString();
  return {
    url: notify.url,
    body: notifyBody(notify, notice),
    headers: {
      authorization: `Basic ${Buffer.from(`${notify.username}:${password}`).toString('base64')}`,
      'content-type': 'application/json',
      'user-agent': 'Latchkey',
      'x-wso2-key-manager': HANDLER,
    },
  };
}

/** @returns the event, the same at each attempt */
export function notifyBody(
  { tenant_id, tenant_domain }: Pick<NonNullable<Gateway['notify']>, 'tenant_id' | 'tenant_domain'>,
  notice: GatewayNotice,
): string {
  const type = TYPES[notice.kind];
  const facts = JSON.stringify({
    eventId: notice.event_id,
    timeStamp: Date.parse(notice.revoked_at),
    tenantId: tenant_id,
    tenantDomain: tenant_domain,
    ...factsOf(notice),
  });
  // It tells events apart by looking for their types' names anywhere in the text: a client's id may contain one.
  const apart = facts.replaceAll('_revocation', '\\u005frevocation');
  return `{"type":"${type}",${apart.slice(1)}`;
}

function factsOf({ kind, client_id, token_id, token_ends_at, revoked_at }: GatewayNotice): object {
  const client = client_id ?? UNKNOWN;
  const revocationTime = Date.parse(revoked_at);
  if (kind === 'application') return { consumerKey: client, revocationTime };
  if (kind === 'subject') return { entityId: client, entityType: 'CLIENT_ID', revocationTime };
  return {
    accessToken: token_id ?? UNKNOWN,
    expiryTime: Date.parse(token_ends_at ?? revoked_at),
    user: client,
    consumerKey: client,
    tokenType: 'JWT',
  };
}
