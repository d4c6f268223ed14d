/** Which API keys a principal may know of: a developer his own, and those of the applications that he owns. */
import { type Inquirer, seesAll, visibleApplication, visibleApplicationIds } from '../access/visibility.ts';
import type { Where } from '../store.ts';
import { type ApiKey, apiKeys } from './api-keys.ts';

/** @returns the filter for the keys that the principal may know of */
export async function visibleApiKeys(inquirer: Inquirer): Promise<Where> {
  const { principal } = inquirer;
  if (seesAll(principal) || principal.kind !== 'member') return {};
  return { belongs_to: [principal.member_id, ...(await visibleApplicationIds(inquirer))] };
}

/** @returns the key with this id, where the principal may know of it */
export async function visibleApiKey(inquirer: Inquirer, id: string): Promise<ApiKey | undefined> {
  const { storage, principal } = inquirer;
  const key = await storage.get(apiKeys, id);
  if (key === undefined || seesAll(principal)) return key;
  if (principal.kind === 'member' && key.belongs_to === principal.member_id) return key;
  if (key.application_id === null) return undefined;
  return (await visibleApplication(inquirer, key.application_id)) && key;
}
