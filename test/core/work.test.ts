// What a worker may say: of its own job, of its own machines, in order. Whatever else it says is refused, and changes nothing.

import { describe, expect, test } from 'vitest';
import { cancelBuild } from '../../src/core/machines/build.ts';
import { terminate } from '../../src/core/machines/instance.ts';
import type { Claim } from '../../src/core/machines/job.ts';
import { keepLooking } from '../../src/core/machines/reconcile.ts';
import { claimWork, type WorkCommand } from '../../src/core/machines/work.ts';
import { done, refusal, seconds } from './harness.ts';
import { builder, MachineSpace, spec } from './machine-space.ts';

const look: WorkCommand = { do: 'looked', listed: [], notThere: [], shared: [], images: null, sinceTick: 0 };
const commands: readonly WorkCommand[] = [
  { do: 'begin_step', step: 's' },
  { do: 'end_step', step: 's', facts: {} },
  { do: 'open_script' },
  { do: 'begin_launch', instance: 'bd_1-0', choice: 0 },
  { do: 'end_launch', instance: 'bd_1-0', cloudId: 'i-1', facts: {} },
  { do: 'end_build' },
  { do: 'begin_cancel' },
  { do: 'end_cancel' },
  { do: 'ended', instance: 'bd_1-0' },
  look,
  { do: 'end_look', removed: [] },
];

/** What is said of a job is refused, and nothing has changed. */
function refused(space: MachineSpace, claim: Claim, command: WorkCommand): string {
  const before = space.state.seq;
  const code = refusal(space.tell(claim, command));
  expect([command.do, space.state.seq]).toEqual([command.do, before]);
  return code;
}

function running(): MachineSpace {
  const space = new MachineSpace();
  done(space.build('bd_1', { count: 1 }));
  space.work();
  return space;
}
const end = (space: MachineSpace, id: string) =>
  done(space.turn((turn) => terminate(turn, { id, job: space.newId('jb'), reason: null }, builder)));
const cancel = (space: MachineSpace, id = 'bd_1') =>
  done(space.turn((turn) => cancelBuild(turn, { id, job: space.newId('jb'), reason: null }, builder)));

describe('what does not fit a job is refused', () => {
  test('of the end of a machine only that it has ended can be said, and of that machine', () => {
    const space = running();
    end(space, 'bd_1-0');
    const { claim } = space.claim();
    for (const command of commands)
      if (command.do !== 'ended') expect(refused(space, claim, command)).toBe('invalid_request');
    expect(refused(space, claim, { do: 'ended', instance: 'bd_2-0' })).toBe('invalid_request');
    done(space.tell(claim, { do: 'ended', instance: 'bd_1-0' }));
    expect(space.states).toEqual(['gone']);
    expect(space.state.jobs.size).toBe(0);
  });

  test('of a look only what was seen', () => {
    const space = new MachineSpace();
    space.turn((turn) => keepLooking(turn, 'jb_look'));
    const { claim } = space.claim();
    for (const command of commands)
      if (command.do !== 'looked' && command.do !== 'end_look')
        expect(refused(space, claim, command)).toBe('invalid_request');
    expect(done(space.tell(claim, look)).unshared).toEqual([]);
    done(space.tell(claim, { do: 'end_look', removed: ['sg-1'] }));
    expect(space.state.jobs.get('jb_look')).toMatchObject({
      ...{ state: 'waiting', claim: null, dueTick: space.settings.lookEveryMs },
      report: { removed: ['sg-1'], listed: 0 },
    });
    expect(refused(space, claim, look)).toBe('job_lost');
  });

  test('of a build no look, and nothing of its end before it is cancelled', () => {
    const space = new MachineSpace();
    done(space.build());
    const { claim } = space.claim();
    for (const command of commands)
      if (['looked', 'end_look', 'begin_cancel', 'end_cancel', 'ended'].includes(command.do))
        expect(refused(space, claim, command)).toBe('invalid_request');
    cancel(space);
    done(space.tell(claim, { do: 'begin_cancel' }));
    expect(space.states).toEqual(['gone', 'gone']);
    done(space.tell(claim, { do: 'end_cancel' }));
    expect(space.state.builds.get('bd_1')?.state).toBe('cancelled');
  });
});

test('nothing can be said of machines of other builds, nor of none', () => {
  const space = new MachineSpace();
  done(space.build('bd_1', { count: 1 }));
  done(space.build('bd_2', { count: 1 }));
  const { claim } = space.claim();
  for (const instance of ['bd_2-0', 'bd_9-0', '']) {
    expect(refused(space, claim, { do: 'begin_launch', instance, choice: 0 })).toBe('instance_unknown');
    expect(refused(space, claim, { do: 'end_launch', instance, cloudId: 'i-1', facts: {} })).toBe('instance_unknown');
  }
  cancel(space);
  for (const instance of ['bd_2-0', 'bd_9-0', ''])
    expect(refused(space, claim, { do: 'ended', instance })).toBe('invalid_request');
});

describe('in order', () => {
  test('a step that was never begun does not end, a machine that was never asked for does not run, and a build does not end before', () => {
    const space = new MachineSpace();
    done(space.build('bd_1', { count: 1 }));
    const { claim } = space.claim();
    const launched: WorkCommand = { do: 'end_launch', instance: 'bd_1-0', cloudId: 'i-1', facts: {} };
    expect(refused(space, claim, { do: 'end_step', step: 'image', facts: {} })).toBe('invalid_request');
    expect(refused(space, claim, launched)).toBe('invalid_request');
    expect(refused(space, claim, { do: 'end_build' })).toBe('invalid_request');
    done(space.tell(claim, { do: 'begin_launch', instance: 'bd_1-0', choice: 0 }));
    expect(refused(space, claim, { do: 'end_build' })).toBe('invalid_request');
    done(space.tell(claim, launched));
    // Again, and late: it is what it was.
    const { seq } = space.state;
    done(space.tell(claim, { ...launched, cloudId: 'i-2' }));
    done(space.tell(claim, { do: 'begin_launch', instance: 'bd_1-0', choice: 1 }));
    expect([space.state.seq, space.machines[0]?.cloudId]).toEqual([seq, 'i-1']);
    done(space.tell(claim, { do: 'end_build' }));
    expect(refused(space, claim, { do: 'end_build' })).toBe('job_lost');
  });

  test('a cancelled build does not end before its machines', () => {
    const space = running();
    cancel(space);
    const { claim } = space.claim();
    expect(refusal(space.tell(claim, { do: 'end_cancel' }))).toBe('invalid_request');
    done(space.tell(claim, { do: 'ended', instance: 'bd_1-0' }));
    done(space.tell(claim, { do: 'end_cancel' }));
    expect(space.state.builds.get('bd_1')?.state).toBe('cancelled');
  });

  test('a build that is cancelled in its last moment goes on to be cancelled by the same worker', () => {
    const space = new MachineSpace();
    done(space.build('bd_1', { count: 1 }));
    const { claim } = space.claim();
    done(space.tell(claim, { do: 'begin_launch', instance: 'bd_1-0', choice: 0 }));
    done(space.tell(claim, { do: 'end_launch', instance: 'bd_1-0', cloudId: 'i-1', facts: {} }));
    cancel(space);
    expect(done(space.tell(claim, { do: 'end_build' })).build).toMatchObject({ cancelling: { by: 'bob' } });
    done(space.tell(claim, { do: 'begin_cancel' }));
    done(space.tell(claim, { do: 'ended', instance: 'bd_1-0' }));
    done(space.tell(claim, { do: 'end_cancel' }));
    expect([space.states, space.state.jobs.size]).toEqual([['gone'], 0]);
  });
});

test('whoever has been replaced says nothing any more, whatever it says', () => {
  const space = new MachineSpace();
  done(space.build());
  const { claim } = space.claim('first');
  space.pass(seconds(15));
  space.claim('second');
  for (const command of [...commands, { do: 'keep', holdMs: 1 } as const]) {
    expect(refused(space, claim, command)).toBe('job_lost');
  }
  expect(refused(space, claim, { do: 'failed', step: 's', reason: 'r', againAfterMs: 0, isFinal: true })).toBe(
    'job_lost',
  );
});

test('a worker learns all that it needs: the build, its machines in order, the image', () => {
  const space = new MachineSpace();
  done(space.build());
  const work = space.turn((turn) => claimWork(turn, 'w', seconds(15), ['build']));
  expect(work).toMatchObject({
    job: { kind: 'build' },
    build: { id: 'bd_1', spec },
    tick: 0,
    image: null,
    unshared: [],
  });
  expect(work?.machines.map(({ id }) => id)).toEqual(['bd_1-0', 'bd_1-1']);
  expect(space.turn((turn) => claimWork(turn, 'w', seconds(15), ['build']))).toBeNull();
});

test('a job to end a machine goes with the machine, whoever has ended it', () => {
  const space = running();
  end(space, 'bd_1-0');
  cancel(space);
  const { claim, job } = space.claim();
  expect(job.kind).toBe('terminate');
  const other = space.claim();
  done(space.tell(other.claim, { do: 'ended', instance: 'bd_1-0' }));
  expect(refused(space, claim, { do: 'ended', instance: 'bd_1-0' })).toBe('job_lost');
  done(space.tell(other.claim, { do: 'end_cancel' }));
  expect(space.state.jobs.size).toBe(0);
});
