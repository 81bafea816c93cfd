// Why a request waits: its place, who is in the way, how long it may take.

import { describe, expect, test } from 'vitest';
import { putFreeze } from '../../src/core/freeze.ts';
import { admin, ben, labelled, named, Space, seconds } from './harness.ts';

describe('the place', () => {
  test('is 1 for the next, and moves up', () => {
    const space = new Space();
    const holder = space.lease('uat');
    const [first, second] = [space.lease('uat'), space.lease('uat')];
    expect([first, second].map((lease) => space.standing(lease).position)).toEqual([1, 2]);
    space.release(holder);
    expect(space.standing(second).position).toBe(1);
    expect(space.standing(first).position).toBeNull();
  });

  test('is the largest over everything that is missing', () => {
    const space = new Space();
    space.lease(named('a', 'b'));
    space.lease('a');
    const both = space.lease(named('a', 'b'));
    expect(space.standing(both).position).toBe(2);
  });

  test('a higher priority stands before a lower one', () => {
    const space = new Space();
    space.lease('uat');
    const low = space.lease('uat');
    const high = space.lease('uat', { actor: admin, priority: 1 });
    expect([low, high].map((lease) => space.standing(lease).position)).toEqual([2, 1]);
  });
});

describe('who is in the way', () => {
  test('are the holders, with who they are and since when', () => {
    const space = new Space();
    const holder = space.lease('uat', {
      actor: ben,
      reason: 'deploy 1.2',
      holder: { name: 'ben', url: 'http://ci/7', ref: null },
    });
    const waiting = space.lease('uat');
    expect(space.standing(waiting).blockedBy).toEqual([
      {
        ...{ environment: 'uat', why: 'held', lease: holder.id, sinceAt: holder.grantedAt, reason: 'deploy 1.2' },
        holder: { name: 'ben', url: 'http://ci/7', ref: null },
      },
    ]);
  });

  test('is whoever froze it, and why', () => {
    const space = new Space();
    space.declare('uat', { state: 'frozen', reason: 'release week' });
    space.declare('db1', { labels: { kind: 'db' } });
    const freeze = { labels: { kind: 'db' }, reason: 'upgrade', untilAt: null };
    space.turn((turn) => putFreeze(turn, 'upgrade', freeze, admin));
    expect(space.standing(space.lease('uat')).blockedBy).toMatchObject([{ why: 'frozen', reason: 'release week' }]);
    expect(space.standing(space.lease('db1')).blockedBy).toMatchObject([{ why: 'frozen', reason: 'upgrade' }]);
  });

  test('is a dirty slot', () => {
    const space = new Space();
    space.declare('uat', { onExpire: 'hold' });
    space.lease('uat', { ttlMs: seconds(10) });
    space.pass(seconds(10));
    expect(space.standing(space.lease('uat')).blockedBy).toMatchObject([{ why: 'dirty', reason: 'expired' }]);
  });

  test('is an earlier request for which the slot is set aside', () => {
    const space = new Space();
    space.lease('a');
    const earlier = space.lease(named('a', 'b'), { actor: ben });
    const later = space.lease('b');
    expect(space.standing(later).blockedBy).toMatchObject([{ environment: 'b', why: 'queue', lease: earlier.id }]);
  });

  test('is nothing at all where nothing matches any more', () => {
    const space = new Space();
    space.declare('db1', { labels: { kind: 'db' } });
    space.lease('db1');
    const waiting = space.lease(labelled({ kind: 'db' }));
    space.declare('db1', { labels: {} });
    expect(space.standing(waiting).blockedBy).toMatchObject([
      { environment: null, why: 'no_match', reason: 'nothing matches kind=db' },
    ]);
  });

  test('is named ten times at most', () => {
    const space = new Space();
    for (let i = 0; i < 30; i++) space.declare(`db${i}`, { labels: { kind: 'db' } });
    for (let i = 0; i < 30; i++) space.lease(`db${i}`);
    expect(space.standing(space.lease(labelled({ kind: 'db' }))).blockedBy).toHaveLength(10);
  });

  test('says nothing of a lease that does not wait', () => {
    const space = new Space();
    expect(space.standing(space.lease('uat'))).toEqual({ position: null, blockedBy: [], etaMs: null });
  });
});

describe('how long it may take', () => {
  function held(space: Space, ...holds: number[]): void {
    for (const hold of holds) {
      const lease = space.lease('uat', { ttlMs: null });
      space.pass(seconds(hold));
      space.release(lease);
    }
  }

  test('is not known before anything was held there', () => {
    const space = new Space();
    space.lease('uat');
    expect(space.standing(space.lease('uat')).etaMs).toBeNull();
  });

  test('is what a typical hold has left, and one more for each request before it', () => {
    const space = new Space();
    held(space, 10, 20, 1_000);
    space.lease('uat', { ttlMs: null });
    space.pass(seconds(5));
    const [first, second] = [space.lease('uat'), space.lease('uat')];
    expect(space.standing(first).etaMs).toBe(seconds(15));
    expect(space.standing(second).etaMs).toBe(seconds(35));
  });

  test('never falls below nothing when a hold takes longer than usual', () => {
    const space = new Space();
    held(space, 10);
    space.lease('uat', { ttlMs: null });
    const waiting = space.lease('uat');
    space.pass(seconds(500));
    expect(space.standing(waiting).etaMs).toBe(0);
  });

  test('is not known while it is closed', () => {
    const space = new Space();
    held(space, 10);
    space.declare('uat', { state: 'frozen', reason: 'release week' });
    expect(space.standing(space.lease('uat')).etaMs).toBeNull();
  });

  test('is still known after a restart, from the leases that are kept', () => {
    const space = new Space();
    held(space, 10);
    space.restart();
    space.lease('uat', { ttlMs: null });
    expect(space.standing(space.lease('uat')).etaMs).toBe(seconds(10));
  });
});
