// Hand-offs between servers on one store: the holder is a client of one server, the waiter of the next one. Measured from writing
// the release to having read the waiter's answer; then the waiter, who holds now, passes on to a client of the server after it.

import { percentile } from '../statistics.ts';
import { authorization, connectTo } from '../systems/signalbox.ts';
import type { Client } from '../systems/system.ts';
import { answered, closeAll, pause } from './clients.ts';
import type { Figures, PassOnJob, Place, StoreJob } from './job.ts';
import { untilCounted } from './queue.ts';

const QUEUED_LIMIT_MS = 10_000;
/** Not counted: the first of a line meets connections that were just made. */
const WARM = 2;

export async function passOn({ key, tag }: StoreJob, job: PassOnJob): Promise<Figures> {
  const until = performance.now() + job.seconds * 1000;
  const lines = await Promise.all(
    Array.from({ length: job.lines }, (_, i) => line(key, `pass-${tag}-${i}`, job, until)),
  );
  const micros = lines.flat();
  if (micros.length === 0) throw new Error('not one hand-off in time');
  return {
    p50: percentile(micros, 50),
    p99: percentile(micros, 99),
    longest: percentile(micros, 100),
    count: micros.length,
  };
}

/** In µs. */
async function line(key: string, name: string, job: PassOnJob, until: number): Promise<number[]> {
  const places = job.places;
  const clients = await Promise.all(places.map(({ port, space }) => connectTo({ port, key }, space, name)));
  const micros: number[] = [];
  try {
    await answered((done) => (clients[0] as Client).wait(done));
    for (let round = 0; performance.now() < until; round++) {
      const [holder, waiter] = [round, round + 1].map((i) => clients[i % clients.length]) as [Client, Client];
      let grantedAt = 0;
      const granted = answered((done) =>
        waiter.wait((failure) => {
          grantedAt = performance.now();
          done(failure);
        }),
      );
      // Asked at the holder's server, which then knows of the waiter.
      await untilCounted(() => waiting(key, places[round % places.length] as Place, name), 1, QUEUED_LIMIT_MS);
      await pause(job.gapMs);
      const releasedAt = performance.now();
      await Promise.all([granted, answered((done) => holder.release(done))]);
      if (round >= WARM) micros.push((grantedAt - releasedAt) * 1000);
    }
    return micros;
  } finally {
    closeAll(clients);
  }
}

async function waiting(key: string, { port, space }: Place, name: string): Promise<number> {
  const reply = await fetch(`http://127.0.0.1:${port}/v1/environments/${name}`, { headers: authorization(key, space) });
  if (!reply.ok) throw new Error(`signalbox answered ${reply.status} to a look at ${name}`);
  return ((await reply.json()) as { waiting: number }).waiting;
}
