// Workers beside a server that make machines at EC2's endpoint and are killed at random: at the end there are exactly the machines
// that were asked for, each known; and once they are ended no security group is left. `npm run deaths:machines` does it for long.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ServerProcess } from '../crash/server-process.ts';
import { eventually } from '../eventually.ts';
import { ec2Environment, startEc2Endpoint } from './ec2-endpoint.ts';

export interface Kills {
  readonly builds: number;
  readonly kills: number;
  readonly workers: number;
  /** Whether the server is killed now and then too. */
  readonly server: boolean;
  readonly say?: (line: string) => void;
}

export interface Killed {
  /** Machines that were asked for, and those that ran in the end. */
  readonly asked: number;
  readonly ran: number;
  /** Ids at the endpoint that Signalbox did not know, and the other way round. */
  readonly unknown: readonly string[];
  readonly missing: readonly string[];
  /** Builds that did not come to run, by their state. */
  readonly notStarted: readonly string[];
  /** What was left once all builds were cancelled. */
  readonly leftMachines: number;
  readonly leftGroups: number;
  /** Machines that were made in all, those that nobody needed in the end included. */
  readonly made: number;
}

const program = fileURLToPath(new URL('../../bin/signalbox', import.meta.url));
const key = 'key-of-the-test';
const perBuild = 2;

export async function killWorkers({ builds, kills, workers, server: killsServer, say }: Kills): Promise<Killed> {
  const endpoint = await startEc2Endpoint();
  Object.assign(endpoint.switches, { instanceLag: 2, groupLag: 1, shutdownLag: 2 });
  const variables = { ...ec2Environment(endpoint.url), API_KEY: key };
  const server = await ServerProcess.create(['--no-worker', '--driver', 'none'], {
    ...variables,
    SIGNALBOX_DRIVER: '',
  });
  const running: ChildProcess[] = [];
  const startWorker = (): ChildProcess => {
    const env = { ...process.env, ...variables, SIGNALBOX_URL: server.url, SIGNALBOX_KEY: key };
    return spawn(program, ['worker', '--driver', 'ec2'], { env, stdio: 'ignore' });
  };
  const call = async (method: string, path: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const reply = await fetch(server.url + path, {
      ...{ method, headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await reply.json()) as { items: never[] } & Record<string, never>;
  };
  const all = async <T>(path: string): Promise<T[]> => (await call('GET', `${path}?limit=500`)).items;
  try {
    await server.start();
    for (let i = 0; i < workers; i++) running.push(startWorker());
    for (let i = 0; i < builds; i++) {
      const body = {
        id: `bd_${i}`,
        site: 'org',
        env: 'staging',
        queue: 'docker',
        instanceType: 'c3.large',
        count: perBuild,
      };
      await call('POST', '/v1/instance-builds', body);
    }
    for (let i = 0; i < kills; i++) {
      // In the midst of it: after some more questions to EC2, or when nothing more is asked.
      const until = endpoint.requests.length + 1 + Math.floor(Math.random() * 20);
      for (let waited = 0; waited < 3_000 && endpoint.requests.length < until; waited += 5) await pause(5);
      const at = Math.floor(Math.random() * workers);
      const victim = running[at] as ChildProcess;
      const gone = once(victim, 'exit');
      victim.kill('SIGKILL');
      await gone;
      running[at] = startWorker();
      if (killsServer && i % 5 === 4) {
        await server.kill();
        await server.start();
      }
      if (i % 10 === 9) say?.(`${i + 1} kills, ${endpoint.instances.size} machines made`);
    }
    const asked = builds * perBuild;
    // Claims of the dead last for a while, and so does what EC2 does not show at once.
    const patience = 240_000;
    await eventually(async () => {
      const open = (await all<{ state: string }>('/v1/instance-builds')).filter(({ state }) => state !== 'started');
      if (open.length > 0) throw new Error(`${open.length} builds are not done`);
    }, patience).catch(() => undefined);
    const isThere = ({ state }: { state: string }) => state === 'running' || state === 'pending';
    const there = () => [...endpoint.instances.values()].filter(isThere);
    // What was made twice by a worker that died is found by the next look.
    await eventually(() => {
      if (there().length !== asked) throw new Error(`${there().length} machines`);
    }, patience).catch(() => undefined);
    const known = new Set((await all<{ cloudId: string }>('/v1/instances')).map(({ cloudId }) => cloudId));
    const ran = there().map(({ id }) => id);
    const states = await all<{ id: string; state: string }>('/v1/instance-builds');
    const notStarted = states.filter(({ state }) => state !== 'started').map(({ id, state }) => `${id} ${state}`);
    for (let i = 0; i < builds; i++) await call('DELETE', `/v1/instance-builds/bd_${i}`, {});
    await eventually(() => {
      if (there().length > 0 || endpoint.groups.size > 0) throw new Error('something is left');
    }, patience).catch(() => undefined);
    return {
      ...{ asked, ran: ran.length, made: endpoint.instances.size, notStarted },
      unknown: ran.filter((id) => !known.has(id)),
      missing: [...known].filter((id) => !ran.includes(id)),
      ...{ leftMachines: there().length, leftGroups: endpoint.groups.size },
    };
  } finally {
    for (const worker of running) worker.kill('SIGKILL');
    await server.remove();
    await endpoint.close();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = (fallback: string) => ({ type: 'string', default: fallback }) as const;
  const options = {
    builds: text('50'),
    kills: text('50'),
    workers: text('3'),
    server: { type: 'boolean', default: true },
  } as const;
  const { values } = parseArgs({ options, allowNegative: true });
  const { builds, kills, workers, server } = values;
  const given = { builds: Number(builds), kills: Number(kills), workers: Number(workers), server };
  console.log(JSON.stringify(await killWorkers({ ...given, say: console.log }), null, 2));
}
