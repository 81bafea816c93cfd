// Slots that were left behind (semantics: 4): with onExpire hold, somebody must look before anyone else is let in.

import { describe, expect, test } from 'vitest';
import { clean } from '../../src/core/dirty.ts';
import { actor, admin, ann, ben, refusal, Space, seconds } from './harness.ts';

const cleanIt = (space: Space, by = admin) => space.turn((turn) => clean(turn, 'uat', by, 'looked'));

describe('where onExpire is hold', () => {
  test.each([
    ['expired', (space: Space) => space.pass(seconds(120))],
    ['outlived its longest hold', (space: Space) => space.pass(seconds(50))],
    ['was revoked', (space: Space) => void space.revoke(space.now('ls_1'), { now: true })],
  ])('a slot stays used when its holder %s, until it is cleaned', (how, happen) => {
    const space = new Space();
    space.declare('uat', { onExpire: 'hold', maxHoldMs: how.startsWith('outlived') ? seconds(50) : null });
    space.lease('uat');
    const next = space.lease('uat', { actor: ben });
    happen(space);
    expect(space.environment('uat').dirty).toMatchObject([{ lease: 'ls_1' }]);
    expect(space.now(next).state).toBe('waiting');
    expect(refusal(cleanIt(space))).toBe('accepted');
    expect(space.now(next).state).toBe('held');
  });

  test('a release leaves it clean', () => {
    const space = new Space();
    space.declare('uat', { onExpire: 'hold' });
    space.release(space.lease('uat'));
    expect(space.environment('uat').dirty).toEqual([]);
    expect(space.lease('uat', { actor: ben }).state).toBe('held');
  });

  test('only the slots that were left are dirty', () => {
    const space = new Space();
    space.declare('uat', { onExpire: 'hold', capacity: 2 });
    space.lease('uat', { ttlMs: seconds(10) });
    const stays = space.lease('uat', { ttlMs: null });
    space.pass(seconds(10));
    const next = space.lease('uat', { actor: ben });
    expect(next.state).toBe('waiting');
    space.release(stays);
    expect(space.now(next).state).toBe('held');
    expect(space.environment('uat').dirty).toHaveLength(1);
  });

  test('it survives a restart', () => {
    const space = new Space();
    space.declare('uat', { onExpire: 'hold' });
    space.lease('uat', { ttlMs: seconds(10) });
    space.pass(seconds(10));
    space.restart();
    expect(space.lease('uat', { actor: ben }).state).toBe('waiting');
  });
});

test('where onExpire is free, the next is let in at once', () => {
  const space = new Space();
  space.declare('uat', { onExpire: 'free' });
  space.lease('uat', { ttlMs: seconds(10) });
  const next = space.lease('uat', { actor: ben });
  space.pass(seconds(10));
  expect(space.now(next).state).toBe('held');
});

test('cleaning needs force, and does nothing where nothing is dirty', () => {
  const space = new Space();
  space.declare('uat');
  expect(refusal(cleanIt(space, ann))).toBe('forbidden');
  expect(refusal(cleanIt(space, actor('ops', ['force:uat'])))).toBe('accepted');
  expect(space.changes).toEqual([]);
});
