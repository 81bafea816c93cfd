// What is kept for how long: ended leases, and environments that only first use has made.

import { describe, expect, test } from 'vitest';
import { dropUnused, needsTidying } from '../../src/core/housekeeping.ts';
import { Turn } from '../../src/core/turn.ts';
import { hours, refusal, Space, seconds } from './harness.ts';

const needs = (space: Space) => needsTidying(new Turn(space.state, { tick: space.tick, at: space.at }));

describe('ended leases', () => {
  test('are kept for a day, so that late clients learn how they ended', () => {
    const space = new Space();
    const lease = space.lease('uat', { ttlMs: seconds(60) });
    space.pass(seconds(60) + hours(24) - 1);
    expect(needs(space)).toBe(false);
    expect(refusal(space.renew(lease))).toBe('lease_ended');
    space.pass(1);
    expect(needs(space)).toBe(true);
    space.tidy();
    expect(refusal(space.renew(lease))).toBe('lease_unknown');
    expect(needs(space)).toBe(false);
  });

  test('go in the order of their ends, also after a restart', () => {
    const space = new Space();
    const long = space.lease('a', { ttlMs: null });
    const short = space.lease('b', { ttlMs: null });
    space.release(short);
    space.pass(hours(1));
    space.release(long);
    space.restart();
    space.pass(hours(23));
    space.tidy();
    expect([...space.state.leases.keys()]).toEqual([long.id]);
  });

  test('a thousand at most go in one pass', () => {
    const space = new Space();
    space.turn((turn) => {
      for (let i = 0; i < 1_001; i++) {
        const id = `ls_old${i}`;
        turn.put('lease', id, (seq) => ({ ...template, id, seq, order: seq }));
      }
    });
    space.pass(hours(24));
    space.tidy();
    expect(space.state.leases.size).toBe(1);
    space.tidy();
    expect(space.state.leases.size).toBe(0);
  });

  test('leases that wait or are held do not go, however old they are', () => {
    const space = new Space();
    const held = space.lease('uat', { ttlMs: null });
    const waiting = space.lease('uat');
    space.pass(hours(1_000));
    space.tidy();
    expect([held, waiting].map((lease) => space.now(lease).state)).toEqual(['held', 'waiting']);
  });

  const template = {
    ...new Space().lease('uat'),
    ...{
      state: 'released' as const,
      endedAt: 0,
      endedTick: 0,
      end: { how: 'released' as const, by: 'ann', reason: null },
    },
  };
});

describe('environments that only first use has made', () => {
  const drop = (space: Space) => space.turn((turn) => dropUnused(turn));

  test('go a week after their last lease, even when that is no longer kept', () => {
    const space = new Space();
    const lease = space.lease('typo');
    space.release(lease);
    space.pass(hours(24));
    space.tidy();
    expect(space.state.leases.size).toBe(0);
    space.pass(hours(6 * 24) - 1);
    drop(space);
    expect(space.state.environments.has('typo')).toBe(true);
    space.pass(1);
    drop(space);
    expect(space.state.environments.has('typo')).toBe(false);
  });

  test('stay while they are held or waited for', () => {
    const space = new Space();
    space.lease('uat', { ttlMs: null });
    space.pass(hours(1_000));
    drop(space);
    expect(space.state.environments.has('uat')).toBe(true);
  });

  test('stay once they were configured, as do closed and dirty ones', () => {
    const space = new Space();
    space.release(space.lease('kept'));
    space.declare('kept', { description: 'ours' });
    space.pass(hours(1_000));
    drop(space);
    expect(space.state.environments.has('kept')).toBe(true);
  });
});
