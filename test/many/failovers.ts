// Failovers under load: `node test/many/failovers.ts [count]` (default 50). The primary is killed with -9, its standby promoted and
// given a new standby, again and again, while clients ask, hold, renew and release through two servers. Nothing that was
// acknowledged may be lost, no fence may come twice or go back.

import { parseArgs } from 'node:util';
import { overlaps, Worker } from '../crash/worker.ts';
import { type Cluster, startCluster } from '../log/postgres-cluster.ts';
import { startProxy } from '../log/postgres-proxy.ts';
import { startBalancer } from './balancer.ts';
import { isReady, newServer, type Server } from './servers.ts';

export interface FailoverResult {
  readonly faults: string[];
  readonly grants: number;
  /** From when the promotion was asked for to the first grant after that, milliseconds; it is seen only once the promotion is over. */
  readonly resumedMs: readonly number[];
}

/** `waitsForStandby: false`: nobody waits for the standby, to show that these checks find what is lost then. */
export async function failovers(count: number, { waitsForStandby = true } = {}): Promise<FailoverResult> {
  let primary = await startCluster();
  let standby = await primary.startStandby();
  // The servers know two addresses; which cluster is behind which changes.
  const ways = [await startProxy(primary.port), await startProxy(standby.port)] as const;
  const store = `postgres://postgres@127.0.0.1:${ways[0].port},127.0.0.1:${ways[1].port}/postgres?sslmode=disable`;
  const servers: Server[] = [await newServer(store), await newServer(store)];
  let asked = 0;
  const balancer = await startBalancer(() => (servers[asked++ % servers.length] as Server).url);
  const up = () => Promise.resolve();
  const workers = [
    ...Array.from({ length: 6 }, (_, i) => new Worker(balancer.url, `own-${i}`, `own-${i}`, up)),
    ...Array.from({ length: 4 }, (_, i) => new Worker(balancer.url, 'shared', `sharer-${i}`, up)),
  ];
  const resumedMs: number[] = [];
  const faults: string[] = [];
  try {
    if (waitsForStandby) await waitFor(primary);
    await Promise.all(servers.map((server) => server.start()));
    const running = workers.map((worker) =>
      worker.run().then(
        () => undefined,
        (error: Error) => void faults.push(error.message),
      ),
    );
    const grants = () => workers.reduce((sum, { intervals }) => sum + intervals.length, 0);
    for (let round = 0; round < count; round++) {
      await pause(400 + ((round * 97) % 300));
      if (!waitsForStandby) {
        // As if it had fallen behind.
        await standby.query(`ALTER SYSTEM SET primary_conninfo = ''`);
        await standby.query('SELECT pg_reload_conf()');
        await pause(500);
      }
      await primary.kill();
      for (const way of ways) way.cutAll();
      await standby.query('ALTER SYSTEM RESET ALL');
      // Only now: what the old primary has granted last may still be on its way.
      const before = grants();
      const promotedAt = performance.now();
      await standby.query('SELECT pg_reload_conf(), pg_promote()');
      // Where something was lost nobody may be granted any more: a release that was lost leaves its environment held.
      await until(() => grants() > before || faults.length > 0, 'a grant after the failover');
      if (faults.length > 0) break;
      resumedMs.push(performance.now() - promotedAt);
      await primary.stop();
      primary = standby;
      standby = await primary.startStandby();
      (ways[round % 2] as (typeof ways)[0]).target = standby.port;
      if (waitsForStandby) await waitFor(primary);
    }
    for (const worker of workers) worker.stop();
    await Promise.all(running);
    for (const server of servers) if (!(await isReady(server.url))) faults.push(`not ready: ${server.output()}`);
    faults.push(...wrongFences(workers));
    return { faults, grants: grants(), resumedMs };
  } finally {
    for (const worker of workers) worker.stop();
    await Promise.all(servers.map((server) => server.kill()));
    balancer.stop();
    await Promise.all(ways.map((way) => way.stop()));
    await Promise.all([primary.stop(), standby.stop()]);
  }
}

function wrongFences(workers: readonly Worker[]): string[] {
  const intervals = workers.flatMap((worker) => worker.intervals);
  return [...new Set(intervals.map(({ environment }) => environment))].flatMap((name) => {
    const own = intervals.filter(({ environment }) => environment === name).toSorted((a, b) => a.from - b.from);
    const back = own.filter(({ fence }, i) => fence <= (own[i - 1]?.fence ?? 0));
    return [...overlaps(own), ...back.map(({ fence }) => `${name}: fence ${fence} came after a higher one`)];
  });
}

/** From now on a commit is confirmed by the standby, which must be there. */
async function waitFor(primary: Cluster): Promise<void> {
  await until(
    async () => (await primary.query(`SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'`)).length > 0,
    'the standby',
  );
  await primary.query(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
  await primary.query('SELECT pg_reload_conf()');
  await until(
    async () => (await primary.query(`SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'`)).length > 0,
    'the standby to be waited for',
  );
}

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${what} did not come`);
    await pause(10);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.main) {
  const { positionals } = parseArgs({ allowPositionals: true });
  const count = Number(positionals[0] ?? 50);
  const { faults, grants, resumedMs } = await failovers(count);
  const sorted = resumedMs.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0);
  console.log(
    `${count} failovers, ${grants} grants; first grant after promotion: median ${at(0.5)} ms, longest ${at(1)} ms`,
  );
  for (const fault of faults) console.log(`  ${fault}`);
  console.log(faults.length === 0 ? 'nothing that was acknowledged is lost' : `${faults.length} faults`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
