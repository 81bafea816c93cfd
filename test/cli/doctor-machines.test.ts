// What the doctor says of machines: the driver, what was given up, the pools.

import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { ask, driverThat, poolOf, withMachines } from './machines.ts';
import { lines, signalbox } from './process.ts';
import { serve } from './real-server.ts';
import { pageOf, recordingServer } from './recording-server.ts';

const now = '2026-11-21T12:00:00.000Z';
const agoBy = (seconds: number): string => new Date(Date.parse(now) - seconds * 1000).toISOString();

/** Findings by check, without those that are not about machines. */
function findings(stdout: string): Record<string, readonly string[]> {
  const rows = lines(stdout).map((line) => line.split('\t'));
  const found = rows.map(([kind = '', check = '', text = '']) => [check, [kind, text]] as const);
  return Object.fromEntries(found.filter(([check]) => ['driver', 'jobs', 'pools', 'machines'].includes(check)));
}

/** A server with these jobs and pools, and nothing else. */
async function withRows(jobs: readonly unknown[], pools: readonly unknown[] = []) {
  const { url } = await recordingServer(({ path }) => {
    const lists = { '/v1/jobs': jobs, '/v1/pools': pools };
    const list = Object.entries(lists).find(([each]) => path.startsWith(each))?.[1];
    const me = { name: 'none', scopes: [], keys: false, anonymous: true, space: 'main', ok: true };
    return { status: 200, body: list === undefined ? JSON.stringify(me) : pageOf(list, now) };
  });
  const { code, stdout } = await signalbox(['doctor', '--no-queue'], { SIGNALBOX_URL: url });
  return { code, ...findings(stdout) };
}

const look = {
  ...{ id: 'jb_1', kind: 'reconcile', subject: '', state: 'waiting', tries: 0, worker: null, error: null },
  ...{ dueInSeconds: 9, notice: null, createdAt: agoBy(86_400) },
  report: { at: agoBy(5), listed: 3, adopted: [], ending: [], gone: [], removed: [] },
};

describe('of a real server', () => {
  test('without a driver it says nothing', async () => {
    const server = await serve();
    expect(findings((await server.signalbox(['doctor', '--no-queue'])).stdout)).toEqual({});
  });

  test('to a key that may not look it says nothing', async () => {
    const server = await serve(['--driver', 'command:true'], { API_KEY: 'admin' });
    const key = (await server.signalbox(['key', 'create', 'shop', '--scope', 'acquire'])).stdout.trim();
    const { code, stdout } = await server.signalbox(['doctor', '--no-queue'], { SIGNALBOX_KEY: key });
    expect({ code, found: findings(stdout) }).toEqual({ code: 0, found: {} });
  });

  test('it says when the driver was looked at, and what was given up', async () => {
    const { server } = await withMachines(driverThat('echo "no room" >&2; exit 1'));
    await server.signalbox([...ask, '--id', 'one', '--wait']);
    await server.signalbox(['pool', 'create', 'docker', ...poolOf]);
    await eventually(async () => {
      const { code, stdout } = await server.signalbox(['doctor', '--no-queue']);
      expect({ code, found: findings(stdout) }).toEqual({
        code: 0,
        found: {
          driver: ['good', expect.stringMatching(/^looked at \d+s ago: it has no machines, as known$/)],
          jobs: ['note', '1 given up: build, or end a build one (create: no room). All: signalbox job list'],
          pools: ['good', '1 pool, none paused'],
        },
      });
    });
  });

  test('it says which pools are paused', async () => {
    const { server } = await withMachines(driverThat('echo "no room" >&2; exit 1'));
    await server.signalbox(['pool', 'create', 'docker', ...poolOf, '--min', '1']);
    await eventually(async () => {
      const { stdout } = await server.signalbox(['doctor', '--no-queue']);
      expect(findings(stdout).pools).toEqual([
        'note',
        expect.stringMatching(/^paused: docker for \d+s; the last build/),
      ]);
      // Where it sends people to.
      expect((await server.signalbox(['build', 'list'])).stdout).toMatch(
        /\tfailed at "launch 1\/1" after 1 try: create: no room; cancelled by signalbox: "its pool docker asks again"\t/,
      );
    });
  });
});

describe('the driver', () => {
  test('that nobody has is missed where there are pools', async () => {
    expect(await withRows([], [{ name: 'docker', pausedForSeconds: null }])).toEqual({
      ...{ code: 1, pools: ['good', '1 pool, none paused'] },
      driver: ['failure', 'nobody builds machines for pools: no server with a driver works, and no worker'],
    });
  });

  test('is well when it was looked at a while ago; what was set right is said', async () => {
    const report = { ...look.report, adopted: ['i-1'], gone: ['i-2', 'i-3'] };
    expect(await withRows([{ ...look, report }])).toEqual({
      ...{ code: 0, driver: ['good', 'looked at 5s ago: it has 3 machines; adopted: i-1; gone: i-2, i-3'] },
    });
    expect(await withRows([{ ...look, report: { ...report, at: agoBy(120) } }])).toMatchObject({ code: 0 });
  });

  test('that fails is a failure, with the reason and when it last did not', async () => {
    const failing = { ...look, tries: 4, error: 'list: the cloud is away', report: { ...look.report, at: agoBy(90) } };
    expect(await withRows([failing])).toEqual({
      code: 1,
      driver: ['failure', 'looks at it fail (4 tries): list: the cloud is away; the last good one was 1m30s ago'],
    });
    expect(await withRows([{ ...failing, tries: 1, report: null }])).toEqual({
      ...{ code: 1, driver: ['failure', 'looks at it fail (1 try): list: the cloud is away; there was none yet'] },
    });
  });

  test('that nobody looks at is a failure', async () => {
    expect(await withRows([{ ...look, report: { ...look.report, at: agoBy(121) } }])).toEqual({
      ...{ code: 1, driver: ['failure', 'last looked at 2m01s ago: no server with a driver works, and no worker'] },
    });
    expect(await withRows([{ ...look, report: null }])).toEqual({
      ...{ code: 1, driver: ['failure', 'not looked at in 1d: no server with a driver works, and no worker'] },
    });
  });

  test('that is new was not looked at yet', async () => {
    expect(await withRows([{ ...look, report: null, createdAt: agoBy(1) }])).toEqual({
      ...{ code: 0, driver: ['good', 'there is one; it was not looked at yet'] },
    });
  });
});

test('of many jobs that were given up three are named', async () => {
  const dead = { ...look, kind: 'terminate', state: 'dead', error: 'no', report: null };
  const notice = { sink: 'slack', event: 'build.failed' };
  const jobs = [
    { ...dead, kind: 'notify', subject: 'one', error: 'gone', notice },
    ...['in_1', 'in_2', 'in_3', 'in_4'].map((subject) => ({ ...dead, subject })),
  ];
  expect(await withRows([look, ...jobs])).toMatchObject({
    code: 0,
    jobs: [
      'note',
      '5 given up: tell slack of build.failed one (gone), end a machine in_1 (no), end a machine in_2 (no), 2 more. All: signalbox job list',
    ],
  });
});
