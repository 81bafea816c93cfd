// A server stops and another starts on the same store: nothing that was said is forgotten, and its absence costs nobody
// anything (semantics: 2, 3).

import { describe, expect, test } from 'vitest';
import { ben, eve, labelled, named, Space, seconds } from './harness.ts';

describe('after a restart', () => {
  test('a lease has again the time that it had left, however long the server was away (L5)', () => {
    const space = new Space();
    const lease = space.lease('uat', { ttlMs: seconds(60) });
    space.pass(seconds(20));
    space.restart(seconds(100_000));
    space.pass(seconds(40) - 1);
    expect(space.now(lease).state).toBe('held');
    space.pass(1);
    expect(space.now(lease).state).toBe('expired');
  });

  test('a holder has 10 s at least to be heard again, or its ttl where that is shorter', () => {
    for (const [ttl, least] of [
      [seconds(60), seconds(10)],
      [seconds(4), seconds(4)],
    ] as const) {
      const space = new Space();
      const lease = space.lease('uat', { ttlMs: ttl });
      space.pass(ttl - 1);
      space.restart();
      space.pass(least - 1);
      expect(space.now(lease).state).toBe('held');
      space.pass(1);
      expect(space.now(lease).state).toBe('expired');
    }
  });

  test('that is given once for each renewal, so that a crash loop keeps no dead holder', () => {
    const space = new Space();
    const lease = space.lease('uat', { ttlMs: seconds(60) });
    space.pass(seconds(59));
    space.restart();
    space.pass(seconds(9));
    space.restart();
    space.pass(seconds(1));
    expect(space.now(lease).state).toBe('expired');
  });

  test('a renewal makes it due again', () => {
    const space = new Space();
    const lease = space.lease('uat', { ttlMs: seconds(60) });
    space.pass(seconds(59));
    space.restart();
    space.renew(lease);
    space.pass(seconds(59));
    space.restart();
    space.pass(seconds(10) - 1);
    expect(space.now(lease).state).toBe('held');
  });

  test('the queue is as it was, and who comes back is granted what is set aside', () => {
    const space = new Space();
    for (const name of ['db1', 'db2']) space.declare(name, { labels: { kind: 'db' } });
    const holder = space.lease(named('db1', 'db2'));
    const first = space.lease(labelled({ kind: 'db' }), { actor: ben });
    const both = space.lease(labelled({ kind: 'db' }, 2), { actor: eve });
    const last = space.lease('db2', { actor: ben });
    space.restart();
    space.release(holder);
    expect(space.now(first).state).toBe('waiting');
    for (const lease of [last, both, first]) space.comeBack(lease);
    expect(space.now(first).state).toBe('held');
    expect(space.now(both).state).toBe('waiting');
    expect(space.now(last).state).toBe('waiting');
    space.release(first, ben);
    expect(space.now(both).state).toBe('held');
  });

  test('whoever waits has the whole grace again', () => {
    const space = new Space({ graceMs: seconds(60) });
    space.lease('uat', { ttlMs: null });
    const waiting = space.lease('uat', { actor: ben });
    space.hangUp(waiting);
    space.pass(seconds(50));
    space.restart();
    space.pass(seconds(60) - 1);
    expect(space.now(waiting).state).toBe('waiting');
    space.pass(1);
    expect(space.now(waiting).end?.how).toBe('absent');
  });

  test('the time in the queue goes on where it stopped', () => {
    const space = new Space();
    space.lease('uat', { ttlMs: null });
    const waiting = space.lease('uat', { actor: ben, queueMs: seconds(30) });
    space.pass(seconds(20));
    space.restart(seconds(1_000));
    space.comeBack(waiting);
    space.pass(seconds(10));
    expect(space.now(waiting).end?.how).toBe('queue_timeout');
  });

  test('a lease without ttl ends after the grace unless its client is known to have it', () => {
    for (const isKnown of [true, false]) {
      const space = new Space({ graceMs: seconds(60) });
      const lease = space.lease('uat', { ttlMs: null });
      if (isKnown) space.comeBack(lease);
      space.restart();
      space.pass(seconds(60));
      expect(space.now(lease).state).toBe(isKnown ? 'held' : 'expired');
    }
  });

  test('a revocation goes on', () => {
    const space = new Space();
    const lease = space.lease('uat', { ttlMs: seconds(60) });
    space.revoke(lease, { reason: 'hotfix' });
    space.restart();
    expect(space.now(lease).revoking).toMatchObject({ reason: 'hotfix' });
    space.pass(seconds(60));
    expect(space.now(lease).end).toMatchObject({ how: 'revoked', reason: 'hotfix' });
  });
});
