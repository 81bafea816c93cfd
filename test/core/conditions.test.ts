// What can be waited for, how it stands, and whom a turn concerns (semantics: signals, barriers, waits).

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clean } from '../../src/core/dirty.ts';
import { deleteEnvironment } from '../../src/core/environment.ts';
import { endFreeze, putFreeze } from '../../src/core/freeze.ts';
import { tidy } from '../../src/core/housekeeping.ts';
import { release } from '../../src/core/lease/end.ts';
import { arrive } from '../../src/core/meet/barrier.ts';
import { clearSignal, setSignal } from '../../src/core/meet/signal.ts';
import {
  type Awaited,
  awaitedKey,
  latch,
  outcomeOf,
  type Standing,
  toldBy,
  waitRefusal,
} from '../../src/core/meet/waiting.ts';
import type { Turn } from '../../src/core/turn.ts';
import { actor, admin, ann, ben, eve, hours, labelled, named, seconds } from './harness.ts';
import { ci, Meeting, setting } from './meeting.ts';

const env = (name: string): Awaited => ({ kind: 'env', name });
const signal = (name: string): Awaited => ({ kind: 'signal', name });
const barrier = (generation = ''): Awaited => ({ kind: 'barrier', name: 'deploy', generation });
const lease = (id: string): Awaited => ({ kind: 'lease', id });
const standing = (state: Standing['state'], detail: string = state): Standing => ({
  ...{ state, detail, by: null, row: null },
});

/** What a turn tells those who wait for these, as `key: state detail`. */
function tells(space: Meeting, command: (turn: Turn) => unknown, ...awaited: Awaited[]): string[] {
  const keys = awaited.map(awaitedKey);
  return space.turn((turn) => {
    command(turn);
    const environments = awaited.flatMap((one) => (one.kind === 'env' ? [one.name] : []));
    return [...toldBy(turn, { has: (key) => keys.includes(key), environments })].map(
      ([key, { state, detail }]) => `${key}: ${state}, ${detail}`,
    );
  });
}

describe('the outcome of a list', () => {
  test.each([
    ['any', ['pending', 'pending'], null],
    ['any', ['pending', 'met'], 'met'],
    ['any', ['pending', 'failed'], 'failed'],
    ['any', ['failed', 'met'], 'met'],
    ['any', ['met', 'failed'], 'met'],
    ['all', ['pending', 'met'], null],
    ['all', ['met', 'met'], 'met'],
    ['all', ['met', 'failed'], 'failed'],
    ['all', ['failed', 'pending'], 'failed'],
    ['any', ['met'], 'met'],
    ['all', ['failed'], 'failed'],
  ] as const)('%s of %j is %s', (mode, states, outcome) => {
    expect(outcomeOf(mode, states)).toBe(outcome);
  });

  test('what has ended stays ended, whatever else is met or fails', () => {
    const state = fc.constantFrom('pending' as const, 'met' as const, 'failed' as const);
    fc.assert(
      fc.property(
        fc.constantFrom('any' as const, 'all' as const),
        fc.array(state, { minLength: 1 }),
        (mode, states) => {
          const outcome = outcomeOf(mode, states);
          if (mode === 'any') expect(outcome === 'met').toBe(states.includes('met'));
          if (mode === 'all') expect(outcome === 'failed').toBe(states.includes('failed'));
          expect(outcome === null).toBe(
            mode === 'any'
              ? states.every((one) => one === 'pending')
              : !states.includes('failed') && states.includes('pending'),
          );
        },
      ),
    );
  });
});

test('what was met or has failed stays so while it is waited for', () => {
  const [pending, met, failed] = [standing('pending'), standing('met'), standing('failed')];
  expect(latch(pending, met)).toBe(met);
  expect(latch(met, pending)).toBe(met);
  expect(latch(met, failed)).toBe(met);
  expect(latch(failed, met)).toBe(failed);
  const again = standing('pending', 'held by ben');
  expect(latch(pending, again)).toBe(again);
});

describe('a signal', () => {
  test('stands as it is set, with payload and who set it', () => {
    const space = new Meeting();
    expect(space.stands(signal('a'))).toEqual({ ...standing('pending', 'not set') });
    space.set('a', { data: [1] });
    expect(space.stands(signal('a'))).toMatchObject({ state: 'met', detail: 'set', by: 'ci', row: { data: [1] } });
    space.set('a', { holder: { name: 'build 7', url: null, ref: null } });
    expect(space.stands(signal('a')).by).toBe('build 7');
    space.set('a', { failure: { reason: 'no disk' } });
    expect(space.stands(signal('a'))).toMatchObject({
      state: 'failed',
      detail: 'no disk',
      by: 'ci',
      row: { data: null },
    });
  });

  test('that is set and cleared within a turn was set (S1)', () => {
    const space = new Meeting();
    const told = tells(
      space,
      (turn) => {
        setSignal(turn, 'a', setting(), ci);
        clearSignal(turn, 'a', ci);
        setSignal(turn, 'b', setting(), ci);
      },
      signal('a'),
    );
    expect(told).toEqual(['signal a: met, set', 'signal a: pending, not set']);
  });

  test('that is replaced by a failure within a turn is told in that order', () => {
    const space = new Meeting();
    const told = tells(
      space,
      (turn) => {
        setSignal(turn, 'a', setting(), ci);
        setSignal(turn, 'a', setting({ failure: { reason: 'no' } }), ci);
      },
      signal('a'),
    );
    expect(told).toEqual(['signal a: met, set', 'signal a: failed, no']);
  });
});

describe('a barrier', () => {
  test('stands as its parties have come', () => {
    const space = new Meeting();
    expect(space.stands(barrier())).toMatchObject(standing('pending', 'not declared'));
    space.meet(['a', 'b', 'c']);
    space.come('a');
    expect(space.stands(barrier())).toMatchObject({
      ...{ state: 'pending', detail: '1 of 3 arrived, missing b, c', row: { count: 3 } },
    });
    space.comes('b', { failure: 'no disk' });
    expect(space.stands(barrier())).toMatchObject({
      ...{ state: 'failed', by: 'ci', detail: 'broken (failed): b: no disk; 1 of 3 arrived, missing c' },
    });
    space.meet(1, { generation: '7' });
    space.comes('x', { generation: '7' });
    expect(space.stands(barrier('7'))).toMatchObject({ state: 'met', detail: 'open', by: 'ci' });
    expect(awaitedKey(barrier())).not.toBe(awaitedKey(barrier('7')));
  });

  test('that is forgotten while somebody waits has broken for them', () => {
    const space = new Meeting();
    space.meet(2);
    space.come('a');
    const told = space.turn((turn) => {
      arrive(turn, { name: 'deploy', generation: '', party: 'a', failure: { reason: 'no' } }, ci);
      turn.remove('barrier', 'deploy');
      return [...toldBy(turn, { has: () => true, environments: [] })].map(([, { state }]) => state);
    });
    expect(told).toEqual(['failed', 'pending']);
  });

  test('opens in the turn of its last party, which tells of it', () => {
    const space = new Meeting();
    space.meet(2);
    const comes = (party: string) => (turn: Turn) =>
      arrive(turn, { name: 'deploy', generation: '', party, failure: null }, ci);
    expect(tells(space, comes('a'), barrier())).toEqual(['barrier deploy: pending, 1 of 2 arrived, missing 1 of 2']);
    expect(tells(space, comes('b'), barrier(), barrier('7')).at(-1)).toBe('barrier deploy: met, open');
  });
});

describe('an environment is free', () => {
  test('when nobody holds it and nobody waits', () => {
    const space = new Meeting();
    expect(space.stands(env('uat'))).toMatchObject(standing('met', 'never used'));
    const holder = space.lease('uat');
    expect(space.stands(env('uat'))).toMatchObject(standing('pending', 'held by ann, 0 waiting'));
    const waiter = space.lease('uat', { actor: ben });
    expect(space.stands(env('uat'))).toMatchObject(standing('pending', 'held by ann, 1 waiting'));
    space.hangUp(waiter);
    space.release(holder);
    expect(space.stands(env('uat'))).toMatchObject(standing('pending', '1 waiting'));
    expect(tells(space, (turn) => release(turn, waiter.id, ben), env('uat'))).toEqual(['env uat: met, free']);
  });

  test('with several slots, when none of them is held', () => {
    const space = new Meeting();
    space.declare('uat', { capacity: 3 });
    const held = [ann, ben, eve].map((by) => space.lease('uat', { actor: by }));
    expect(space.stands(env('uat')).detail).toBe('held by ann and 2 more, 0 waiting');
    for (const one of held.slice(0, 2)) space.release(one, admin);
    expect(space.stands(env('uat')).detail).toBe('held by eve, 0 waiting');
    expect(tells(space, (turn) => release(turn, held[2]?.id ?? '', admin), env('uat'))).toEqual(['env uat: met, free']);
  });

  test('not while it waits to be cleaned', () => {
    const space = new Meeting();
    space.declare('uat', { onExpire: 'hold' });
    space.lease('uat', { ttlMs: seconds(10) });
    space.pass(seconds(10));
    expect(space.stands(env('uat'))).toMatchObject(standing('pending', 'to be cleaned'));
    expect(tells(space, (turn) => clean(turn, 'uat', admin, null), env('uat'))).toEqual(['env uat: met, free']);
  });

  test('not while it is frozen or draining, and is again when that ends', () => {
    const space = new Meeting();
    for (const state of ['frozen', 'draining'] as const) {
      space.declare('uat', { state, reason: 'x' });
      expect(space.stands(env('uat'))).toMatchObject(standing('pending', state));
    }
    space.declare('uat', { state: 'frozen', reason: 'x', untilAt: space.at + seconds(5) });
    space.pass(seconds(6));
    expect(tells(space, tidy, env('uat'))).toEqual(['env uat: met, free']);
  });

  test('not while a freeze by selector holds it', () => {
    const space = new Meeting();
    space.declare('db1', { labels: { kind: 'db' } });
    const freeze = { labels: { kind: 'db' }, reason: 'week', untilAt: null };
    expect(tells(space, (turn) => putFreeze(turn, 'w', freeze, admin), env('db1'))).toEqual([
      'env db1: pending, frozen',
    ]);
    expect(tells(space, (turn) => endFreeze(turn, 'w', admin), env('db1'))).toEqual(['env db1: met, free']);
  });

  test('when it is deleted', () => {
    const space = new Meeting();
    space.lease('uat');
    const told = tells(space, (turn) => deleteEnvironment(turn, 'uat', admin, { reason: 'gone' }), env('uat'));
    expect(told).toEqual(['env uat: met, never used']);
  });

  test('when the last who asked for it by label has left, though its name was in no request', () => {
    const space = new Meeting({ graceMs: seconds(60) });
    space.declare('db1', { labels: { kind: 'db' } });
    const holder = space.lease('db1');
    const waiting = space.lease(labelled({ kind: 'db' }), { actor: ben });
    space.hangUp(waiting);
    space.release(holder);
    expect(space.stands(env('db1'))).toMatchObject(standing('pending', '1 waiting'));
    expect(tells(space, (turn) => release(turn, waiting.id, ben), env('db1'))).toEqual(['env db1: met, free']);
  });

  test('and whenever that becomes so, the turn that made it so tells', () => {
    const names = ['a', 'b', 'c'];
    class Told extends Meeting {
      override turn<T>(command: (turn: Turn) => T): T {
        return super.turn((turn) => {
          const before = names.map((name) => this.stands(env(name)).state);
          const value = command(turn);
          const told = [...toldBy(turn, { has: (key) => key.startsWith('env '), environments: names })].map(
            ([key, { state }]) => `${key}: ${state}`,
          );
          for (const [i, name] of names.entries()) {
            if (before[i] === 'pending' && this.stands(env(name)).state === 'met')
              expect(told).toContain(`env ${name}: met`);
          }
          return value;
        });
      }
    }
    const step = fc.tuple(fc.nat(7), fc.nat(2), fc.nat(2), fc.boolean());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        const space = new Told({ graceMs: seconds(5) });
        for (const [i, name] of names.entries()) space.declare(name, { labels: { kind: i < 2 ? 'x' : 'y' } });
        for (const [what, i, j, flag] of steps) {
          const name = names[i] as string;
          const leases = [...space.state.leases.values()].filter((one) => one.end === null);
          const some = leases[(i * 3 + j) % Math.max(1, leases.length)];
          if (what === 0) space.ask(named(name), { polling: flag });
          else if (what === 1) space.ask(labelled({ kind: flag ? 'x' : 'y' }, 1 + (j % 2)), { polling: i > 0 });
          else if (what === 2) space.ask([...named(name), ...labelled({ kind: 'x' })], { polling: flag });
          else if (what === 3) space.declare(name, { capacity: 1 + j, state: flag ? 'open' : 'frozen', reason: 'x' });
          else if (what === 4) space.declare(name, { labels: { kind: flag ? 'x' : 'y' } });
          else if (what === 5) space.pass(seconds(4));
          else if (some !== undefined && what === 6) space.hangUp(some);
          else if (some !== undefined) space.release(some, admin);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a lease', () => {
  test('stands as pending until it has ended, however that was', () => {
    const space = new Meeting();
    const held = space.lease('uat', { ttlMs: seconds(10) });
    const waiting = space.lease('uat', { actor: ben });
    expect(space.stands(lease(held.id)).detail).toBe('held');
    expect(space.stands(lease(waiting.id)).detail).toBe('waiting');
    space.revoke(held, { now: true, reason: 'urgent' });
    expect(space.stands(lease(held.id))).toEqual({ state: 'met', detail: 'revoked: urgent', by: 'admin', row: null });
    expect(tells(space, (turn) => release(turn, waiting.id, ben), lease(waiting.id))).toEqual([
      `lease ${waiting.id}: met, released`,
    ]);
    space.pass(hours(24));
    space.tidy();
    expect(space.stands(lease(held.id))).toMatchObject(standing('met', 'gone'));
  });
});

describe('who may wait', () => {
  const code = (space: Meeting, awaited: Awaited, by = ci) => waitRefusal(space.state, awaited, by)?.code ?? null;

  test('whoever has the scope wait for this name', () => {
    const space = new Meeting();
    const some = actor('some', ['wait:db*']);
    for (const awaited of [{ kind: 'signal' }, { kind: 'env' }, { kind: 'barrier', generation: '' }] as const) {
      expect(code(space, { ...awaited, name: 'db1' })).toBeNull();
      expect(code(space, { ...awaited, name: 'db1' }, some)).toBeNull();
      expect(code(space, { ...awaited, name: 'web1' }, some)).toBe('forbidden');
      expect(code(space, { ...awaited, name: 'db1' }, ann)).toBe('forbidden');
    }
  });

  test('for a lease: its owner, and whoever may wait for one of its environments', () => {
    const space = new Meeting();
    const { id } = space.lease(named('db1', 'uat'));
    expect(code(space, lease(id), ann)).toBeNull();
    expect(code(space, lease(id), ben)).toBe('forbidden');
    expect(code(space, lease(id), actor('some', ['wait:uat']))).toBeNull();
    expect(code(space, lease(id), actor('some', ['wait:web*']))).toBe('forbidden');
    expect(code(space, lease('ls_none'), ci)).toBe('lease_unknown');
    // Whoever may not wait at all does not learn which leases there are.
    expect(code(space, lease('ls_none'), ben)).toBe('forbidden');
  });

  test('nobody for an environment that nobody declared, where that is asked for', () => {
    const space = new Meeting({ declaredOnly: true });
    space.declare('uat1');
    expect(waitRefusal(space.state, env('uat2'), ci)).toMatchObject({
      ...{ code: 'environment_unknown', facts: { nearest: 'uat1' } },
    });
    expect(code(space, env('uat1'))).toBeNull();
    expect(code(new Meeting(), env('uat2'))).toBeNull();
  });
});
