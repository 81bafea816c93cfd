// Deaths under load: `npm run deaths -- --minutes 5 --servers 3 --seed 1`. Servers on one PostgreSQL are killed with -9 at any
// moment, sometimes two at once, sometimes while they start, and started again, while clients go to another server with each
// request. What was acknowledged is held against what every later answer, and the history, say: nothing is lost, nobody holds
// beyond the capacity, fences grow, and who was in line first is granted first. A seed repeats what is killed when and what is
// asked; how they meet is up to the machine. `--forget` loses one acknowledged lease on purpose: these checks must find it.

import { parseArgs } from 'node:util';
import { Random } from '../simulation/random.ts';
import { type Ask, contradictions, missingIn } from './promises.ts';
import { pause, Roamer } from './roamer.ts';
import { historyOf, type Many, type Server, startMany } from './servers.ts';

export interface DeathsOptions {
  readonly ms: number;
  readonly servers?: number;
  readonly clients?: number;
  readonly seed?: number;
  /** Half-way one acknowledged lease is taken out of the database, as if it had never been kept. */
  readonly forget?: boolean;
}

export interface DeathsResult {
  readonly faults: readonly string[];
  readonly kills: number;
  /** Of them in an attempt to start. */
  readonly killedStarting: number;
  /** Asked, granted and given back. */
  readonly cycles: number;
  readonly acknowledged: number;
  /** For each kill, the longest time in the two seconds after it in which nobody was granted anything, milliseconds. */
  readonly silencesMs: readonly number[];
}

const capacities: Readonly<Record<string, number>> = { a: 1, b: 1, c: 1, d: 1, e: 1, two: 2, three: 3 };
const afterKillMs = 2_000;

export async function deaths(options: DeathsOptions): Promise<DeathsResult> {
  const { ms, servers = 3, clients = 24, seed = 1, forget = false } = options;
  const many = await startMany(servers, { settings: { max_connections: '100' } });
  const asks: Ask[] = [];
  const roamers = Array.from({ length: clients }, (_, i) => {
    const urls = many.servers.map(({ url }) => url);
    const random = new Random(seed * 1_000 + i + 1);
    return new Roamer({ name: `client-${i}`, urls, environments: Object.keys(capacities), random, asks });
  });
  try {
    for (const [name, capacity] of Object.entries(capacities))
      await many.next().call('PUT', `/v1/environments/${name}`, { body: { capacity } });
    const running = roamers.map((roamer) => roamer.run());
    const reaper = new Reaper(many, roamers, new Random(seed));
    await reaper.reap(forget ? ms / 2 : ms);
    if (forget) {
      await reaper.forgetOne();
      await reaper.reap(ms / 2);
    }
    for (const roamer of roamers) roamer.stop();
    const faults = (await Promise.all(running)).filter((fault) => fault !== null);
    faults.push(...reaper.faults, ...contradictions(asks, (name) => capacities[name] ?? 1));
    faults.push(...missingIn(await historyOf(many.next(), 'lease.'), asks));
    return {
      ...{ faults, kills: reaper.killedAt.length, killedStarting: reaper.killedStarting },
      cycles: asks.filter(({ releasedAt }) => releasedAt !== null).length,
      acknowledged: roamers.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
      silencesMs: silences(reaper.killedAt, asks),
    };
  } finally {
    for (const roamer of roamers) roamer.stop();
    await many.stop();
  }
}

/** Kills, starts again, and looks whether what had been acknowledged by then is known to who has just started. */
class Reaper {
  readonly #many: Many;
  readonly #roamers: readonly Roamer[];
  readonly #random: Random;
  readonly #up: Set<Server>;
  readonly #coming = new Set<Promise<void>>();
  readonly faults: string[] = [];
  readonly killedAt: number[] = [];
  killedStarting = 0;

  constructor(many: Many, roamers: readonly Roamer[], random: Random) {
    this.#many = many;
    this.#roamers = roamers;
    this.#random = random;
    this.#up = new Set(many.servers);
  }

  /** One server is always left. In the end all are there again. */
  async reap(ms: number): Promise<void> {
    const random = this.#random;
    const end = performance.now() + ms;
    while (performance.now() < end) {
      await pause(random.between(50, 1_000));
      const several = random.chance(0.25) ? 2 : 1;
      const first = random.below(this.#many.servers.length);
      const victims = [...this.#many.servers.slice(first), ...this.#many.servers.slice(0, first)]
        .filter((server) => this.#up.has(server))
        .slice(0, Math.min(several, this.#up.size - 1));
      for (const victim of victims) this.#up.delete(victim);
      await Promise.all(victims.map((victim) => this.#kill(victim)));
      for (const victim of victims)
        this.#again(victim, random.below(800), random.chance(0.15) ? random.below(900) : null);
    }
    await Promise.all(this.#coming);
  }

  async forgetOne(): Promise<void> {
    const isHeld = ({ ask }: Roamer) => ask?.grantedAt != null && ask.releaseSentAt === null;
    for (;;) {
      const holder = this.#roamers.find(isHeld);
      // All at once, since a server that lives knows it still.
      await Promise.all(this.#many.servers.map((server) => server.kill()));
      if (holder !== undefined && isHeld(holder)) {
        const { database, cluster } = this.#many;
        await cluster.query(`DELETE FROM signalbox.item WHERE kind = 'lease' AND id = '${holder.ask?.id}'`, database);
      }
      await Promise.all(this.#many.servers.map((server) => server.start()));
      if (holder !== undefined) return;
      await pause(5);
    }
  }

  async #kill(server: Server): Promise<void> {
    this.killedAt.push(performance.now());
    await server.kill();
  }

  #again(server: Server, afterMs: number, killedAfterMs: number | null): void {
    const coming = (async () => {
      await pause(afterMs);
      if (killedAfterMs !== null) {
        const started = server.start().catch(() => {});
        await pause(killedAfterMs);
        this.killedStarting++;
        await this.#kill(server);
        await started;
      }
      await server.start();
      await this.#look(server);
      this.#up.add(server);
    })().catch((error: Error) => void this.faults.push(`away: ${error.message}`));
    this.#coming.add(coming);
    void coming.then(() => this.#coming.delete(coming));
  }

  async #look(server: Server): Promise<void> {
    const known = this.#roamers.flatMap(({ ask }) => (ask === null || ask.placedAt === null ? [] : [{ ...ask, ask }]));
    const looks = known.map(async ({ ask, ...before }) => {
      const { status, json, text } = await server.call('GET', `/v1/leases/${before.id}`);
      const allowed = [
        ...(before.grantedAt === null ? ['waiting'] : []),
        ...(before.releasedAt === null ? ['held'] : []),
        ...(ask.releaseSentAt === null ? [] : ['released']),
      ];
      const isSame = before.grantedAt === null || json?.fence === before.fence;
      if (status !== 200 || !allowed.includes(json.state) || !isSame)
        this.faults.push(
          `lost: ${before.key} (${before.id}, fence ${before.fence}) was ${allowed.join(' or ')}, and after a start it is ${status}: ${text}`,
        );
    });
    await Promise.all(looks);
  }
}

function silences(killedAt: readonly number[], asks: readonly Ask[]): number[] {
  const grants = asks.flatMap(({ grantedAt }) => grantedAt ?? []).sort((a, b) => a - b);
  return killedAt.map((from) => {
    let longest = 0;
    let last = from;
    for (let i = firstAfter(grants, from); i < grants.length && last < from + afterKillMs; i++) {
      longest = Math.max(longest, (grants[i] as number) - last);
      last = grants[i] as number;
    }
    return longest;
  });
}

/** Index of the first that is greater, in what is sorted. */
function firstAfter(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '5' },
      servers: { type: 'string', default: '3' },
      seed: { type: 'string', default: '1' },
      forget: { type: 'boolean', default: false },
    },
  });
  const [minutes, servers, seed] = [values.minutes, values.servers, values.seed].map(Number) as [
    number,
    number,
    number,
  ];
  if (!(minutes > 0) || !(servers >= 2) || !Number.isSafeInteger(seed))
    throw new Error('--minutes wants more than 0, --servers at least 2, --seed a whole number');
  const result = await deaths({ ms: minutes * 60_000, servers, seed, forget: values.forget });
  const sorted = result.silencesMs.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  const lost = result.faults.filter((fault) => fault.startsWith('lost')).length;
  console.log(
    `${servers} servers, ${minutes} minutes, seed ${seed}: ${result.kills} kills (${result.killedStarting} of a server that was starting), ` +
      `${result.cycles} cycles, ${result.acknowledged} acknowledged answers, ${lost} lost`,
  );
  console.log(
    `longest time without a grant after a kill: median ${at(0.5)} ms, p99 ${at(0.99)} ms, longest ${at(1)} ms`,
  );
  for (const fault of result.faults.slice(0, 50)) console.log(`  ${fault}`);
  console.log(`${result.faults.length} faults`);
  process.exitCode = result.faults.length === 0 ? 0 : 1;
}
