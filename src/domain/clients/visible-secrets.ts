/** Which secrets a principal may know of: a developer those of the clients of his applications. */
import { belongingToVisible, type Inquirer, seesAll } from '../access/visibility.ts';
import type { Where } from '../store.ts';
import { clients } from './clients.ts';

/** @returns the filter for the secrets that the principal may know of */
export async function visibleSecrets(inquirer: Inquirer): Promise<Where> {
  if (seesAll(inquirer.principal)) return {};
  const own = await inquirer.storage.all(clients, await belongingToVisible(inquirer));
  return { client_id: own.map(({ id }) => id) };
}
