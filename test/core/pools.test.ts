// Pools that build their own members: how many machines there are, who gets them, and when they go.

import { describe, expect, test } from 'vitest';
import { configure, deleteEnvironment } from '../../src/core/environment.ts';
import { blockers } from '../../src/core/lease/standing.ts';
import { cancelBuild, reportReady } from '../../src/core/machines/build.ts';
import { terminate } from '../../src/core/machines/instance.ts';
import { forgetPool, poolFault, removePool, setPool } from '../../src/core/machines/pool.ts';
import type { LeaseRow } from '../../src/core/rows.ts';
import { admin, ann, ben, done, labelled, named, refusal, seconds } from './harness.ts';
import { builder, MachineSpace, poolSpec } from './machine-space.ts';

const vm = labelled({ kind: 'vm' });

/** A space in which somebody waits, the machine is built, and the lease is granted. */
function held(change: Parameters<MachineSpace['pool']>[0] = {}): { space: MachineSpace; lease: LeaseRow } {
  const space = new MachineSpace();
  space.pool(change);
  const { id } = space.lease(vm, { ttlMs: null });
  space.settle();
  const lease = space.now(id);
  expect(lease.state).toBe('held');
  return { space, lease };
}

describe('how many', () => {
  test('a pool without wishes builds nothing until somebody waits', () => {
    const space = new MachineSpace();
    space.pool();
    space.settle();
    expect(space.machines).toEqual([]);
  });

  test('min machines are there, and idle ones beside those that are held, up to max', () => {
    const space = new MachineSpace();
    space.pool({ min: 1, idle: 1, max: 3 });
    space.settle();
    expect(space.members).toHaveLength(1);
    space.lease(vm);
    space.settle();
    expect(space.members).toHaveLength(2);
    space.lease(vm);
    space.lease(vm);
    space.settle();
    expect(space.members).toHaveLength(3);
    expect(space.lease(vm).state).toBe('waiting');
    space.settle();
    expect(space.there).toHaveLength(3);
  });

  test('each that waits has one built, each by a build of its own', () => {
    const space = new MachineSpace();
    space.pool({ max: 5 });
    const first = space.lease(labelled({ kind: 'vm' }, 2));
    const second = space.lease(vm);
    space.keep();
    expect([...space.state.builds.values()].map(({ spec }) => spec.count)).toEqual([1, 1, 1]);
    space.settle();
    expect([space.now(first).state, space.now(second).state]).toEqual(['held', 'held']);
    expect(space.machines).toHaveLength(3);
  });

  test('those that are being ended count: nothing is built beyond max while they may cost something', () => {
    const { space, lease } = held({ max: 1, once: true });
    const next = space.lease(vm);
    space.release(lease);
    space.keep();
    expect(space.states).toEqual(['ending']);
    expect(space.keep()).toBe(0);
    space.settle();
    expect(space.states).toEqual(['gone', 'running']);
    expect(space.now(next).state).toBe('held');
  });

  test('who waits is counted once among pools alike, where there is room and where builds do not fail', () => {
    const space = new MachineSpace();
    space.pool({ max: 1 }, 'first');
    space.pool({ max: 4 }, 'second');
    space.lease(vm);
    space.keep();
    expect(space.machines.map(({ pool }) => pool)).toEqual(['first']);
    space.lease(vm);
    space.keep();
    expect(space.machines.map(({ pool }) => pool)).toEqual(['first', 'second']);
    const failing = new MachineSpace();
    failing.pool({}, 'first');
    failing.pool({}, 'second');
    failing.lease(vm);
    failing.keep();
    failing.work(() => true);
    failing.keep();
    expect(failing.machines.map(({ pool, state }) => [pool, state])).toEqual([
      ['first', 'launching'],
      ['second', 'planned'],
    ]);
  });

  test('nothing is built for whoever has something set aside, or may not have machines of the pool', () => {
    const space = new MachineSpace();
    space.declare('mine', { labels: { kind: 'vm' } });
    space.declare('uat');
    space.lease('uat', { actor: ben });
    space.pool();
    // `mine` is set aside for it while it waits for uat.
    expect(space.lease([...vm, ...named('uat')]).state).toBe('waiting');
    space.keep();
    expect(space.machines).toEqual([]);
    const grants = [{ scope: 'acquire' as const, globs: ['mine*'] }];
    expect(space.lease(vm, { actor: { ...ann, grants } }).state).toBe('waiting');
    space.keep();
    expect(space.machines).toEqual([]);
  });

  test('a space that is full has the pool wait', () => {
    const space = new MachineSpace({ maxInstances: 1 });
    space.pool({ min: 2 });
    expect(space.machines).toHaveLength(1);
    expect(space.state.pools.get('vms')?.pausedUntilTick).toBe(seconds(60));
  });
});

describe('a lease', () => {
  test('that waits for a machine to be built is told so, and of which pool', () => {
    const space = new MachineSpace();
    space.pool({ max: 2 });
    const lease = space.lease(vm);
    expect(blockers(space.state, lease)).toMatchObject([
      { environment: null, why: 'building', reason: 'pool vms builds a machine for it' },
    ]);
    space.turn((turn) => removePool(turn, 'vms', 'ann'));
    expect(blockers(space.state, lease)).toMatchObject([{ why: 'no_match' }]);
  });

  test('that only a pool could ever meet is queued, and what no pool can meet is refused', () => {
    const space = new MachineSpace();
    expect(refusal(space.ask(vm))).toBe('no_match');
    space.pool({ max: 2 });
    expect(space.lease(vm).state).toBe('waiting');
    expect(refusal(space.ask(labelled({ kind: 'db' })))).toBe('no_match');
    expect(refusal(space.ask(labelled({ kind: 'vm' }, 3)))).toBe('never_satisfiable');
    expect(space.ask(labelled({ kind: 'vm' }, 2)).ok).toBe(true);
    expect(refusal(space.ask([...labelled({ kind: 'vm' }, 2), ...vm]))).toBe('never_satisfiable');
    expect(refusal(space.ask(vm, { actor: { ...ann, grants: [{ scope: 'acquire', globs: ['db*'] }] } }))).toBe(
      'no_match',
    );
  });

  test('is granted what was built for it, in the turn in which that joins', () => {
    const { space, lease } = held();
    expect(lease.granted).toEqual(space.members);
    expect(space.environment(lease.granted[0] as string)).toMatchObject({
      ...{ labels: { kind: 'vm' }, declared: true, machine: { instance: space.machines[0]?.id, once: false } },
    });
  });

  test('of a machine that somebody ends is ended with it, and told why', () => {
    for (const reason of ['kernel bug', '  ', null]) {
      const { space, lease } = held();
      const id = space.machines[0]?.cloudId as string;
      done(space.turn((turn) => terminate(turn, { id, job: 'jb', reason }, builder)));
      const why = reason?.trim() || 'its machine is being ended';
      expect(space.now(lease).end).toMatchObject({ how: 'environment_deleted', reason: why });
      expect(space.members).toEqual([]);
      space.settle();
      expect(space.states).toEqual(['gone']);
    }
  });
});

describe('when a machine joins', () => {
  test('once it has said that it is finished, where the pool waits for that', () => {
    const space = new MachineSpace();
    space.pool({ min: 1, readyWhen: 'finished' });
    space.settle();
    expect(space.members).toEqual([]);
    const [machine] = space.machines;
    done(space.turn((turn) => reportReady(turn, machine?.build ?? '', machine?.cloudId ?? '')));
    expect(space.members).toHaveLength(1);
  });

  test('one that never says so is ended in its time, and another is built', () => {
    const space = new MachineSpace();
    space.pool({ min: 1, readyWhen: 'finished', readyWithinMs: seconds(30) });
    space.settle();
    space.pass(seconds(29));
    expect(space.keep()).toBe(0);
    space.pass(seconds(1));
    space.settle();
    expect(space.states).toEqual(['gone', 'running']);
  });

  test('later, where there was no room for another environment', () => {
    const space = new MachineSpace({ maxEnvironments: 1 });
    space.declare('uat');
    space.pool({ min: 1 });
    space.settle();
    expect([space.states, space.members]).toEqual([['running'], []]);
    done(space.turn((turn) => deleteEnvironment(turn, 'uat', admin, null)));
    space.settle();
    expect([space.states, space.members.length]).toEqual([['running'], 1]);
  });
});

describe('once', () => {
  test('a machine serves one lease, whether that waited for it or came later; then another is built', () => {
    for (const waits of [true, false]) {
      const space = new MachineSpace();
      space.pool({ once: true, idle: waits ? 0 : 1, max: 2 });
      space.settle();
      const first = space.lease(vm);
      space.settle();
      const second = space.lease(vm);
      expect([space.now(first).state, second.state]).toEqual(['held', waits ? 'waiting' : 'held']);
      space.settle();
      const [name] = space.now(first).granted as [string];
      expect(space.environment(name).state).toBe('draining');
      space.release(first);
      const third = space.lease(vm);
      expect(third.granted).not.toContain(name);
      space.settle();
      expect(space.state.environments.has(name)).toBe(false);
      expect([space.now(second).state, space.now(third).state]).toEqual(['held', 'held']);
      expect(new Set([...space.now(second).granted, ...space.now(third).granted, name]).size).toBe(3);
    }
  });
});

describe('who goes', () => {
  test('whoever is idle for longer than it may, beyond min and idle, the longest idle one first', () => {
    const space = new MachineSpace();
    space.pool({ min: 1 });
    space.settle();
    const [first] = space.members;
    const leases = [space.lease(vm), space.lease(vm)];
    space.settle();
    expect(space.members).toHaveLength(2);
    for (const lease of leases) space.release(space.now(lease));
    space.pass(seconds(59));
    expect(space.keep()).toBe(0);
    const again = space.lease(vm);
    expect(again.state).toBe('held');
    space.pass(seconds(1));
    space.settle();
    // The one that is held is enough.
    expect(space.members).toEqual(again.granted);
    expect(space.now(again).state).toBe('held');
    expect(space.members).toContain(again.granted[0] === first ? first : again.granted[0]);
  });

  test('as many as are too many, and no more', () => {
    const space = new MachineSpace();
    space.pool({ max: 4 });
    const leases = Array.from({ length: 4 }, () => space.lease(vm));
    space.settle();
    for (const lease of leases) space.release(space.now(lease));
    space.pool({ max: 4, min: 1, idle: 2 });
    space.pass(seconds(60));
    space.settle();
    expect([space.members.length, space.machines.length]).toEqual([2, 4]);
  });

  test('nobody who is granted it in the very turn in which it would have been ended', () => {
    const space = new MachineSpace({ maxEnvironments: 2 });
    space.declare('uat');
    space.pool({ max: 2, maxAgeMs: seconds(100) });
    const { id } = space.lease(labelled({ kind: 'vm' }, 2));
    space.keep();
    space.work();
    // One has joined and is set aside, and for the other there is no room.
    expect([space.states, space.members.length]).toEqual([['running', 'running'], 1]);
    space.pass(seconds(100));
    done(space.turn((turn) => deleteEnvironment(turn, 'uat', admin, null)));
    space.settle();
    expect(space.now(id).state).toBe('held');
    space.release(space.now(id));
    space.settle();
    expect(space.there).toEqual([]);
  });

  test('one that is too old: at once if it is free, and once it is free if it is held', () => {
    const { space, lease } = held({ maxAgeMs: seconds(100), idleForMs: seconds(1000) });
    space.pass(seconds(100));
    space.settle();
    expect(space.now(lease).state).toBe('held');
    expect(space.environment(lease.granted[0] as string).state).toBe('draining');
    space.release(lease);
    space.settle();
    expect(space.states).toEqual(['gone']);
    const free = new MachineSpace();
    free.pool({ min: 1, maxAgeMs: seconds(100) });
    free.settle();
    free.pass(seconds(100));
    free.settle();
    expect(free.states).toEqual(['gone', 'running']);
  });

  test('machines of a pool that is removed: the free ones, those that are held once they are free, and builds that are under way', () => {
    const { space, lease } = held({ idle: 1, max: 4 });
    space.lease(labelled({ kind: 'vm' }, 2));
    space.keep();
    expect(space.states).toContain('planned');
    done(space.turn((turn) => forgetPool(turn, 'vms', admin)));
    space.keep();
    const last = [...space.state.builds.values()].at(-1);
    expect(last?.cancelling).toMatchObject({ reason: 'its pool was removed' });
    space.settle();
    expect(space.there.map(({ environment }) => environment)).toEqual(lease.granted);
    expect(space.keep()).toBe(0);
    space.release(lease);
    space.settle();
    expect(space.there).toEqual([]);
    expect(space.members).toEqual([]);
  });

  test('one whose environment somebody has deleted, whatever has its name now', () => {
    for (const readyWhen of ['started', 'finished'] as const) {
      const space = new MachineSpace();
      space.pool({ min: 1, readyWhen });
      space.settle();
      const [machine] = space.machines;
      if (readyWhen === 'finished')
        done(space.turn((turn) => reportReady(turn, machine?.build ?? '', machine?.cloudId ?? '')));
      const [name] = space.members as [string];
      done(space.turn((turn) => deleteEnvironment(turn, name, admin, null)));
      const squatter = space.lease(name);
      space.settle();
      expect(space.states).toEqual(['gone', 'running']);
      expect(space.now(squatter).state).toBe('held');
    }
  });

  test('not one that somebody has closed: it is theirs, and another is built for whoever waits', () => {
    const space = new MachineSpace();
    space.pool({ min: 1, maxAgeMs: seconds(100) });
    space.settle();
    const [name] = space.members as [string];
    done(space.turn((turn) => configure(turn, name, { state: 'frozen', reason: 'I look at it' }, admin)));
    const { id } = space.lease(vm);
    space.settle();
    expect(space.now(id)).toMatchObject({ state: 'held', granted: [expect.not.stringMatching(`^${name}$`)] });
    space.pass(seconds(1000));
    space.settle();
    expect(space.members).toContain(name);
  });
});

describe('a build that fails', () => {
  test('has its machine ended and the pool wait before it asks again; the others are as they were', () => {
    const space = new MachineSpace();
    space.pool({ min: 2 });
    const lease = space.lease(vm);
    const [, second] = space.machines;
    space.work((instance) => instance === second?.id);
    expect(space.states).toEqual(['running', 'launching']);
    space.settle();
    expect(space.states).toEqual(['running', 'gone']);
    expect(space.now(lease).state).toBe('held');
    space.pass(seconds(59));
    expect(space.keep()).toBe(0);
    space.pass(seconds(1));
    space.settle();
    expect(space.members).toHaveLength(2);
  });

  test('and one that somebody cancels takes its machines out at once', () => {
    const { space, lease } = held();
    const [id] = [...space.state.builds.keys()] as [string];
    done(space.turn((turn) => cancelBuild(turn, { id, job: 'jb', reason: 'wrong image' }, builder)));
    expect(space.now(lease).end).toMatchObject({ how: 'environment_deleted', reason: 'wrong image' });
    expect([space.members, space.states]).toEqual([[], ['ending']]);
  });
});

describe('what a pool is to be', () => {
  test('is looked at: the first thing that is wrong is said', () => {
    const fault = (change: object, name = 'vms') => poolFault(name, { ...poolSpec, ...change });
    expect(fault({})).toBeNull();
    for (const [change, what] of [
      [{ labels: {} }, /labels is empty/],
      [{ min: -1 }, /min must/],
      [{ idle: 1.5 }, /idle must/],
      [{ max: 0 }, /max must/],
      [{ max: 501 }, /max must/],
      [{ min: 4 }, /min \(4\) is more than max/],
      [{ idle: 4 }, /idle \(4\) is more than max/],
      [{ idleForMs: -1 }, /idleFor/],
      [{ readyWithinMs: 0 }, /readyWithin/],
      [{ maxAgeMs: 0 }, /maxAge/],
      [{ build: { ...poolSpec.build, site: '' } }, /empty "site"/],
    ] as const)
      expect(fault(change)).toMatch(what);
    expect(fault({}, '')).toMatch(/name of the pool/);
    expect(fault({}, 'x'.repeat(81))).toMatch(/longer than 80/);
  });

  test('may be said by an admin, as often as one likes, and of so many pools', () => {
    const space = new MachineSpace({ maxPools: 1 });
    const set = (name: string, by = admin, change = {}) =>
      space.turn((turn) => setPool(turn, name, { ...poolSpec, ...change }, by));
    expect(refusal(set('vms', builder))).toBe('forbidden');
    expect(done(set('vms')).created).toBe(true);
    const { seq } = space.state;
    expect(done(set('vms')).created).toBe(false);
    expect(space.state.seq).toBe(seq);
    expect(refusal(set('more'))).toBe('too_many_pools');
    expect(refusal(set('vms', admin, { max: 0 }))).toBe('invalid_request');
    expect(refusal(space.turn((turn) => forgetPool(turn, 'more', admin)))).toBe('pool_unknown');
    expect(refusal(space.turn((turn) => forgetPool(turn, 'vms', ann)))).toBe('forbidden');
  });

  test('counts for those that serve already: new labels and once, but not what somebody has said of one alone', () => {
    const space = new MachineSpace();
    space.pool({ min: 2 });
    space.settle();
    const [own, other] = space.members as [string, string];
    space.declare(own, { labels: { kind: 'mine' } });
    const { id } = space.lease(labelled({ kind: 'mine' }));
    space.release(space.now(id));
    space.pool({ min: 2, labels: { kind: 'vm', size: 'l' }, once: true });
    expect(space.environment(own).labels).toEqual({ kind: 'mine' });
    expect(space.environment(other)).toMatchObject({ labels: { kind: 'vm', size: 'l' }, machine: { once: true } });
    expect(space.lease(labelled({ size: 'l' })).granted).toEqual([other]);
    expect(space.environment(other).state).toBe('draining');
  });
});
