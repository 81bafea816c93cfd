// Opening many clients without flooding the server's listen backlog, and the bridge from callbacks to promises for the
// parts that are not measured.

import type { Client, Done, Endpoint, System } from '../systems/system.ts';

const CONNECTING_AT_ONCE = 64;

/** Clients in the order of `nameOf`. When one cannot be opened, those that were are closed and the failure is thrown. */
export async function openClients(
  system: System,
  endpoint: Endpoint,
  count: number,
  nameOf: (index: number) => string,
): Promise<Client[]> {
  return opened(count, (i) => system.connect(endpoint, nameOf(i)));
}

export async function opened(count: number, open: (index: number) => Promise<Client>): Promise<Client[]> {
  const clients: Client[] = [];
  try {
    for (let from = 0; from < count; from += CONNECTING_AT_ONCE) {
      const size = Math.min(CONNECTING_AT_ONCE, count - from);
      clients.push(...(await Promise.all(Array.from({ length: size }, (_, i) => open(from + i)))));
    }
    return clients;
  } catch (error) {
    closeAll(clients);
    throw error;
  }
}

export function closeAll(clients: readonly Client[]): void {
  for (const client of clients) client.close();
}

export function answered(send: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    send((failure) => (failure === null ? resolve() : reject(new Error(failure))));
  });
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
