// In the queue: order, being there, being away, and giving up (semantics: 1, 2).

import { describe, expect, test } from 'vitest';
import { admin, ann, ben, eve, labelled, named, Space, seconds } from './harness.ts';

describe('order', () => {
  test('is that of arrival within a priority', () => {
    const space = new Space();
    let holder = space.lease('uat');
    const queue = [ann, ben, eve].map((actor) => space.lease('uat', { actor }));
    for (const next of queue) {
      space.release(holder, admin);
      expect(space.now(next).state).toBe('held');
      holder = next;
    }
  });

  test('is that of priority before arrival', () => {
    const space = new Space();
    const holder = space.lease('uat');
    const low = space.lease('uat');
    const high = space.lease('uat', { actor: admin, priority: 5 });
    space.release(holder);
    expect(space.now(high).state).toBe('held');
    expect(space.now(low).state).toBe('waiting');
  });

  test('a higher priority takes over what is set aside, never what is held', () => {
    const space = new Space();
    const holder = space.lease('a');
    const both = space.lease(named('a', 'b'));
    const high = space.lease('b', { actor: admin, priority: 5 });
    expect(space.now(high).state).toBe('held');
    expect(space.now(holder).state).toBe('held');
    space.release(holder);
    expect(space.now(both).state).toBe('waiting');
    space.release(high, admin);
    expect(space.now(both).state).toBe('held');
  });

  test('a later request passes an earlier one where it cannot delay it', () => {
    const space = new Space();
    for (const name of ['db1', 'db2']) space.declare(name, { labels: { kind: 'db' } });
    const db1 = space.lease('db1');
    const waiting = space.lease('db1', { actor: ben });
    expect(space.lease(labelled({ kind: 'db' }), { actor: eve })).toMatchObject({ state: 'held', granted: ['db2'] });
    space.release(db1);
    expect(space.now(waiting).state).toBe('held');
  });

  test('a slot that is set aside is exchanged for an equivalent one so that nobody waits needlessly', () => {
    const space = new Space();
    for (const name of ['db1', 'db2']) space.declare(name, { labels: { kind: 'db' } });
    space.lease('other');
    const pool = space.lease([...labelled({ kind: 'db' }), ...named('other')]);
    expect(pool.state).toBe('waiting');
    const [one, two] = ['db1', 'db2'].map((name) => space.lease(name, { actor: ben }));
    expect([one?.state, two?.state].sort()).toEqual(['held', 'waiting']);
  });
});

describe('being away', () => {
  test('a request is granted only while its client is there', () => {
    const space = new Space();
    const holder = space.lease('uat');
    const waiting = space.lease('uat', { actor: ben });
    space.hangUp(waiting);
    space.release(holder);
    expect(space.now(waiting).state).toBe('waiting');
    expect(space.comeBack(waiting).state).toBe('held');
  });

  test('keeps the place, and what is set aside, until the grace is over', () => {
    const space = new Space({ graceMs: seconds(60) });
    const holder = space.lease('uat');
    const away = space.lease('uat', { actor: ben });
    const next = space.lease('uat', { actor: eve });
    space.hangUp(away);
    space.release(holder);
    space.pass(seconds(60) - 1);
    expect(space.now(next).state).toBe('waiting');
    space.pass(1);
    expect(space.now(away)).toMatchObject({ state: 'timed_out', end: { how: 'absent' } });
    expect(space.now(next).state).toBe('held');
  });

  test('ends with any contact, and the grace begins anew', () => {
    const space = new Space({ graceMs: seconds(60) });
    space.lease('uat', { ttlMs: null });
    const waiting = space.lease('uat', { actor: ben });
    space.hangUp(waiting);
    space.pass(seconds(59));
    space.comeBack(waiting);
    space.hangUp(waiting);
    space.pass(seconds(59));
    expect(space.now(waiting).state).toBe('waiting');
    space.pass(seconds(1));
    expect(space.now(waiting).end?.how).toBe('absent');
  });

  test('costs nothing while the client is on the line, however long it takes', () => {
    const space = new Space({ graceMs: seconds(60) });
    space.lease('uat', { ttlMs: null });
    const waiting = space.lease('uat', { actor: ben });
    space.pass(seconds(100_000));
    expect(space.now(waiting).state).toBe('waiting');
  });
});

describe('giving up', () => {
  test('happens when the time in the queue is over, though the client is there', () => {
    const space = new Space();
    space.lease('uat', { ttlMs: null });
    const waiting = space.lease('uat', { actor: ben, queueMs: seconds(30) });
    space.pass(seconds(30) - 1);
    expect(space.now(waiting).state).toBe('waiting');
    space.pass(1);
    expect(space.now(waiting)).toMatchObject({ state: 'timed_out', end: { how: 'queue_timeout' } });
  });

  test('the time in the queue says nothing about the time of the hold', () => {
    const space = new Space();
    const lease = space.lease('uat', { queueMs: seconds(30), ttlMs: null });
    space.pass(seconds(100));
    expect(space.now(lease).state).toBe('held');
  });

  test('is a release while waiting: it is cancelled, and what was set aside goes to the next', () => {
    const space = new Space();
    const a = space.lease('a');
    const both = space.lease(named('a', 'b'), { actor: ben });
    const b = space.lease('b', { actor: eve });
    space.release(both, ben);
    expect(space.now(both)).toMatchObject({ state: 'cancelled', end: { how: 'cancelled', by: 'ben' } });
    expect(space.now(b).state).toBe('held');
    expect(space.now(a).state).toBe('held');
  });
});

test('the history files a request for labels under the same words, when it queues and when it ends', () => {
  const space = new Space();
  space.declare('db1', { labels: { kind: 'db', site: 'eu' } });
  space.lease('db1');
  const waiting = space.lease(labelled({ site: 'eu', kind: 'db' }), { actor: ben });
  space.release(waiting, ben);
  const told = space.history.filter((event) => event.data.lease === waiting.id);
  expect(told.map(({ kind, subject }) => [kind, subject])).toEqual([
    ['lease.queued', 'kind=db,site=eu'],
    ['lease.cancelled', 'kind=db,site=eu'],
  ]);
});
