// Asking for environments: all or nothing, at once or in the queue (semantics: 1, 3).

import { describe, expect, test } from 'vitest';
import { deleteEnvironment } from '../../src/core/environment.ts';
import { wouldBeGranted } from '../../src/core/lease/acquire.ts';
import { actor, admin, ann, ben, done, labelled, named, refusal, Space, seconds } from './harness.ts';

describe('a free environment', () => {
  test('is granted at once, with a fence', () => {
    const space = new Space();
    const lease = space.lease('uat');
    expect(lease).toMatchObject({ state: 'held', granted: ['uat'], owner: 'ann', ttlTick: seconds(120) });
    expect(lease.fence).toBe(lease.seq);
  });

  test('is made at first use, and the reply says so and names the one that was perhaps meant', () => {
    const space = new Space();
    space.declare('production');
    expect(done(space.ask('prodution')).created).toEqual([{ environment: 'prodution', nearest: 'production' }]);
    expect(space.environment('prodution').declared).toBe(false);
    expect(done(space.ask('production')).created).toEqual([]);
  });

  test('must be declared where the server asks for that', () => {
    const space = new Space({ declaredOnly: true });
    space.declare('uat');
    const outcome = space.ask('uta');
    expect(outcome).toMatchObject({ ok: false, code: 'environment_unknown', facts: { nearest: 'uat' } });
    expect(refusal(space.ask('uat'))).toBe('accepted');
  });

  test('has as many holders as it has slots', () => {
    const space = new Space();
    space.declare('uat', { capacity: 2 });
    expect([1, 2, 3].map(() => space.lease('uat').state)).toEqual(['held', 'held', 'waiting']);
  });

  test('gets a higher fence with each grant, also after it was deleted and made again (L2)', () => {
    const space = new Space();
    const fences: (number | null)[] = [];
    for (let i = 0; i < 3; i++) {
      const lease = space.lease('uat');
      fences.push(lease.fence);
      space.release(lease);
      done(space.turn((turn) => deleteEnvironment(turn, 'uat', admin, null)));
      space.restart();
    }
    expect(fences).toEqual(fences.toSorted((a, b) => (a ?? 0) - (b ?? 0)));
    expect(new Set(fences).size).toBe(3);
  });
});

describe('several wants', () => {
  test('are granted all together or not at all (L11)', () => {
    const space = new Space();
    const holder = space.lease('b');
    const both = space.lease(named('a', 'b'));
    expect(space.now(both).state).toBe('waiting');
    expect(space.state.holders.get('a')).toBeUndefined();
    space.release(holder);
    expect(space.now(both)).toMatchObject({ state: 'held', granted: ['a', 'b'] });
  });

  test('are not starved by requests for one of them', () => {
    const space = new Space();
    const a = space.lease('a');
    const both = space.lease(named('a', 'b'), { actor: ben });
    const late = space.lease('b', { actor: ann });
    expect(late.state).toBe('waiting');
    space.release(a);
    expect(space.now(both).state).toBe('held');
    expect(space.now(late).state).toBe('waiting');
  });

  test('by label get environments that are all different and that carry it', () => {
    const space = new Space();
    for (const name of ['db1', 'db2', 'db3']) space.declare(name, { labels: { kind: 'db' } });
    space.declare('web1', { labels: { kind: 'web' } });
    const lease = space.lease(labelled({ kind: 'db' }, 2));
    expect(lease.state).toBe('held');
    expect(new Set(lease.granted).size).toBe(2);
    expect(lease.granted.every((name) => name.startsWith('db'))).toBe(true);
  });

  test('may name a member of a pool beside the pool without standing in their own way', () => {
    const space = new Space();
    for (const name of ['db1', 'db2']) space.declare(name, { labels: { kind: 'db' } });
    const lease = space.lease([...labelled({ kind: 'db' }), ...named('db1')]);
    expect(lease).toMatchObject({ state: 'held', granted: ['db2', 'db1'] });
  });
});

describe('what can never be granted is refused at once', () => {
  test.each([
    ['no wants at all', [], 'invalid_request'],
    ['one environment twice', named('a', 'a'), 'duplicate_want'],
    ['a name with a line break', named('a\nb'), 'invalid_name'],
    ['an empty name', named(''), 'invalid_name'],
    ['17 wants', named(...Array.from({ length: 17 }, (_, i) => `e${i}`)), 'too_many_wants'],
    ['65 environments', labelled({ kind: 'db' }, 65), 'too_many_wants'],
    ['a label that nothing carries', labelled({ kind: 'none' }), 'no_match'],
    ['more of a pool than there are', labelled({ kind: 'db' }, 3), 'never_satisfiable'],
    ['a pool and all of its members', [...labelled({ kind: 'db' }), ...named('db1', 'db2')], 'never_satisfiable'],
  ] as const)('%s', (_, wants, code) => {
    const space = new Space();
    for (const name of ['db1', 'db2']) space.declare(name, { labels: { kind: 'db' } });
    const before = space.state.seq;
    expect(refusal(space.ask(wants))).toBe(code);
    expect(space.state.seq).toBe(before);
    expect(space.state.leases.size).toBe(0);
  });

  test('16 wants are not too many, nor are 64 environments', () => {
    const space = new Space();
    for (let i = 0; i < 64; i++) space.declare(`e${i}`, { labels: { kind: 'x' } });
    expect(space.lease(labelled({ kind: 'x' }, 64)).granted).toHaveLength(64);
    expect(space.lease(named(...Array.from({ length: 16 }, (_, i) => `f${i}`))).state).toBe('held');
  });
});

describe('who may ask', () => {
  test('a key that is limited to some environments asks for no others, by name or by label', () => {
    const space = new Space();
    space.declare('uat1', { labels: { kind: 'db' } });
    space.declare('prod1', { labels: { kind: 'db' } });
    const limited = actor('limited', ['acquire:uat*']);
    expect(refusal(space.ask('prod1', { actor: limited }))).toBe('forbidden');
    const lease = space.lease(labelled({ kind: 'db' }), { actor: limited });
    expect(lease.granted).toEqual(['uat1']);
    expect(space.lease(labelled({ kind: 'db' }), { actor: limited }).state).toBe('waiting');
  });

  test('a key without the scope is refused', () => {
    const space = new Space();
    expect(refusal(space.ask('uat', { actor: actor('reader', ['read']) }))).toBe('forbidden');
  });

  test('a priority above what the key may use is refused', () => {
    const space = new Space();
    expect(refusal(space.ask('uat', { actor: ann, priority: 1 }))).toBe('priority_too_high');
    expect(refusal(space.ask('uat', { actor: admin, priority: 100 }))).toBe('accepted');
  });
});

describe('a request that is not to queue', () => {
  test('is refused when busy, says who holds it, and leaves no trace', () => {
    const space = new Space();
    const holder = space.lease('uat', { actor: ben });
    const before = space.state.seq;
    const outcome = space.ask('uat', { polling: false });
    expect(outcome).toMatchObject({ ok: false, code: 'environment_busy' });
    expect(outcome.ok ? '' : outcome.message).toContain('held by ben');
    expect(outcome.ok ? [] : outcome.facts?.blockedBy).toMatchObject([
      { environment: 'uat', why: 'held', lease: holder.id },
    ]);
    expect(space.state.seq).toBe(before);
    expect(space.state.waiting.size).toBe(0);
  });

  test('does not take what is set aside for somebody who is away', () => {
    const space = new Space();
    const holder = space.lease('uat');
    const away = space.lease('uat', { actor: ben });
    space.hangUp(away);
    space.release(holder);
    expect(refusal(space.ask('uat', { polling: false }))).toBe('environment_busy');
    expect(space.comeBack(away).state).toBe('held');
  });

  test('takes away nothing from those who wait when it is refused, though its priority is higher', () => {
    const space = new Space();
    const holder = space.lease(named('a', 'b'));
    const waiting = space.lease('b', { actor: ben });
    expect(refusal(space.ask(named('a', 'b'), { actor: admin, priority: 9, queueMs: 0 }))).toBe('environment_busy');
    space.release(holder);
    expect(space.now(waiting).state).toBe('held');
  });

  test('"would it be granted" answers without changing anything', () => {
    const space = new Space();
    const ask = { ...space.thief({ actor: ann }), wants: named('uat'), idempotency: null };
    const may = () => done(space.turn((turn) => wouldBeGranted(turn, ask)));
    expect(may()).toBe(true);
    expect(space.state.environments.size).toBe(0);
    space.lease('uat');
    expect(may()).toBe(false);
    expect(space.changes).toEqual([]);
  });
});

describe('bounds', () => {
  test('a line takes so many and no more', () => {
    const space = new Space({ maxWaitingPerLine: 2 });
    space.lease('uat');
    expect([1, 2, 3].map(() => refusal(space.ask('uat')))).toEqual(['accepted', 'accepted', 'queue_full']);
    expect(refusal(space.ask('other'))).toBe('accepted');
  });

  test('a space takes so many and no more', () => {
    const space = new Space({ maxWaiting: 2 });
    space.lease(named('a', 'b', 'c'));
    expect(['a', 'b', 'c'].map((name) => refusal(space.ask(name)))).toEqual(['accepted', 'accepted', 'queue_full']);
  });

  test('so many environments and no more are made', () => {
    const space = new Space({ maxEnvironments: 2 });
    expect(refusal(space.ask(named('a', 'b', 'c')))).toBe('too_many_environments');
    expect(space.state.environments.size).toBe(0);
    expect(refusal(space.ask(named('a', 'b')))).toBe('accepted');
  });
});

test('the ttl and the longest hold are those of the request, else the smallest default of what is asked for, else none', () => {
  const space = new Space();
  space.declare('a', { ttlMs: seconds(60), maxHoldMs: seconds(600) });
  space.declare('b', { ttlMs: seconds(30) });
  expect(space.lease(named('a', 'b'), { ttlMs: undefined })).toMatchObject({
    ttlMs: seconds(30),
    maxHoldMs: seconds(600),
  });
  expect(space.lease('a', { ttlMs: seconds(90), maxHoldMs: null })).toMatchObject({
    ttlMs: seconds(90),
    maxHoldMs: null,
  });
  expect(space.lease('c', { ttlMs: undefined })).toMatchObject({ ttlMs: null, maxHoldMs: null });
});
