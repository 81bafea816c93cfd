// A look at what the driver lists, against what is known: what is adopted, ended, believed to be gone, and what is left alone.

import { describe, expect, test } from 'vitest';
import { dropUnused } from '../../src/core/housekeeping.ts';
import { cancelBuild } from '../../src/core/machines/build.ts';
import { terminate } from '../../src/core/machines/instance.ts';
import { freeJobs } from '../../src/core/machines/job.ts';
import { done, hours, labelled, seconds } from './harness.ts';
import { builder, MachineSpace } from './machine-space.ts';

const listed = (instance: string, cloudId = `i-${instance}`) => ({ cloudId, instance, facts: { ip: '10.0.0.1' } });
const cancel = (space: MachineSpace) =>
  done(space.turn((turn) => cancelBuild(turn, { id: 'bd_1', job: 'jb_c', reason: null }, builder)));
const end = (space: MachineSpace, id = 'bd_1-0') =>
  done(space.turn((turn) => terminate(turn, { id, job: space.newId('jb'), reason: null }, builder)));

/** Its one machine is being asked for. */
function launching(): MachineSpace {
  const space = new MachineSpace();
  done(space.build('bd_1', { count: 1 }));
  done(space.tell(space.claim().claim, { do: 'begin_launch', instance: 'bd_1-0', choice: 0 }));
  return space;
}

/** The driver says that it can never be made, after it was asked. */
function failed(): MachineSpace {
  const space = new MachineSpace();
  done(space.build('bd_1', { count: 1 }));
  space.work(() => true);
  expect([space.states, space.state.builds.get('bd_1')?.state]).toEqual([['launching'], 'failed']);
  return space;
}

function running(): MachineSpace {
  const space = new MachineSpace();
  done(space.build('bd_1', { count: 1 }));
  space.work();
  space.pass(seconds(60));
  return space;
}

describe('a machine whose ask was not answered', () => {
  test('is adopted while its build goes on, and found so by its worker', () => {
    const space = launching();
    expect(space.look({ listed: [listed('bd_1-0')] })).toMatchObject({ adopted: ['i-bd_1-0'], ending: [] });
    expect(space.machines).toMatchObject([{ state: 'running', cloudId: 'i-bd_1-0', facts: { ip: '10.0.0.1' } }]);
    space.turn(freeJobs);
    space.work();
    expect(space.state.builds.get('bd_1')?.state).toBe('started');
  });

  test('is ended where its build is over, and serves nobody meanwhile', () => {
    const space = new MachineSpace();
    space.pool();
    const lease = space.lease(labelled({ kind: 'vm' }));
    space.keep();
    space.work(() => true);
    const [machine] = space.machines;
    expect(space.look({ listed: [listed(machine?.id ?? '')] }).ending).toEqual([`i-${machine?.id}`]);
    expect([space.states, space.members, space.now(lease).state]).toEqual([['ending'], [], 'waiting']);
  });

  test('is awaited for as long as somebody works on it, and then missed like any other', () => {
    const space = launching();
    for (let i = 0; i < 5; i++, space.pass(seconds(20))) expect(space.look({ listed: [] }).gone).toEqual([]);
    expect(space.machines[0]?.missed).toBeNull();
    const over = failed();
    expect(over.look({ listed: [] }).gone).toEqual([]);
    over.pass(seconds(20));
    expect(over.look({ listed: [] }).gone).toEqual([]);
    over.pass(seconds(20));
    expect(over.look({ listed: [] }).gone).toEqual(['bd_1-0']);
  });

  test('that is listed although its build was cancelled is ended by the job of that', () => {
    const space = launching();
    cancel(space);
    expect(space.look({ listed: [listed('bd_1-0')] }).adopted).toEqual(['i-bd_1-0']);
    space.turn(freeJobs);
    space.work();
    expect([space.states, space.state.jobs.size]).toEqual([['gone'], 0]);
  });
});

describe('what nobody knows', () => {
  test('is ended, and known from then on', () => {
    const space = new MachineSpace();
    expect(space.look({ listed: [listed('in_lost', 'i-9')] }).ending).toEqual(['i-9']);
    expect(space.machines).toMatchObject([{ build: null, state: 'ending', cloudId: 'i-9' }]);
    // The next look finds the same one, and makes no other of it.
    space.look({ listed: [listed('in_lost', 'i-9')] });
    expect(space.machines).toHaveLength(1);
    space.work();
    expect(space.states).toEqual(['gone']);
  });

  test('is ended where it has the tag of a machine that is another one', () => {
    const space = running();
    expect(space.look({ listed: [listed('bd_1-0'), listed('bd_1-0', 'i-2')] }).ending).toEqual(['i-2']);
    expect(space.machines).toMatchObject([{ state: 'running' }, { cloudId: 'i-2', state: 'ending', build: null }]);
  });

  test('is not what has just ended: the list may be behind, but not for long', () => {
    for (const isStranger of [false, true]) {
      const space = isStranger ? new MachineSpace() : running();
      const left = listed(isStranger ? 'in_lost' : 'bd_1-0');
      if (isStranger) space.look({ listed: [left] });
      else end(space);
      space.work();
      const rows = space.machines.length;
      space.pass(seconds(29));
      expect(space.look({ listed: [left] }).ending).toEqual([]);
      expect(space.machines).toHaveLength(rows);
      space.pass(seconds(1));
      expect(space.look({ listed: [left] }).ending).toEqual([left.cloudId]);
    }
  });
});

test('a name that the driver gives again passes on once the machine that had it is missed', () => {
  const space = running();
  done(space.build('bd_2', { count: 1 }));
  done(space.tell(space.claim().claim, { do: 'begin_launch', instance: 'bd_2-0', choice: 0 }));
  const again = { listed: [listed('bd_2-0', 'i-bd_1-0')] };
  for (let i = 0; i < 2; i++, space.pass(seconds(20)))
    expect(space.look(again)).toMatchObject({ adopted: [], gone: [], ending: [] });
  expect(space.look(again)).toMatchObject({ adopted: [], gone: ['i-bd_1-0'] });
  expect(space.look(again)).toMatchObject({ adopted: ['i-bd_1-0'], gone: [] });
  expect(space.machines).toMatchObject([{ state: 'gone' }, { state: 'running', cloudId: 'i-bd_1-0' }]);
});

describe('what is not listed (B4)', () => {
  test('is gone at once where the source denies it by its id, but not just after its launch', () => {
    const space = running();
    expect(space.look({ listed: [], notThere: ['i-bd_1-0'] }).gone).toEqual(['i-bd_1-0']);
    const young = new MachineSpace();
    done(young.build('bd_1', { count: 1 }));
    young.work();
    young.pass(seconds(29));
    expect(young.look({ listed: [], notThere: ['i-bd_1-0'] }).gone).toEqual([]);
    young.pass(seconds(1));
    expect(young.look({ listed: [], notThere: ['i-bd_1-0'] }).gone).toEqual(['i-bd_1-0']);
  });

  test('and was being ended stays so until its driver says that it is gone', () => {
    const space = running();
    end(space);
    for (let i = 0; i < 5; i++, space.pass(seconds(60)))
      expect(space.look({ listed: [], notThere: ['i-bd_1-0'] }).gone).toEqual([]);
    expect(space.states).toEqual(['ending']);
  });
});

describe('jobs that were given up for something that costs money are taken up again', () => {
  const die = (space: MachineSpace) => {
    for (let i = 0; i < space.settings.maxTries; i++)
      done(space.tell(space.claim().claim, { do: 'failed', step: '', reason: 'no', againAfterMs: 0, isFinal: false }));
  };

  test('the end of a machine', () => {
    const space = running();
    end(space);
    die(space);
    expect([...space.state.jobs.values()].map(({ state }) => state)).toEqual(['dead']);
    space.look();
    space.work();
    expect(space.states).toEqual(['gone']);
  });

  test('the cancellation of a build, whose machines need no other job', () => {
    const space = running();
    cancel(space);
    die(space);
    space.look();
    expect([...space.state.jobs.values()]).toMatchObject([{ kind: 'build', state: 'waiting', tries: 0 }]);
    space.work();
    expect(space.state.builds.get('bd_1')?.state).toBe('cancelled');
  });

  test('but not a build that has failed: nobody has cancelled it', () => {
    const space = failed();
    space.look({ listed: [] });
    expect([...space.state.jobs.values()].map(({ state }) => state)).toEqual(['dead']);
  });
});

test('what machines share is kept while their build goes on or has machines, and is to be removed afterwards (B6)', () => {
  const space = new MachineSpace();
  done(space.build('bd_1', { count: 1 }));
  const unshared = () => {
    const shared = ['bd_1', 'bd_9'].map((build) => ({ id: `sg-${build}`, build }));
    return space.look({ shared }).unshared;
  };
  expect(unshared()).toEqual(['sg-bd_9']);
  space.work();
  expect(unshared()).toEqual(['sg-bd_9']);
  end(space);
  expect(unshared()).toEqual(['sg-bd_9']);
  space.work();
  expect(unshared()).toEqual(['sg-bd_1', 'sg-bd_9']);
  // It may still have one, although nobody knows which.
  const over = failed();
  expect(over.look({ listed: [], shared: [{ id: 'sg', build: 'bd_1' }] }).unshared).toEqual([]);
});

describe('what is over is kept for a while', () => {
  const later = (space: MachineSpace) => {
    space.pass(hours(25));
    space.turn(dropUnused);
    return [space.state.builds.size, space.state.instances.size, space.state.jobs.size];
  };

  test('and then goes together: also of a build whose machines never said that they are ready', () => {
    const space = running();
    expect(later(space)).toEqual([1, 1, 0]);
    end(space);
    space.work();
    space.turn(dropUnused);
    expect([...space.state.builds.values()]).toMatchObject([{ state: 'started' }]);
    expect(later(space)).toEqual([0, 0, 0]);
  });

  test('a build that has failed, with the job that was given up; not while it may have machines', () => {
    const space = failed();
    expect(later(space)).toEqual([1, 1, 1]);
    space.look({ listed: [], sinceTick: 0 });
    space.look({ listed: [] });
    expect(space.look({ listed: [] }).gone).toEqual(['bd_1-0']);
    expect(later(space)).toEqual([0, 0, 0]);
  });

  test('strangers as well', () => {
    const space = new MachineSpace();
    space.look({ listed: [listed('in_lost')] });
    space.work();
    expect(later(space)).toEqual([0, 0, 0]);
  });
});
