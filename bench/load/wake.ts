// Waking everybody: N clients wait for one thing, and another one brings it about. Measured from writing that request to having
// read the answer of the last one who waited.

import { percentile } from '../statistics.ts';
import type { Client, Endpoint, System } from '../systems/system.ts';
import { answered, closeAll, openClients } from './clients.ts';
import type { Figures, WakeJob } from './job.ts';
import { untilCounted } from './queue.ts';

const LISTENING_LIMIT_MS = 20_000;
/** More at once, and a server's listen backlog is what is measured. */
const LISTENING_AT_ONCE = 500;
/** Not counted: it meets a server that has never done this. */
const WARM_ROUNDS = 1;

export async function wake(system: System, endpoint: Endpoint, tag: string, job: WakeJob): Promise<Figures> {
  const { listening: count } = system;
  if (count === null) throw new Error('it has nothing to listen for');
  const clients = await openClients(system, endpoint, job.waiters + 1, (i) => `wake-${tag}-${i}`);
  const [teller, ...listeners] = clients as [Client, ...Client[]];
  const millis: number[] = [];
  try {
    for (let round = 0; round < WARM_ROUNDS + job.rounds; round++) {
      const name = `wake-${tag}-${round}`;
      const { allTold } = await listening(() => count(endpoint), listeners, name);
      const toldAt = performance.now();
      await answered((done) => teller.tell(name, done));
      const lastAt = await allTold;
      if (round >= WARM_ROUNDS) millis.push(lastAt - toldAt);
    }
  } finally {
    closeAll(clients);
  }
  return { [`wakeP50.${job.waiters}`]: percentile(millis, 50), [`wakeMax.${job.waiters}`]: percentile(millis, 100) };
}

/** Resolves once all listen; `allTold` with the moment at which the last of them was told. */
async function listening(
  count: () => Promise<number>,
  listeners: readonly Client[],
  name: string,
): Promise<{ allTold: Promise<number> }> {
  const told: Promise<void>[] = [];
  for (let from = 0; from < listeners.length; from += LISTENING_AT_ONCE) {
    for (const client of listeners.slice(from, from + LISTENING_AT_ONCE))
      told.push(answered((done) => client.listen(name, done)));
    await untilCounted(count, told.length, LISTENING_LIMIT_MS);
  }
  return { allTold: Promise.all(told).then(() => performance.now()) };
}
