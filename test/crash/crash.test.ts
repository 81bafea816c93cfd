// A real server under load, killed again and again: nothing that it has acknowledged may be lost (L2, L4, L12).

import { afterAll, describe, expect, it } from 'vitest';
import { ServerProcess } from './server-process.ts';
import { type Interval, overlaps, Worker } from './worker.ts';

const kills = 24;
const ownEnvironments = 12;
const sharers = 8;

interface Result {
  readonly faults: string[];
  readonly acknowledged: number;
}

/** Load from many clients while the server is killed and started again; then everything that is wrong. */
async function crashLoop(server: ServerProcess, times: number): Promise<Result> {
  let up = Promise.resolve();
  const workers = [
    ...Array.from({ length: ownEnvironments }, (_, i) => new Worker(server.url, `own-${i}`, `own-${i}`, () => up)),
    ...Array.from({ length: sharers }, (_, i) => new Worker(server.url, 'shared', `sharer-${i}`, () => up)),
  ];
  const running = workers.map((worker) =>
    worker.run().then(
      () => null,
      (error: Error) => error.message,
    ),
  );
  const faults: string[] = [];
  for (let kill = 0; kill < times; kill++) {
    await new Promise((resolve) => setTimeout(resolve, 40 + ((kill * 97) % 260)));
    let isUp = (): void => undefined;
    up = new Promise((resolve) => (isUp = resolve));
    await server.kill();
    await server.start();
    for (const worker of workers) faults.push(...(await notAsAcknowledged(server.url, worker)));
    isUp();
  }
  for (const worker of workers) worker.stop();
  faults.push(...(await Promise.all(running)).filter((error) => error !== null));

  const byEnvironment = Map.groupBy(
    workers.flatMap((worker) => worker.intervals),
    (interval) => interval.environment,
  );
  for (const [environment, intervals] of byEnvironment) {
    faults.push(...overlaps(intervals).map((pair) => `${environment}: ${pair} held it at the same time`));
    const fences = intervals.toSorted((a, b) => a.from - b.from).map((interval) => interval.fence);
    if (fences.some((fence, i) => i > 0 && fence <= (fences[i - 1] as number)))
      faults.push(`${environment}: its fences do not grow`);
  }
  return { faults, acknowledged: workers.reduce((sum, worker) => sum + worker.acknowledged, 0) };
}

/** Where the server tells otherwise of a worker's last lease than it had told; only a release whose answer was lost may be either. */
async function notAsAcknowledged(url: string, worker: Worker): Promise<string[]> {
  const { held } = worker;
  if (held === null) return [];
  const reply = await fetch(`${url}/v1/leases/${held.id}`);
  if (reply.status !== 200) return [`${held.id} was acknowledged, and now it is ${reply.status}`];
  const lease = (await reply.json()) as { state: string; fence: number };
  const expected = { none: ['held'], sent: ['held', 'released'], acknowledged: ['released'] }[held.release];
  if (lease.fence !== held.fence)
    return [`${held.id} was acknowledged with fence ${held.fence}, and now it has ${lease.fence}`];
  return expected.includes(lease.state)
    ? []
    : [`${held.id} was acknowledged as ${expected.join(' or ')}, and now it is ${lease.state}`];
}

describe('a server that is killed', () => {
  const servers: ServerProcess[] = [];
  const start = async (flags: readonly string[] = []): Promise<ServerProcess> => {
    const server = await ServerProcess.create(flags);
    servers.push(server);
    await server.start();
    return server;
  };
  afterAll(() => Promise.all(servers.map((server) => server.remove())));

  it('loses no acknowledged answer, gives no fence twice, and lets no two in', { timeout: 180_000 }, async () => {
    const { faults, acknowledged } = await crashLoop(await start(), kills);
    console.log(`${kills} kills, ${acknowledged} acknowledged answers, ${faults.length} faults`);
    expect(faults).toEqual([]);
    expect(acknowledged).toBeGreaterThan(kills * 10);
  });

  it('is caught when it forgets: the same on a store in memory', { timeout: 60_000 }, async () => {
    const { faults } = await crashLoop(await start(['--store', 'memory:']), 1);
    expect(faults.join('\n')).toContain('was acknowledged, and now it is 404');
  });

  it('finds a planted overlap', () => {
    const interval = (fence: number, from: number, to: number): Interval => ({ environment: 'e', fence, from, to });
    expect(overlaps([interval(1, 0, 10), interval(2, 9, 20)])).toEqual(['fence 1 and fence 2']);
    expect(overlaps([interval(1, 0, 10), interval(2, 10, 20)])).toEqual([]);
  });
});
