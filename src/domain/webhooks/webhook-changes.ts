/** What may be done with webhooks. What one carries is the audit trail: who may not read that makes none. */
import { demandEndWithinKey } from '../access/key-expiry.ts';
import { memberOf, type Principal } from '../access/principal.ts';
import { readHead } from '../audit/chain.ts';
import { DomainError, invalid } from '../errors.ts';
import { newId } from '../ids.ts';
import type { Sealer } from '../installation/sealing.ts';
import { changesNothing, definedIn } from '../merge.ts';
import type { Storage } from '../store.ts';
import type { Work } from '../work.ts';
import { webhookDeliveries } from './deliveries.ts';
import {
  type WebhookChanges,
  type WebhookDraft,
  type WebhookRotation,
  type WebhookSurroundings,
  webhookMistakes,
} from './webhook-drafts.ts';
import { earlierAfterRotation, liveEarlier, newWebhookSecret } from './webhook-secrets.ts';
import { type Webhook, webhooks } from './webhooks.ts';

/** How many webhooks one owner may have, and the workspace. */
const WEBHOOKS_MAX = 50;

const READING_SCOPE = 'audit-entries:read';

type Changing = Work & { readonly services: WebhookSurroundings & { readonly sealer: Sealing } };
type Sealing = Pick<Sealer, 'seal' | 'open'>;

/** A webhook with its secret, to be shown once. */
export interface MintedWebhook {
  readonly record: Webhook;
  readonly secret: string;
}

/**
 * It belongs to the member who makes it, or to the workspace where a machine does, and begins with what is sealed next.
 * @throws DomainError `invalid`, `forbidden`, `conflict` where there are too many
 */
export async function createWebhook(work: Changing, draft: WebhookDraft): Promise<MintedWebhook> {
  const { storage, unit, principal, services } = work;
  demandReader(principal);
  demandEndWithinKey(principal, null, '');
  const mistakes = webhookMistakes(draft, services);
  if (mistakes.length > 0) throw invalid(mistakes);
  const owner = memberOf(principal);
  await demandRoom(storage, owner);
  const id = newId('whk');
  const { secret, kept } = newWebhookSecret(id, services.sealer);
  const begins_after = (await readHead(storage)).count;
  const record = unit.insert(webhooks, { id, ...draft, owner, current: kept, earlier: [], begins_after });
  return { record, secret };
}

/** One that is enabled again begins with what is sealed next. @throws DomainError `invalid`, `forbidden` */
export async function changeWebhook(work: Changing, before: Webhook, changes: WebhookChanges): Promise<Webhook> {
  const { storage, unit, principal, services } = work;
  const mistakes = webhookMistakes(changes, services, before);
  if (mistakes.length > 0) throw invalid(mistakes);
  const { secret: _, ...patch } = definedIn(changes);
  if (changesNothing(before, patch)) return before;
  const isEnding = patch.enabled === false && changesNothing({ ...before, enabled: false }, patch);
  if (!isEnding) {
    demandReader(principal);
    demandEndWithinKey(principal, null, ...Object.keys(patch).map((name) => `/${name}`));
  }
  const isRevived = patch.enabled === true && !before.enabled;
  const begins_after = isRevived ? (await readHead(storage)).count : before.begins_after;
  return unit.replace(webhooks, before, { ...patch, begins_after });
}

/** @throws DomainError `forbidden`; `conflict` where too many earlier secrets sign on */
export function rotateWebhookSecret(
  work: Changing,
  before: Webhook,
  { overlap_seconds }: WebhookRotation,
): MintedWebhook {
  const { unit, principal, services } = work;
  demandReader(principal);
  demandEndWithinKey(principal, null, '');
  const earlier = earlierAfterRotation(before, unit.now, overlap_seconds);
  const { secret, kept } = newWebhookSecret(before.id, services.sealer);
  const record = unit.replace(webhooks, before, { current: kept, earlier }, { verb: 'rotated' });
  return { record, secret };
}

/** Its deliveries go with it, those that were still to be tried too. They may be many: not in the same commit. */
export function removeWebhook({ storage, unit }: Work, webhook: Webhook): void {
  unit.remove(webhooks, webhook);
  unit.afterwards(() => storage.removeWhere(webhookDeliveries, { webhook_id: webhook.id }));
}

/** Removes those of a member who goes. */
export async function removeWebhooksOf(work: Work, memberId: string): Promise<void> {
  for (const webhook of await work.storage.all(webhooks, { owner: memberId })) removeWebhook(work, webhook);
}

/** @param now milliseconds @returns what is told of the secrets that sign by now, beside the current one */
export function overlapOf(webhook: Webhook, now: number): { hint: string; ends_at: string }[] {
  return liveEarlier(webhook, now).map(({ hint, ends_at }) => ({ hint, ends_at }));
}

/** @throws DomainError `forbidden` for who may not read the audit trail: a webhook would read it for him */
export function demandReader(principal: Principal): void {
  if (principal.scopes.has(READING_SCOPE)) return;
  throw new DomainError('forbidden', `A webhook carries entries of the audit trail: that takes ${READING_SCOPE} too.`);
}

// Of two at once both may pass: it is here to keep one caller from making the server call the whole world.
async function demandRoom(storage: Storage, owner: string | null): Promise<void> {
  const present = await storage.page(webhooks, { where: { owner }, limit: WEBHOOKS_MAX });
  if (present.length < WEBHOOKS_MAX) return;
  throw new DomainError('conflict', `There are ${WEBHOOKS_MAX} webhooks already: as many as one owner may have.`);
}
