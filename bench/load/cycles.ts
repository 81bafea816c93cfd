// Cycles: every client takes its own name and gives it back, over and over. After a warm-up the counters start, and at
// the end of the window everything is read once: cycles, the latency of each acquire, the CPU time of the server and of
// this process, and how much of the machine somebody else used meanwhile.

import { availableParallelism } from 'node:os';
import { cpuMicros, machineBusyMicros } from '../proc.ts';
import { percentile } from '../statistics.ts';
import type { Client, Endpoint, System } from '../systems/system.ts';
import { closeAll, openClients, pause } from './clients.ts';
import type { CyclesJob, Figures } from './job.ts';

/** Latencies beyond so many are not kept: 25 s at 40,000 cycles a second. */
const MAX_LATENCIES = 1_000_000;
const END_LIMIT_MS = 5_000;
const PACED_EVERY_MS = 2;

export async function cycles(
  system: System,
  endpoint: Endpoint,
  pids: readonly number[],
  tag: string,
  job: CyclesJob,
): Promise<Figures> {
  const clients = await openClients(system, endpoint, job.clients, (i) => `cycle-${tag}-${i}`);
  const run = new Run(clients);
  try {
    run.start();
    await run.during(job.warmSeconds);
    const before = snapshot(pids);
    run.restart();
    await run.during(job.seconds);
    const done = run.done;
    const latencies = run.latencies();
    const after = snapshot(pids);
    await run.finish();
    if (done === 0) throw new Error(`not one cycle in ${job.seconds} s`);

    const micros = after.at - before.at;
    const server = after.server - before.server;
    const load = after.load - before.load;
    const others = after.machine - before.machine - server - load;
    const n = job.clients;
    return {
      [`cycles.${n}`]: (done * 1e6) / micros,
      [`acquireP50.${n}`]: percentile(latencies, 50),
      [`acquireP99.${n}`]: percentile(latencies, 99),
      [`serverCpu.${n}`]: server / done,
      [`loadCpu.${n}`]: load / done,
      [`loadBusy.${n}`]: load / micros,
      [`othersBusy.${n}`]: Math.max(0, others / micros / availableParallelism()),
    };
  } finally {
    closeAll(clients);
  }
}

/** All in µs. */
function snapshot(pids: readonly number[]) {
  const own = process.cpuUsage();
  return {
    at: performance.now() * 1000,
    server: cpuMicros(pids),
    load: own.user + own.system,
    machine: machineBusyMicros(),
  };
}

/** Drives clients; `perSecond`: so many cycles of all together, null: as many as are answered. */
export class Run {
  readonly #clients: readonly Client[];
  readonly #perSecond: number | null;
  /** Of a paced run: those whose next cycle is not due yet. */
  readonly #resting: (() => void)[] = [];
  #pacing: NodeJS.Timeout | null = null;
  readonly #latencies = new Float64Array(MAX_LATENCIES);
  #recorded = 0;
  #active = 0;
  #stopping = false;
  #failure: string | null = null;
  #fail: (failure: Error) => void = () => {};
  #finished: () => void = () => {};
  done = 0;
  /** The longest that any request has taken, in µs. */
  longest = 0;

  constructor(clients: readonly Client[], perSecond: number | null = null) {
    this.#clients = clients;
    this.#perSecond = perSecond;
  }

  start(): void {
    if (this.#perSecond !== null) this.#pace(this.#perSecond);
    for (const client of this.#clients) {
      this.#active++;
      this.#drive(client);
    }
  }

  restart(): void {
    this.done = 0;
    this.#recorded = 0;
    this.longest = 0;
  }

  latencies(): Float64Array {
    return this.#latencies.slice(0, this.#recorded);
  }

  /** Lets the clients go on for so long; throws as soon as one was answered wrongly. */
  async during(seconds: number): Promise<void> {
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    if (this.#failure !== null) throw new Error(this.#failure);
    await Promise.race([pause(seconds * 1000), failed]);
  }

  /** Each client ends its cycle, so that no name is left taken. */
  async finish(): Promise<void> {
    this.#stopping = true;
    if (this.#pacing !== null) clearInterval(this.#pacing);
    this.#active -= this.#resting.splice(0).length;
    if (this.#active === 0) return;
    const finished = new Promise<void>((resolve) => {
      this.#finished = resolve;
    });
    await Promise.race([finished, pause(END_LIMIT_MS)]);
    if (this.#active > 0) throw new Error(`${this.#active} clients were not answered within ${END_LIMIT_MS} ms`);
  }

  // The closures are made once per client, so a cycle allocates none.
  #drive(client: Client): void {
    let sentAt = 0;
    let releasedAt = 0;
    const acquire = () => {
      sentAt = performance.now();
      client.acquire(acquired);
    };
    const acquired = (failure: string | null) => {
      if (failure !== null) return this.#failed(failure);
      releasedAt = performance.now();
      const micros = (releasedAt - sentAt) * 1000;
      if (this.#recorded < MAX_LATENCIES) this.#latencies[this.#recorded++] = micros;
      if (micros > this.longest) this.longest = micros;
      client.release(released);
    };
    const released = (failure: string | null) => {
      if (failure !== null) return this.#failed(failure);
      this.done++;
      const micros = (performance.now() - releasedAt) * 1000;
      if (micros > this.longest) this.longest = micros;
      if (!this.#stopping) return this.#perSecond === null ? acquire() : void this.#resting.push(acquire);
      if (--this.#active === 0) this.#finished();
    };
    acquire();
  }

  #pace(perSecond: number): void {
    let at = performance.now();
    let due = 0;
    this.#pacing = setInterval(() => {
      const now = performance.now();
      due = Math.min(due + ((now - at) / 1000) * perSecond, this.#clients.length);
      at = now;
      while (due >= 1) {
        const next = this.#resting.shift();
        if (next === undefined) break;
        due--;
        next();
      }
    }, PACED_EVERY_MS);
  }

  #failed(failure: string): void {
    this.#failure = failure;
    this.#stopping = true;
    this.#fail(new Error(failure));
  }
}
