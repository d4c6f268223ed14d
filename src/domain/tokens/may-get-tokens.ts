/**
 * Whether a client that has authenticated gets tokens at all: what its access profile says of itself, of the way in and
 * of the caller's address. What it is granted is decided in `grants.ts`.
 */
import type { Standing } from '../catalogue/standing.ts';
import { DomainError } from '../errors.ts';
import { GrantRefusal } from './grants.ts';

type Holder = Pick<Standing, 'client' | 'profile' | 'restrictions'>;

/**
 * For an operator who orders a token: he needs not be where the client is.
 * @throws GrantRefusal RFC 6749 section 5.2 `unauthorized_client`
 * @throws DomainError `unavailable` where the profile that the client names is not known
 */
export function demandTokenProfile({ client, profile }: Holder): void {
  if (client.access_profile_id === null) return;
  // What cannot be asked about is not granted.
  if (profile === null) throw new DomainError('unavailable', "The client's access profile has just changed.");
  const { enabled, authentication } = profile.record;
  if (!enabled) throw new GrantRefusal('unauthorized_client', 'the access profile of this client is disabled');
  if (authentication.method === 'token') return;
  throw new GrantRefusal('unauthorized_client', 'this client signs its own JWTs: its access profile knows no tokens');
}

/**
 * For the client itself.
 * @param address from which it called; undefined where nobody knows: then it is on no list
 * @throws GrantRefusal RFC 6749 section 5.2 `unauthorized_client`
 * @throws DomainError `unavailable` where the profile that the client names is not known
 */
export function demandMayGetTokens(holder: Holder, address: string | undefined): void {
  demandTokenProfile(holder);
  if (holder.restrictions.every(({ addresses }) => addresses === null || addresses.has(address))) return;
  throw new GrantRefusal('unauthorized_client', 'the access profile of this client does not allow its address');
}
