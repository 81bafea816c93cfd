// From the host of a target to its addresses. What always holds: an odd spelling of an address ends as the address that it
// means; and however often somebody asks, one name is being looked up once at a time, because a lookup cannot be called off
// and the few threads that do it are everybody's.

import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { promisify } from 'node:util';
import { addressIn } from './address.ts';
import type { Finding } from './probe.ts';

export type Lookup = (host: string) => Promise<readonly LookupAddress[]>;

export type Resolved =
  | { readonly ok: true; readonly addresses: readonly string[] }
  | { readonly ok: false; readonly finding: Finding };

/** More addresses than this of one name are not tried. */
export const maxAddresses = 16;

const lookupAll = promisify(systemLookup);
export const lookupBySystem: Lookup = (host) => lookupAll(host, { all: true });

export class Names {
  readonly #lookup: Lookup;
  readonly #asked = new Map<string, Promise<Resolved>>();

  constructor(lookup: Lookup = lookupBySystem) {
    this.#lookup = lookup;
  }

  /** All addresses of the host. Never throws; when the signal aborts first, the name server is the one that is not ready. */
  async resolve(host: string, signal: AbortSignal): Promise<Resolved> {
    const address = addressIn(host);
    if (address !== null) return { ok: true, addresses: [address] };
    return (await Promise.race([this.#ask(host), aborted(signal)])) ?? unready('the name server does not answer');
  }

  #ask(host: string): Promise<Resolved> {
    const running = this.#asked.get(host);
    if (running !== undefined) return running;
    const asked = this.#answer(host).finally(() => this.#asked.delete(host));
    this.#asked.set(host, asked);
    return asked;
  }

  async #answer(host: string): Promise<Resolved> {
    try {
      const addresses = [...new Set((await this.#lookup(host)).map(({ address }) => address))];
      return addresses.length === 0 ? noName : { ok: true, addresses: addresses.slice(0, maxAddresses) };
    } catch (error) {
      const code = String((error as NodeJS.ErrnoException).code);
      // Docker's name server answers EAI_AGAIN for a container that is not there.
      if (code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'ENODATA' || code === 'EAI_NODATA') return noName;
      return unready(`the name cannot be looked up (${code})`);
    }
  }
}

const noName: Resolved = { ok: false, finding: { state: 'down', detail: 'name does not resolve' } };

function unready(detail: string): Resolved {
  return { ok: false, finding: { state: 'unready', detail } };
}

/** Null once the signal has aborted. */
function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener('abort', () => resolve(null), { once: true });
  });
}
