// Who is told of machines and builds: each sink of what it asked for, once for each event (B8).

import { expect, test } from 'vitest';
import { cancelBuild, reportReady } from '../../src/core/machines/build.ts';
import { terminate } from '../../src/core/machines/instance.ts';
import { claimJob, endJob, failTry, serverKinds, workerKinds } from '../../src/core/machines/job.ts';
import { buildOfNotice, noticeEvents } from '../../src/core/machines/notice.ts';
import { done, hours, seconds } from './harness.ts';
import { builder, MachineSpace } from './machine-space.ts';

const sinks = [
  { name: 'chat', events: ['instance.launched', 'build.failed'] },
  { name: 'hook', events: noticeEvents },
];
const notices = (space: MachineSpace) => [...space.state.jobs.values()].filter(({ kind }) => kind === 'notify');
const told = (space: MachineSpace) => notices(space).map(({ id }) => id);

function life(): MachineSpace {
  const space = new MachineSpace({ sinks });
  done(space.build('bd_1', { count: 1, slackChannel: '#ops' }));
  space.work();
  for (let i = 0; i < 2; i++)
    done(space.turn((turn) => reportReady(turn, 'bd_1', 'i-bd_1-0', i === 0 ? { channel: '#elsewhere' } : {})));
  for (let i = 0; i < 2; i++)
    done(space.turn((turn) => terminate(turn, { id: 'bd_1-0', job: `jb_${i}`, reason: 'old' }, builder)));
  space.work();
  return space;
}

test('each sink hears of what it asked for, once, under an id that is made of both', () => {
  const space = life();
  expect(told(space).sort()).toEqual(
    [
      'nt_chat_instance.launched_bd_1-0',
      ...['asked', 'started', 'finished'].map((event) => `nt_hook_build.${event}_bd_1`),
      ...['launched', 'ready', 'ending', 'gone'].map((event) => `nt_hook_instance.${event}_bd_1-0`),
    ].sort(),
  );
});

test('a notice says where, of what and why', () => {
  const space = life();
  const of = (event: string) => space.state.jobs.get(`nt_hook_${event}`);
  expect(of('instance.ready_bd_1-0')?.notice).toMatchObject({ channel: '#elsewhere', cloudId: 'i-bd_1-0' });
  expect(of('build.asked_bd_1')?.notice).toMatchObject({ channel: '#ops', instance: null, reason: null });
  expect(of('instance.ending_bd_1-0')?.notice).toMatchObject({ reason: 'old', build: 'bd_1', instance: 'bd_1-0' });
  const job = of('build.asked_bd_1');
  expect(job && space.turn((turn) => buildOfNotice(turn, job)?.id)).toBe('bd_1');
});

test('of a machine that was never asked for nobody hears', () => {
  const space = new MachineSpace({ sinks });
  done(space.build('bd_1', { count: 1 }));
  done(space.turn((turn) => cancelBuild(turn, { id: 'bd_1', job: 'jb', reason: null }, builder)));
  space.work();
  expect(told(space)).toEqual(['nt_hook_build.asked_bd_1', 'nt_hook_build.cancelled_bd_1']);
});

test('only servers tell, workers never get such a job; one that cannot be told is tried again and again, and stays to be seen', () => {
  const space = life();
  expect(space.turn((turn) => claimJob(turn, 'w', seconds(1), workerKinds))).toBeNull();
  let fate = 'again';
  let tries = 0;
  const first = space.turn((turn) => claimJob(turn, 's', seconds(1), serverKinds));
  for (; fate === 'again'; tries++)
    fate = space.turn((turn) => {
      const job = turn.state.jobs.get(first?.job.id ?? '');
      return job === undefined ? 'lost' : failTry(turn, job, { reason: 'down', againAfterMs: 0, isFinal: false });
    });
  expect(fate).toBe('dead');
  expect(tries).toBeGreaterThan(10);
  const second = space.turn((turn) => claimJob(turn, 's', seconds(1), serverKinds));
  expect(second?.job.id).not.toBe(first?.job.id);
  space.turn((turn) => second && endJob(turn, second.claim));
  expect(told(space)).not.toContain(second?.job.id);
  space.pass(hours(1));
  expect(told(space)).toContain(first?.job.id);
});
