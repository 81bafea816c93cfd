// The order of a run on PostgreSQL. In each repetition everything is measured once, one right after the other, on servers that
// stay up: one server alone on a database, three on another, and one with a SQLite file. Then many spaces, on servers that are
// started for it.
//
// R1  A measurement that fails is noted, and the run goes on.
// R2  Nothing is begun after the plan's limit, and what is under way then is ended.

import { randomBytes } from 'node:crypto';
import { Generator } from '../generator.ts';
import type { Figures, Place, SpreadJob, StoreJob } from '../load/job.ts';
import { Meter } from '../load/meter.ts';
import { residentKb } from '../proc.ts';
import type { Progress } from '../run.ts';
import { Samples } from '../samples.ts';
import { Server } from '../server.ts';
import { signalbox } from '../systems/signalbox.ts';
import type { Cluster } from './cluster.ts';
import { Fleet } from './fleet.ts';
import { CLIENTS, SERVERS, SPARSE_CYCLES, type StorePlan } from './plan.ts';

const SYSTEM = 'signalbox-postgres';
const MEASUREMENT_LIMIT_MS = 60_000;
const READERS = 64;
/** Hand-offs at the same time: under load, so that there are enough of them; one where a turn of another line would bring news. */
const LINES = { idle: 1, loaded: 6 };
const GAP_MS = 5;
/** What runs beside hand-offs begins earlier and ends later. */
const AROUND_SECONDS = 0.5;
const HALT = { lookAfterMs: 60, idleForMs: 40, lastsMs: 800, tries: 25, betweenMs: 150 };

export async function runStore(
  plan: StorePlan,
  cluster: Cluster,
  directory: string,
  progress: Progress,
): Promise<{ samples: Samples; complete: boolean }> {
  const run = new StoreRun(plan, cluster, directory, progress);
  try {
    await run.all();
  } finally {
    run.stop();
  }
  return { samples: run.samples, complete: run.leftMs() > 0 };
}

type Job = Omit<StoreJob, 'key' | 'cluster' | 'tag'>;

class StoreRun {
  readonly samples = new Samples();
  readonly #plan: StorePlan;
  readonly #cluster: Cluster;
  readonly #directory: string;
  readonly #progress: Progress;
  readonly #key = randomBytes(24).toString('base64url');
  readonly #until: number;
  readonly #load = new Generator();
  /** For what runs beside what is measured. */
  readonly #beside = new Generator();
  readonly #started: { stop(): void }[] = [];
  #repetition = 0;
  #tags = 0;

  constructor(plan: StorePlan, cluster: Cluster, directory: string, progress: Progress) {
    this.#plan = plan;
    this.#cluster = cluster;
    this.#directory = directory;
    this.#progress = progress;
    this.#until = performance.now() + plan.limitSeconds * 1000;
  }

  leftMs(): number {
    return this.#until - performance.now();
  }

  stop(): void {
    for (const each of [this.#load, this.#beside, ...this.#started]) each.stop();
  }

  async all(): Promise<void> {
    const one = await this.#fleet('one');
    const three = await this.#fleet('three');
    const sqlite = await Server.start(signalbox, this.#directory, this.#key);
    this.#started.push(sqlite);
    await one.start(1);
    await three.start(SERVERS);
    await one.makeSpaces(SERVERS);
    await three.makeSpaces(SERVERS);
    for (const [fleet, places] of [
      [one, one.places(0)],
      [three, three.places(0)],
      [three, ownSpaces(three)],
    ] as const)
      await this.#train(fleet, places);
    for (this.#repetition = 1; this.#repetition <= this.#plan.repetitions; this.#repetition++) {
      await this.#cycles(one, three);
      await this.#handOffs(three);
      await this.#note('halt', () => this.#halts(three));
      await this.#reads(one, sqlite);
      for (const compression of ['off', 'on'] as const)
        await this.#note(`sparse.${compression}`, () => this.#sparse(one, compression, SPARSE_CYCLES, () => 'main'));
    }
    for (const fleet of [one, three, sqlite]) fleet.stop();
    for (const { count, repetitions } of this.#plan.spaces)
      for (this.#repetition = 1; this.#repetition <= repetitions; this.#repetition++)
        await this.#note(`${count} spaces`, () => this.#manySpaces(count));
  }

  async #train(fleet: Fleet, places: readonly Place[]): Promise<void> {
    this.#progress(`training ${fleet.database}`);
    const work = this.#work(places, { warmSeconds: 0, seconds: this.#plan.trainSeconds });
    await this.#measure(this.#load, { servers: fleet.serverPlaces, work });
  }

  async #cycles(one: Fleet, three: Fleet): Promise<void> {
    for (const clients of CLIENTS) await this.#spread(`one.${clients}`, one, one.places(0), { clients });
    await this.#spread('three', three, three.places(0));
    await this.#spread('threeSpaces', three, ownSpaces(three));
    await this.#spread('oneThreeSpaces', one, one.places(SERVERS));
  }

  async #handOffs(three: Fleet): Promise<void> {
    const places = three.places(0);
    const { seconds } = this.#plan;
    const handOff = (lines: number) => () =>
      this.#measure(this.#load, {
        servers: three.serverPlaces,
        work: { kind: 'pass-on', places, lines, seconds, gapMs: GAP_MS },
      });
    const beside = (perSecond: number | null) => async () => {
      const work = this.#work(places, { seconds: seconds + AROUND_SECONDS, perSecond });
      const load = this.#measure(this.#beside, { servers: three.serverPlaces, work });
      // Meanwhile its clients connect and begin.
      await pause((this.#plan.warmSeconds + AROUND_SECONDS / 2) * 1000);
      const [figures] = await Promise.all([handOff(LINES.loaded)(), load]);
      return figures;
    };
    await this.#note('handoffIdle', handOff(LINES.idle));
    const full = this.samples.last(SYSTEM, 'three.perSecond');
    if (full !== null) await this.#note('handoffHalf', beside(full / 2));
    await this.#note('handoffFull', beside(null));
    await this.#cluster.letNotify(three.database, false);
    await this.#note('handoffSilent', handOff(LINES.idle));
    await this.#cluster.letNotify(three.database, true);
  }

  /** Clients of two servers, while the third, which has some too, is halted in a turn again and again. */
  async #halts(three: Fleet): Promise<Figures> {
    const [victim, ...others] = three.servers as [Server, ...Server[]];
    const at = (servers: readonly Server[]): Place[] =>
      servers.map(({ endpoint }) => ({ port: endpoint.port, space: 'main' }));
    const { halts, warmSeconds } = this.#plan;
    const seconds = halts * 2.5;
    const clients = 32;
    const load = { clients, seconds, perSecond: null };
    const servers = others.map(({ endpoint, pids }) => ({ port: endpoint.port, pids }));
    const measured = this.#measure(this.#load, { servers, work: this.#work(at(others), load) });
    // Its own clients are answered late, or told that the store was away; either is no matter here.
    const own = this.#measure(this.#beside, { servers: [], work: this.#work(at([victim]), load) }).catch(() => ({}));
    await pause((warmSeconds + AROUND_SECONDS) * 1000);
    const until = performance.now() + (seconds - 2 * AROUND_SECONDS) * 1000;
    let caught = 0;
    for (let tries = 0; caught < halts && tries < HALT.tries && performance.now() < until; tries++) {
      victim.signal('SIGSTOP');
      try {
        await pause(HALT.lookAfterMs);
        if (await this.#holdsUp(three.database)) {
          caught++;
          await pause(HALT.lastsMs);
        }
      } finally {
        victim.signal('SIGCONT');
      }
      await pause(HALT.betweenMs);
    }
    const [{ longest = 0 }] = await Promise.all([measured, own]);
    if (caught === 0) throw new Error('it was never in a turn when it was halted');
    return { longest, caught };
  }

  /** Whether a transaction stands still: the server that began it was halted in its turn. */
  async #holdsUp(database: string): Promise<boolean> {
    const rows = await this.#cluster.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = '${database}' AND state = 'idle in transaction'
         AND clock_timestamp() - state_change > interval '${HALT.idleForMs} milliseconds'`,
    );
    return rows.length > 0;
  }

  async #reads(one: Fleet, sqlite: Server): Promise<void> {
    const reads = { clients: READERS, what: 'reads' } as const;
    await this.#spread('readPostgres', one, one.places(0), reads);
    const { endpoint, pids } = sqlite;
    const places = [{ port: endpoint.port, space: 'main' }];
    const servers = [{ port: endpoint.port, pids }];
    await this.#note('readSqlite', () => this.#measure(this.#load, { servers, work: this.#work(places, reads) }));
  }

  /** What goes to the log where little happens: after a checkpoint each page is logged as a whole the first time it changes. */
  async #sparse(
    fleet: Fleet,
    compression: 'on' | 'off',
    counts: readonly number[],
    space: (i: number) => string,
  ): Promise<Figures> {
    const meter = await Meter.open([], this.#cluster.place, this.#key);
    const figures: Figures = {};
    try {
      await meter.rows(`ALTER SYSTEM SET wal_compression = ${compression}`);
      await meter.rows('SELECT pg_reload_conf()');
      for (const cycles of counts) {
        await meter.rows('CHECKPOINT');
        const before = await meter.walBytes();
        for (let i = 0; i < cycles; i++) await fleet.cycle(space(i), `sparse-${i}`);
        figures[`walBytes${cycles}`] = ((await meter.walBytes()) - before) / cycles;
      }
      return figures;
    } finally {
      await meter.rows('ALTER SYSTEM RESET wal_compression');
      await meter.rows('SELECT pg_reload_conf()');
      await meter.close();
    }
  }

  async #manySpaces(count: number): Promise<Figures> {
    const name = `spaces${count}`;
    const fleet = await this.#fleet(`${name}_${this.#repetition}`);
    const startEmpty = await fleet.start(1);
    await pause(this.#plan.settleSeconds * 1000);
    const before = residentKb(fleet.serverPlaces.flatMap(({ pids }) => pids));
    const make = await fleet.makeSpaces(count);
    fleet.stop();
    const start = await fleet.start(1);
    await pause(this.#plan.settleSeconds * 1000);
    const memory = (residentKb(fleet.serverPlaces.flatMap(({ pids }) => pids)) - before) / count;
    this.#add(name, { startEmpty, make, start, memory });
    await this.#note(`${name}.rest1`, () => this.#rest(fleet));
    await this.#train(fleet, fleet.places(count));
    await this.#spread(`${name}.one`, fleet, fleet.places(count));
    for (const compression of ['off', 'on'] as const)
      await this.#note(`${name}.sparse.${compression}`, () =>
        this.#sparse(fleet, compression, [100], (i) => `team-${i + 1}`),
      );
    this.#add(name, { startMore: await fleet.start(SERVERS - 1) });
    await pause(this.#plan.settleSeconds * 1000);
    await this.#note(`${name}.rest3`, () => this.#rest(fleet));
    await this.#train(fleet, fleet.places(count));
    await this.#spread(`${name}.three`, fleet, fleet.places(count));
    fleet.stop();
    return {};
  }

  /** What servers and database do while nobody asks for anything. */
  async #rest(fleet: Fleet): Promise<Figures> {
    const meter = await Meter.open(fleet.serverPlaces, this.#cluster.place, this.#key);
    try {
      const turnsBefore = await meter.turns();
      const walBefore = await meter.walBytes();
      await pause(200);
      const before = meter.used();
      await pause(this.#plan.restSeconds * 1000);
      const after = meter.used();
      const wal = (await meter.walBytes()) - walBefore;
      const turns = (await meter.turns()).map((count, i) => count - (turnsBefore[i] ?? 0));
      const [row] = await meter.rows(
        `SELECT count(*) AS connections FROM pg_stat_activity WHERE datname = '${fleet.database}'`,
      );
      const micros = after.at - before.at;
      return {
        serverCpu: (after.server - before.server) / micros / fleet.servers.length,
        postgresCpu: (after.postgres - before.postgres) / micros,
        turns: (turns.reduce((sum, count) => sum + count, 0) * 1e6) / micros,
        wal: (wal * 1e6) / micros,
        connections: Number(row?.connections),
      };
    } finally {
      await meter.close();
    }
  }

  async #fleet(database: string): Promise<Fleet> {
    const fleet = await Fleet.on(this.#cluster, database, this.#directory, this.#key);
    this.#started.push(fleet);
    return fleet;
  }

  async #spread(name: string, fleet: Fleet, places: readonly Place[], given: Partial<SpreadJob> = {}): Promise<void> {
    const servers = fleet.serverPlaces;
    await this.#note(name, () => this.#measure(this.#load, { servers, work: this.#work(places, given) }));
  }

  #work(places: readonly Place[], given: Partial<SpreadJob>): SpreadJob {
    const { warmSeconds, seconds } = this.#plan;
    const usual = { what: 'cycles', clients: 256, warmSeconds, seconds, perSecond: null } as const;
    return { kind: 'spread', ...usual, ...given, places };
  }

  async #measure(generator: Generator, job: Job): Promise<Figures> {
    this.#tags++;
    const limitMs = Math.min(MEASUREMENT_LIMIT_MS, this.leftMs());
    if (limitMs <= 0) throw new Error('the time was up');
    const whole = { ...job, key: this.#key, cluster: this.#cluster.place, tag: `${this.#tags}` };
    return generator.measure(whole, limitMs);
  }

  async #note(name: string, measure: () => Promise<Figures>): Promise<void> {
    if (this.leftMs() <= 0) return;
    this.#progress(`${this.#repetition}  ${name}`);
    try {
      this.#add(name, await measure());
    } catch (error) {
      const reason = (error as Error).message;
      this.samples.failures.push({ system: SYSTEM, repetition: this.#repetition, what: name, reason });
      this.#progress(`${name} failed: ${reason}`);
    }
  }

  /** Latencies are shown in ms here: a hand-off between servers takes some. */
  #add(name: string, figures: Figures): void {
    const shown = Object.entries(figures).map(([row, value]) => [
      `${name}.${row}`,
      ['p50', 'p99', 'longest'].includes(row) ? value / 1000 : value,
    ]);
    this.samples.add(SYSTEM, this.#repetition, Object.fromEntries(shown));
  }
}

/** Each server with a space of its own. */
function ownSpaces(fleet: Fleet): Place[] {
  return fleet.servers.map(({ endpoint }, i) => ({ port: endpoint.port, space: `team-${i + 1}` }));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
