// Declaring, changing, closing and deleting environments (semantics: 4).

import { describe, expect, test } from 'vitest';
import { configure, deleteEnvironment, type EnvironmentChange } from '../../src/core/environment.ts';
import { actor, admin, ann, ben, done, labelled, named, refusal, Space, seconds } from './harness.ts';

const set = (space: Space, name: string, change: EnvironmentChange, by = admin) =>
  space.turn((turn) => configure(turn, name, change, by));
const remove = (space: Space, name: string, reason: string | null = null, by = admin) =>
  space.turn((turn) => deleteEnvironment(turn, name, by, reason === null ? null : { reason }));

describe('changing one', () => {
  test('keeps what is not named', () => {
    const space = new Space();
    space.declare('uat', { capacity: 3, labels: { kind: 'db' }, description: 'for acceptance' });
    expect(space.declare('uat', { capacity: 2 })).toMatchObject({
      ...{ capacity: 2, labels: { kind: 'db' }, description: 'for acceptance', declared: true },
    });
  });

  test('says whether it was made', () => {
    const space = new Space();
    expect(done(set(space, 'uat', {})).created).toBe(true);
    expect(done(set(space, 'uat', {})).created).toBe(false);
  });

  test('a higher capacity lets the next in at once', () => {
    const space = new Space();
    space.lease('uat');
    const waiting = space.lease('uat', { actor: ben });
    space.declare('uat', { capacity: 2 });
    expect(space.now(waiting).state).toBe('held');
  });

  test('a lower capacity touches no holder, and nobody is let in until enough have gone (L1)', () => {
    const space = new Space();
    space.declare('uat', { capacity: 3 });
    const holders = [1, 2, 3].map(() => space.lease('uat'));
    const waiting = space.lease('uat', { actor: ben });
    space.declare('uat', { capacity: 1 });
    expect(holders.map((lease) => space.now(lease).state)).toEqual(['held', 'held', 'held']);
    for (const lease of holders.slice(0, 2)) space.release(lease);
    expect(space.now(waiting).state).toBe('waiting');
    space.release(holders[2] as (typeof holders)[0]);
    expect(space.now(waiting).state).toBe('held');
  });

  test('a lower capacity takes back the latest slot that is set aside', () => {
    const space = new Space();
    space.declare('a', { capacity: 2 });
    space.lease('b');
    const first = space.lease(named('a', 'b'));
    const second = space.lease(named('a', 'b'), { actor: ben });
    const later = space.lease('a');
    expect(later.state).toBe('waiting');
    space.declare('a', { capacity: 1 });
    expect(space.state.queue.requests.get(first.id)?.units[0]?.place).not.toBeNull();
    expect(space.state.queue.requests.get(second.id)?.units[0]?.place).toBeNull();
  });

  test('other labels leave holders alone and match those who wait anew', () => {
    const space = new Space();
    space.declare('one', { labels: { kind: 'db' } });
    space.declare('two', { labels: { kind: 'web' } });
    const holder = space.lease(labelled({ kind: 'db' }));
    const waiting = space.lease(labelled({ kind: 'db' }), { actor: ben });
    space.declare('one', { labels: {} });
    space.declare('two', { labels: { kind: 'db' } });
    expect(space.now(holder)).toMatchObject({ state: 'held', granted: ['one'] });
    expect(space.now(waiting)).toMatchObject({ state: 'held', granted: ['two'] });
  });

  test('settings need admin, closing needs force, each for this environment', () => {
    const space = new Space();
    space.declare('uat');
    const ops = actor('ops', ['force:uat']);
    expect(refusal(set(space, 'uat', { capacity: 2 }, ops))).toBe('forbidden');
    expect(refusal(set(space, 'uat', { state: 'frozen', reason: 'why' }, ops))).toBe('accepted');
    expect(refusal(set(space, 'prod', { state: 'frozen', reason: 'why' }, ops))).toBe('forbidden');
    expect(refusal(set(space, 'uat', { capacity: 2 }, actor('lead', ['admin:uat'])))).toBe('accepted');
  });

  test.each([
    ['closing without a reason', { state: 'frozen' }, 'reason_required'],
    ['a reason without a state', { reason: 'because' }, 'invalid_request'],
    ['an end in the past', { state: 'frozen', reason: 'why', untilAt: 0 }, 'invalid_request'],
  ] as const)('is refused: %s', (_, change, code) => {
    const space = new Space();
    space.declare('uat');
    expect(refusal(set(space, 'uat', change))).toBe(code);
    expect(space.changes).toEqual([]);
  });

  test('a name with control characters is refused', () => {
    expect(refusal(set(new Space(), 'a\u0000b', {}))).toBe('invalid_name');
  });
});

describe('frozen', () => {
  test('grants nothing; holders go on, and the order is kept', () => {
    const space = new Space();
    const holder = space.lease('uat');
    const first = space.lease('uat', { actor: ben });
    space.declare('uat', { state: 'frozen', reason: 'release week' });
    const second = space.lease('uat');
    expect(refusal(space.renew(holder))).toBe('accepted');
    space.release(holder);
    expect([first, second].map((lease) => space.now(lease).state)).toEqual(['waiting', 'waiting']);
    space.declare('uat', { state: 'open' });
    expect([first, second].map((lease) => space.now(lease).state)).toEqual(['held', 'waiting']);
  });

  test('ends at its end, by wall time, because a person chose a date', () => {
    const space = new Space();
    space.declare('uat', { state: 'frozen', reason: 'release week', untilAt: space.at + seconds(60) });
    const waiting = space.lease('uat');
    space.pass(seconds(59));
    space.tidy();
    expect(space.now(waiting).state).toBe('waiting');
    space.pass(seconds(1));
    space.tidy();
    expect(space.now(waiting).state).toBe('held');
    expect(space.environment('uat')).toMatchObject({ state: 'open', stateReason: null, stateUntil: null });
  });
});

describe('draining', () => {
  test('refuses new requests by name and sends those away that wait', () => {
    const space = new Space();
    const holder = space.lease('uat');
    const waiting = space.lease('uat', { actor: ben });
    space.declare('uat', { state: 'draining', reason: 'moves house' });
    expect(space.now(waiting)).toMatchObject({
      state: 'cancelled',
      end: { how: 'environment_draining', reason: 'moves house' },
    });
    const outcome = space.ask('uat');
    expect(outcome).toMatchObject({ ok: false, code: 'environment_draining' });
    expect(outcome.ok ? '' : outcome.message).toContain('drained by admin: moves house');
    expect(space.now(holder).state).toBe('held');
  });

  test('lets requests by label use other members', () => {
    const space = new Space();
    for (const name of ['db1', 'db2']) space.declare(name, { labels: { kind: 'db' } });
    space.declare('db1', { state: 'draining', reason: 'old' });
    expect(space.lease(labelled({ kind: 'db' })).granted).toEqual(['db2']);
    expect(space.lease(labelled({ kind: 'db' }), { actor: ben }).state).toBe('waiting');
  });
});

describe('deleting one', () => {
  test('is refused while it is held or waited for', () => {
    const space = new Space();
    const holder = space.lease('uat');
    space.lease('uat', { actor: ben });
    const outcome = remove(space, 'uat');
    expect(outcome).toMatchObject({ ok: false, code: 'environment_in_use', facts: { held: 1, waiting: 1 } });
    expect(space.now(holder).state).toBe('held');
  });

  test('with force ends them all, with the reason', () => {
    const space = new Space();
    const holder = space.lease(named('uat', 'qa'));
    const waiting = space.lease('uat', { actor: ben });
    const elsewhere = space.lease('qa', { actor: ben });
    expect(refusal(remove(space, 'uat', ' '))).toBe('reason_required');
    expect(refusal(remove(space, 'uat', 'gone'))).toBe('accepted');
    expect(space.now(holder)).toMatchObject({ state: 'revoked', end: { how: 'environment_deleted', reason: 'gone' } });
    expect(space.now(waiting)).toMatchObject({ state: 'cancelled', end: { how: 'environment_deleted' } });
    expect(space.now(elsewhere).state).toBe('held');
    expect(space.state.environments.has('uat')).toBe(false);
  });

  test('leaves requests by label to the other members', () => {
    const space = new Space();
    for (const name of ['db1', 'db2']) space.declare(name, { labels: { kind: 'db' } });
    const busy = space.lease('db2');
    const both = space.lease(labelled({ kind: 'db' }, 2), { actor: ben });
    expect(refusal(remove(space, 'db1'))).toBe('accepted');
    space.release(busy);
    expect(space.now(both).state).toBe('waiting');
    space.declare('db3', { labels: { kind: 'db' } });
    expect(space.now(both)).toMatchObject({ state: 'held' });
  });

  test('needs admin, and an environment that exists', () => {
    const space = new Space();
    space.declare('uat');
    expect(refusal(remove(space, 'uat', null, ann))).toBe('forbidden');
    expect(refusal(remove(space, 'uta'))).toBe('environment_unknown');
  });
});
