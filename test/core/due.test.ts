// What is over by log time, of whatever kind: one key, one deadline and one version for each.

import { describe, expect, test } from 'vitest';
import { dueKey, dueKeys, dueTick, dueVersion, endDue } from '../../src/core/due.ts';
import { seconds } from './harness.ts';
import { Meeting } from './meeting.ts';

function full(): Meeting {
  const space = new Meeting();
  space.lease('uat', { id: 'ls_1', ttlMs: seconds(30) });
  space.set('signal a', { ttlMs: seconds(10) });
  space.set('for ever', { ttlMs: null });
  space.meet(2, { generation: 'g 1', timeoutMs: seconds(20) });
  return space;
}

describe('keys', () => {
  test('one for each lease, signal and barrier, and none for what never ends', () => {
    const space = full();
    const keys = ['ls_1', 'signal signal a', 'signal for ever', 'barrier deploy\tg 1'];
    expect([...dueKeys(space.state)]).toEqual(keys);
    expect(dueKey({ kind: 'lease', id: 'ls_1' })).toBe('ls_1');
    expect(dueKey({ kind: 'signal', id: 'signal a' })).toBe('signal signal a');
    expect(dueKey({ kind: 'barrier', id: 'deploy\tg 1' })).toBe('barrier deploy\tg 1');
    for (const kind of ['environment', 'freeze', 'key'] as const) expect(dueKey({ kind, id: 'x' })).toBeNull();
  });

  test('of one kind and name, whatever the names of another kind', () => {
    const space = new Meeting();
    space.set('barrier x', { ttlMs: seconds(1) });
    space.meet(1, { name: 'x' });
    space.meet(2, { name: 'signal barrier x' });
    expect(new Set(dueKeys(space.state)).size).toBe(3);
    space.pass(seconds(2));
    expect([space.state.signals.size, space.state.barriers.size]).toEqual([0, 2]);
  });
});

describe('deadlines and versions', () => {
  test('a signal: its ttl, and the seq of its last set', () => {
    const space = full();
    expect(dueTick(space.state, 'signal signal a')).toBe(seconds(10));
    expect(dueTick(space.state, 'signal for ever')).toBeNull();
    const before = dueVersion(space.state, 'signal signal a');
    space.set('signal a', { ttlMs: seconds(10) });
    expect(dueVersion(space.state, 'signal signal a')).toBeGreaterThan(before);
  });

  test('a barrier: from the first arrival on, and not once it has ended', () => {
    const space = full();
    const key = 'barrier deploy\tg 1';
    expect(dueTick(space.state, key)).toBeNull();
    space.pass(seconds(5));
    space.comes('a', { generation: 'g 1' });
    expect(dueTick(space.state, key)).toBe(seconds(25));
    const before = dueVersion(space.state, key);
    space.pass(seconds(1));
    space.comes('b', { generation: 'g 1' });
    expect(dueTick(space.state, key)).toBeNull();
    expect(dueVersion(space.state, key)).toBeGreaterThan(before);
  });

  test('a lease: its ttl, and its last renewal', () => {
    const space = full();
    expect(dueTick(space.state, 'ls_1')).toBe(seconds(30));
    expect(dueVersion(space.state, 'ls_1')).toBe(space.now('ls_1').renewal);
  });

  test('what is not there has none, and ending it changes nothing', () => {
    const space = new Meeting();
    for (const key of ['signal x', 'barrier x', 'ls_x']) {
      expect(dueTick(space.state, key)).toBeNull();
      expect(dueVersion(space.state, key)).toBe(0);
      space.turn((turn) => endDue(turn, key, 0));
    }
    expect(space.state.seq).toBe(0);
  });

  test('each ends at its own moment, and all of them in one turn too', () => {
    const apart = full();
    apart.comes('a', { generation: 'g 1' });
    apart.pass(seconds(30));
    const together = full();
    together.comes('a', { generation: 'g 1' });
    together.tick += seconds(30);
    together.turn((turn) => {
      for (const key of [...dueKeys(turn.state)]) endDue(turn, key, dueVersion(turn.state, key));
    });
    for (const space of [apart, together]) {
      expect(space.now('ls_1').state).toBe('expired');
      expect([...space.state.signals.keys()]).toEqual(['for ever']);
      expect(space.barrier('g 1')?.end?.how).toBe('timed_out');
    }
  });
});
