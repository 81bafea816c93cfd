// Cycles, or reads, of clients that are spread over several servers and spaces on one PostgreSQL: as in cycles.ts, and what
// the database has used for it.

import { availableParallelism } from 'node:os';
import { percentile } from '../statistics.ts';
import { authorization, connectTo } from '../systems/signalbox.ts';
import type { Client, Done } from '../systems/system.ts';
import { HttpConnection, httpRequest } from '../wire/http.ts';
import { answered, closeAll, opened } from './clients.ts';
import { Run } from './cycles.ts';
import type { Figures, Place, SpreadJob, StoreJob } from './job.ts';
import { Meter } from './meter.ts';

export async function spread({ key, servers, cluster, tag }: StoreJob, job: SpreadJob): Promise<Figures> {
  const meter = await Meter.open(servers, cluster, key);
  const clients = await opened(job.clients, (i) => {
    const place = job.places[i % job.places.length] as Place;
    return job.what === 'cycles'
      ? connectTo({ port: place.port, key }, place.space, `cycle-${tag}-${i}`)
      : Reader.open(place, key, `read-${tag}-${i}`);
  });
  const run = new Run(clients, job.perSecond);
  try {
    run.start();
    await run.during(job.warmSeconds);
    // The log is read between two moments of its own: the question itself waits in line.
    const turnsBefore = await meter.turns();
    run.restart();
    const walBefore = { bytes: await meter.walBytes(), done: run.done };
    const before = meter.used();
    const doneBefore = run.done;
    await run.during(job.seconds);
    const after = meter.used();
    const done = run.done - doneBefore;
    const { longest } = run;
    const latencies = run.latencies();
    const walAfter = { bytes: await meter.walBytes(), done: run.done };
    const turnsAfter = await meter.turns();
    await run.finish();
    if (done === 0) throw new Error(`not one in ${job.seconds} s`);

    const micros = after.at - before.at;
    const [server, postgres, load] = (['server', 'postgres', 'load'] as const).map(
      (who) => after[who] - before[who],
    ) as [number, number, number];
    const turns = turnsAfter.map((count, i) => count - (turnsBefore[i] ?? 0));
    const allTurns = turns.reduce((sum, count) => sum + count, 0);
    return {
      perSecond: (done * 1e6) / micros,
      p50: percentile(latencies, 50),
      p99: percentile(latencies, 99),
      longest,
      serverCpu: server / done,
      postgresCpu: postgres / done,
      walBytes: (walAfter.bytes - walBefore.bytes) / Math.max(1, walAfter.done - walBefore.done),
      ...(allTurns === 0 ? {} : sharesOf(turns, allTurns, walAfter.done - walBefore.done)),
      loadCpu: load / done,
      loadBusy: load / micros,
      othersBusy: Math.max(
        0,
        (after.machine - before.machine - server - postgres - load) / micros / availableParallelism(),
      ),
    };
  } finally {
    closeAll(clients);
    await meter.close();
  }
}

function sharesOf(turns: readonly number[], all: number, cycles: number): Figures {
  return { perTurn: cycles / all, leastTurns: Math.min(...turns) / all, mostTurns: Math.max(...turns) / all };
}

/** Looks at its environment, over and over: each time is a cycle. */
class Reader implements Pick<Client, 'acquire' | 'release' | 'close'> {
  readonly #connection: HttpConnection;
  readonly #request: string;

  private constructor(connection: HttpConnection, request: string) {
    this.#connection = connection;
    this.#request = request;
  }

  static async open({ port, space }: Place, key: string, environment: string): Promise<Client> {
    const first = await connectTo({ port, key }, space, environment);
    await answered((done) => first.acquire(done));
    await answered((done) => first.release(done));
    first.close();
    const request = httpRequest('GET', `/v1/environments/${environment}`, authorization(key, space));
    return new Reader(await HttpConnection.open(port), request) as unknown as Client;
  }

  acquire(done: Done): void {
    this.#connection.send(this.#request, (failure, status, body) => {
      if (failure === null && status === 200) done(null);
      else done(failure ?? `signalbox answered ${status} to a look: ${body.slice(0, 200)}`);
    });
  }

  release(done: Done): void {
    done(null);
  }

  close(): void {
    this.#connection.close();
  }
}
