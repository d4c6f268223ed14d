/**
 * Who may ask at forward-auth: a configured gateway, known by its key or else by its address; and, where no gateway is
 * configured for it, an address of a setting. Answered from memory, anew after each change of the gateways.
 */
import { AddressList } from '../domain/access/addresses.ts';
import { isTokenOf, recordIdOf } from '../domain/access/recorded-tokens.ts';
import type { GatewayKey } from '../domain/gateways/gateway-credentials.ts';
import type { Gateway } from '../domain/gateways/gateways.ts';

/** In lower case. */
export const GATEWAY_KEY_HEADER = 'x-latchkey-gateway';

/** Who asks: the gateways that it may be, of which any may ask for it. */
export interface Asker {
  /** For the operator. */
  readonly name: string;
  readonly gateways: readonly AskingGateway[];
}

interface AskingGateway {
  /** Missing for an address of the setting. */
  readonly id?: string;
  /** About which APIs; undefined for all. */
  readonly apiIds: ReadonlySet<string> | undefined;
  readonly proxyHops: number;
}

/** Why it may not ask; for the operator. */
export interface AskerFault {
  readonly fault: string;
  readonly about: string;
}

export interface AskerParts {
  readonly gateways: {
    gateways(): Iterable<Gateway>;
    gateway(id: string): Gateway | undefined;
    gatewayKey(id: string): GatewayKey | undefined;
    subscribe(listener: (event: string) => void): void;
  };
  /** The addresses that may ask about everything where no gateway is configured for them: CIDR ranges. */
  readonly allow: readonly string[];
  /** Told of each use of a gateway's key. @param at milliseconds */
  readonly onKeyUsed: (keyId: string, at: number) => void;
  /** Told of each gateway that it may be who asks by its address. @param at milliseconds */
  readonly onAsked: (gatewayId: string, at: number) => void;
}

/** How many addresses are remembered: far more than gateways have. */
const REMEMBERED = 1000;

export class Askers {
  readonly #parts: AskerParts;
  readonly #allowed: AddressList;
  readonly #byAddress = new Map<string, Asker | AskerFault>();
  #askers = new Map<string, Asker>();
  #addresses: { readonly list: AddressList; readonly gateway: Gateway }[] = [];

  constructor(parts: AskerParts) {
    this.#parts = parts;
    this.#allowed = new AddressList(parts.allow);
    parts.gateways.subscribe((event) => {
      if (event === 'gateways') this.#update();
    });
    this.#update();
  }

  /**
   * @param address in its normal spelling; undefined where nobody knows it: such an asker has only its key
   * @param key what it sent as a gateway's key; one that does not count is not made up for by any address
   * @returns the gateways that it may be, or why it may not ask
   */
  who(address: string | undefined, key: string | undefined): Asker | AskerFault {
    if (key !== undefined) return this.#byKey(address, key);
    if (address === undefined) return { fault: 'nobody knows from where this is asked', about: 'unknown' };
    const asker = this.#byAddress.get(address) ?? this.#remember(address);
    if ('gateways' in asker) {
      for (const { id } of asker.gateways) if (id !== undefined) this.#parts.onAsked(id, Date.now());
    }
    return asker;
  }

  #remember(address: string): Asker | AskerFault {
    const found = this.#at(address);
    // Full only where those who ask are no gateways.
    if (this.#byAddress.size >= REMEMBERED) this.#byAddress.clear();
    this.#byAddress.set(address, found);
    return found;
  }

  #byKey(address: string | undefined, presented: string): Asker | AskerFault {
    const { gateways, onKeyUsed } = this.#parts;
    const key = gateways.gatewayKey(recordIdOf('gwk', presented) ?? '');
    const gateway = key && isTokenOf(key, presented) ? gateways.gateway(key.gateway_id) : undefined;
    const asker = gateway && this.#askers.get(gateway.id);
    if (key === undefined || gateway === undefined || asker === undefined) {
      return { fault: 'X-Latchkey-Gateway is no key of a gateway', about: address ?? 'unknown' };
    }
    if (!gateway.enabled) return { fault: 'this gateway is disabled', about: gateway.id };
    onKeyUsed(key.id, Date.now());
    return asker;
  }

  #at(address: string): Asker | AskerFault {
    const known = this.#addresses.filter(({ list }) => list.has(address)).map(({ gateway }) => gateway);
    const enabled = known.filter((gateway) => gateway.enabled);
    if (enabled.length > 0) return askerOf(enabled);
    // Else disabling one would lift what its settings limit.
    if (known[0] !== undefined) return { fault: 'this gateway is disabled', about: known[0].id };
    if (this.#allowed.has(address)) return { name: address, gateways: [{ apiIds: undefined, proxyHops: 0 }] };
    return {
      fault: 'this address may not ask: it is neither of a gateway nor of LATCHKEY_FORWARD_AUTH_ALLOW',
      about: address,
    };
  }

  #update(): void {
    this.#byAddress.clear();
    const gateways = [...this.#parts.gateways.gateways()];
    this.#askers = new Map(gateways.map((gateway) => [gateway.id, askerOf([gateway])]));
    this.#addresses = gateways
      .filter(({ addresses }) => addresses.length > 0)
      .map((gateway) => ({ list: new AddressList(gateway.addresses), gateway }));
  }
}

/**
 * @returns how many proxies stand before the gateway that asks about this API, or undefined where it may not. Of several
 * gateways at one address the fewest: then nobody's invention is taken for an address.
 */
export function proxyHopsAt({ gateways }: Asker, apiId: string): number | undefined {
  let fewest: number | undefined;
  for (const { apiIds, proxyHops } of gateways) {
    if (apiIds !== undefined && !apiIds.has(apiId)) continue;
    if (fewest === undefined || proxyHops < fewest) fewest = proxyHops;
  }
  return fewest;
}

function askerOf(gateways: readonly Gateway[]): Asker {
  return {
    name: gateways.map(({ id }) => id).join(' '),
    gateways: gateways.map(({ id, api_ids, proxy_hops }) => ({
      id,
      apiIds: api_ids.length === 0 ? undefined : new Set(api_ids),
      proxyHops: proxy_hops,
    })),
  };
}
