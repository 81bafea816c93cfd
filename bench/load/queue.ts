// A queue on one name: one client holds it, N wait. The holder gives it on; the time from writing that request to having
// read the next waiter's answer is one hand-off. Then the former holder queues again, so that N wait at each hand-off.

import { residentKb } from '../proc.ts';
import { percentile } from '../statistics.ts';
import type { Client, Endpoint, System } from '../systems/system.ts';
import { answered, closeAll, openClients, pause } from './clients.ts';
import type { Figures, QueueJob } from './job.ts';

/** More at once, and etcd gives up some of them. */
const QUEUEING_AT_ONCE = 500;
const QUEUED_LIMIT_MS = 20_000;
const HANDOFF_LIMIT_MS = 10_000;
const EMPTY_LIMIT_MS = 30_000;
const LOOK_EVERY_MS = 50;
/** Not counted: the first ones meet a queue that has only just formed. */
const WARM_HANDOFFS = 3;
/** For memory: work before the first reading. */
const WARM_CYCLES = 2_000;
const WARM_CLIENTS = 16;

export async function queue(
  system: System,
  endpoint: Endpoint,
  pids: readonly number[],
  tag: string,
  job: QueueJob,
): Promise<Figures> {
  const n = job.waiters;
  const name = `queue-${tag}`;
  const figures: Figures = {};
  let memoryBefore = 0;
  if (job.memory) {
    await warm(system, endpoint, tag);
    await pause(job.settleMs);
    memoryBefore = residentKb(pids);
  }
  const line = await Line.form(system, endpoint, name, n);
  try {
    if (job.memory) {
      await pause(job.settleMs);
      const memoryAfter = residentKb(pids);
      figures[`serverMemory.${n}`] = memoryAfter / 1024;
      figures[`waiterMemory.${n}`] = (memoryAfter - memoryBefore) / n;
    }
    if (job.handoffs > 0) {
      const micros = await handOffs(line, job, n === 1 ? system.enqueueMs : 0);
      if (micros.length === 0) throw new Error('not one hand-off in time');
      figures[`handoffP50.${n}`] = percentile(micros, 50);
      figures[`handoffP99.${n}`] = percentile(micros, 99);
      figures[`handoffMax.${n}`] = percentile(micros, 100);
    }
    if (job.emptyAfter && !system.leavesOnClose) await line.letAllPass();
  } finally {
    line.close();
  }
  if (job.emptyAfter) await untilWaiting(system, endpoint, name, 0, EMPTY_LIMIT_MS);
  return figures;
}

/** In µs. As many as asked for, or fewer when the time is up. */
async function handOffs(line: Line, job: QueueJob, enqueueMs: number): Promise<number[]> {
  const gapMs = Math.max(job.gapMs, enqueueMs);
  for (let i = 0; i < WARM_HANDOFFS; i++) {
    await pause(gapMs);
    await line.handOff();
  }
  const until = performance.now() + job.handoffSeconds * 1000;
  const micros: number[] = [];
  while (micros.length < job.handoffs && performance.now() < until) {
    await pause(gapMs);
    micros.push(await line.handOff());
  }
  return micros;
}

/** One holder and N waiters on a name. */
class Line {
  readonly #clients: Client[];
  #holder: Client;
  #granted: (client: Client, failure: string | null) => void;
  /** An answer that nobody should have had; a lock that does that is not worth measuring. */
  #broken: string | null = null;
  #ending = false;

  private constructor(clients: Client[], holder: Client) {
    this.#clients = clients;
    this.#holder = holder;
    this.#granted = this.#unexpected;
  }

  static async form(system: System, endpoint: Endpoint, name: string, waiters: number): Promise<Line> {
    await system.prepareQueue(endpoint, name);
    const clients = await openClients(system, endpoint, waiters + 1, () => name);
    try {
      const [holder, ...others] = clients;
      if (holder === undefined) throw new Error('no client');
      await answered((done) => holder.wait(done));
      const line = new Line(clients, holder);
      for (let queued = 0; queued < waiters; ) {
        const next = others.slice(queued, queued + QUEUEING_AT_ONCE);
        for (const client of next) line.#enqueue(client);
        queued += next.length;
        await untilWaiting(system, endpoint, name, queued, QUEUED_LIMIT_MS, () => line.#check());
      }
      return line;
    } catch (error) {
      closeAll(clients);
      throw error;
    }
  }

  /** In µs. */
  async handOff(): Promise<number> {
    this.#check();
    const former = this.#holder;
    let grantedAt = 0;
    const next = new Promise<Client>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('nobody was let in')), HANDOFF_LIMIT_MS);
      this.#granted = (client, failure) => {
        grantedAt = performance.now();
        this.#granted = this.#unexpected;
        clearTimeout(late);
        if (failure === null) resolve(client);
        else reject(new Error(`a waiter: ${failure}`));
      };
    });
    const passedAt = performance.now();
    const [holder] = await Promise.all([next, answered((done) => former.pass(done))]);
    this.#check();
    this.#holder = holder;
    this.#enqueue(former);
    return (grantedAt - passedAt) * 1000;
  }

  /** Each waiter in turn gets the name and gives it on, until nobody waits. */
  async letAllPass(): Promise<void> {
    this.#ending = true;
    let left = this.#clients.length;
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${left} clients did not get their turn`)), EMPTY_LIMIT_MS);
      const passOn = (client: Client) => {
        client.pass((failure) => {
          if (failure !== null) return reject(new Error(failure));
          if (--left > 0) return;
          clearTimeout(late);
          resolve();
        });
      };
      this.#granted = (client, failure) => (failure === null ? passOn(client) : reject(new Error(failure)));
      passOn(this.#holder);
    });
  }

  close(): void {
    this.#ending = true;
    closeAll(this.#clients);
  }

  #check(): void {
    if (this.#broken !== null) throw new Error(this.#broken);
  }

  readonly #unexpected = (_: Client, failure: string | null): void => {
    if (!this.#ending) this.#broken = failure ?? 'a waiter was let in although the name was held';
  };

  #enqueue(client: Client): void {
    if (!this.#ending) client.wait((failure) => this.#granted(client, failure));
  }
}

async function untilWaiting(
  system: System,
  endpoint: Endpoint,
  name: string,
  count: number,
  limitMs: number,
  check = () => {},
): Promise<void> {
  await untilCounted(() => system.waiting(endpoint, name), count, limitMs, check);
}

/** Looks until the server itself counts so many. */
export async function untilCounted(
  look: () => Promise<number>,
  count: number,
  limitMs: number,
  check = () => {},
): Promise<void> {
  const until = performance.now() + limitMs;
  for (;;) {
    check();
    const waiting = await look();
    if (waiting === count) return;
    if (performance.now() > until) throw new Error(`${waiting} clients wait and not ${count} after ${limitMs} ms`);
    await pause(LOOK_EVERY_MS);
  }
}

async function warm(system: System, endpoint: Endpoint, tag: string): Promise<void> {
  const clients = await openClients(system, endpoint, WARM_CLIENTS, (i) => `warm-${tag}-${i}`);
  try {
    const each = async (client: Client) => {
      for (let i = 0; i < WARM_CYCLES / WARM_CLIENTS; i++) {
        await answered((done) => client.acquire(done));
        await answered((done) => client.release(done));
      }
    };
    await Promise.all(clients.map(each));
  } finally {
    closeAll(clients);
  }
}
