// What happened to a build and its machines, as it is told.

import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { ask, driverThat, gated, open, withMachines } from './machines.ts';
import { lines, signalbox, start } from './process.ts';
import { pageOf, recordingServer } from './recording-server.ts';
import { onTerminal } from './terminal.ts';

/** What is told, without the times: event, about what, in words. */
function told(stdout: string): string[][] {
  const rows = lines(stdout).map((line) => line.split('\t'));
  for (const [at = ''] of rows) expect(new Date(at).toISOString()).toBe(at);
  return rows.map((row) => row.slice(1));
}

const askedText = '1 × t3 for org/staging, queue main, role worker';

describe('build logs', () => {
  test('tells what became of a build and of its machines, in order, and nothing of others', async () => {
    const { server, there } = await withMachines();
    await server.signalbox([...ask, '--id', 'one', '--wait']);
    const [machine = ''] = there();
    await server.signalbox([...ask, '--id', 'two', '--wait']);
    await server.signalbox(['instance', 'ready', machine]);
    await server.signalbox(['instance', 'terminate', machine, '--reason', 'disk full']);
    await eventually(() => expect(there()).toHaveLength(1));
    await eventually(async () => {
      const { code, stdout } = await server.signalbox(['build', 'logs', 'one']);
      expect({ code, told: told(stdout) }).toEqual({
        code: 0,
        told: [
          ['build.asked', 'one', expect.stringMatching(new RegExp(`^asked for by .+: ${askedText}$`))],
          ['instance.launched', machine, `${machine} runs`],
          ['build.step', 'one', `launch 1/1: ${machine}`],
          ['build.started', 'one', 'all its machines run'],
          ['instance.ready', machine, `${machine} is ready`],
          ['build.finished', 'one', 'all its machines are ready'],
          ['instance.ending', machine, expect.stringMatching(/^p-\d+ is being ended by .+: "disk full"$/)],
          ['instance.gone', machine, `${machine} is gone`],
        ],
      });
    });
  });

  test('is a time and words on a terminal', async () => {
    const { server, there } = await withMachines();
    await server.signalbox([...ask, '--id', 'one', '--wait']);
    const [machine] = there();
    const shown = lines(await onTerminal(server, 'build logs one'));
    for (const line of shown) expect(line).toMatch(/^\d\d:\d\d:\d\d {2}\S/);
    expect(shown.map((line) => line.slice(10)).slice(1)).toEqual([
      `${machine} runs`,
      `launch 1/1: ${machine}`,
      'all its machines run',
    ]);
  });

  test('--json is a list of events as the history has them', async () => {
    const { server } = await withMachines();
    await server.signalbox([...ask, '--id', 'one', '--wait']);
    const { items, next } = JSON.parse((await server.signalbox(['build', 'logs', 'one', '--json'])).stdout);
    const all = (await server.send('GET', '/v1/events')).items;
    const isAbout = ({ kind }: { kind: string }): boolean => /^(build|instance)\./.test(kind);
    expect({ items, next }).toEqual({ items: all.filter(isAbout), next: null });
    expect(items.length).toBeGreaterThanOrEqual(4);
  });

  test('tells apart two machines to which the driver gave the same id, one after the other', async () => {
    const machine = { id: 'in_2', build: 'two', cloudId: 'box-1', state: 'running' };
    const build = { id: 'two', state: 'started', steps: [], instances: [machine], cancelling: null, seq: 9 };
    const event = { at: '2026-11-21T12:00:00.000Z', kind: 'instance.launched', subject: 'box-1', actor: 'signalbox' };
    const events = [
      { ...event, seq: 3, data: { instance: 'in_1', build: 'one' } },
      { ...event, seq: 8, data: { instance: 'in_2', build: 'two' } },
    ];
    const server = await recordingServer(({ path }) => ({
      status: 200,
      body: path.startsWith('/v1/instance-builds/')
        ? JSON.stringify(build)
        : pageOf(path.includes('subject=box-1') ? events : []),
    }));
    const { stdout } = await signalbox(['build', 'logs', 'two', '--json'], { SIGNALBOX_URL: server.url });
    expect(JSON.parse(stdout).items).toEqual([events[1]]);
  });

  test('says why steps fail', async () => {
    const { server } = await withMachines(driverThat('echo "there is no type t3" >&2; exit 1'));
    await server.signalbox([...ask, '--id', 'one', '--wait']);
    const { stdout } = await server.signalbox(['build', 'logs', 'one']);
    expect(told(stdout).slice(1, 3)).toEqual([
      ['build.step_failed', 'one', 'launch 1/1 failed (1 try): create: there is no type t3; given up'],
      ['build.failed', 'one', 'failed at "launch 1/1" after 1 try: create: there is no type t3'],
    ]);
  });
});

describe('build logs --follow', () => {
  test('goes on until all machines run', async () => {
    const { server, place, there } = await withMachines(driverThat(gated));
    await server.signalbox([...ask, '--id', 'one']);
    const following = start('signalbox', ['build', 'logs', 'one', '--follow'], server.env);
    await following.says('build.asked');
    open(place);
    const { code, stdout } = await following.ended;
    expect({ code, kinds: told(stdout).map(([kind]) => kind) }).toEqual({
      ...{ code: 0, kinds: ['build.asked', 'instance.launched', 'build.step', 'build.started'] },
    });
    expect(there()).toHaveLength(1);
  });

  test('of one that is over ends at once, with the same lines, and 1 where it has failed', async () => {
    const { server } = await withMachines(driverThat('if grep -q staging; then exit 1; fi'));
    await server.signalbox([...ask, '--id', 'one', '--wait']);
    const before = await server.signalbox(['build', 'logs', 'one']);
    const { code, stdout } = await server.signalbox(['build', 'logs', 'one', '--follow']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: before.stdout });
  });

  test('of one that is cancelled goes on until its machines are gone, with 1', async () => {
    const { server, place } = await withMachines(driverThat(gated, 'delete'));
    await server.signalbox([...ask, '--id', 'one', '--wait']);
    await server.signalbox(['build', 'cancel', 'one', '--reason', 'wrong branch']);
    const following = start('signalbox', ['build', 'logs', 'one', '-f', '--json'], server.env);
    await following.says('"build.cancelling"');
    open(place);
    const { code, stdout } = await following.ended;
    const kinds = lines(stdout).map((line) => JSON.parse(line).kind);
    expect({ code, end: kinds.slice(-2) }).toEqual({ code: 1, end: ['instance.gone', 'build.cancelled'] });
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends with %s', async (signal, exit) => {
    const { server, place } = await withMachines(driverThat(gated));
    await server.signalbox([...ask, '--id', 'one']);
    const following = start('signalbox', ['build', 'logs', 'one', '-f'], server.env);
    await following.says('build.asked');
    following.child.kill(signal);
    expect((await following.ended).code).toBe(exit);
    open(place);
  });
});
