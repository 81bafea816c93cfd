// One idempotency key, one lease, however often it is asked and whatever happens in between (L4).

import { describe, expect, test } from 'vitest';
import { ben, done, hours, refusal, Space, seconds } from './harness.ts';

const once = (key: string, hash = 'body', route = 'POST /v1/leases') => ({ idempotency: { key, hash, route } });

describe('the same key', () => {
  test('makes one lease, and shows it as it is now', () => {
    const space = new Space();
    const first = done(space.ask('uat', once('k')));
    expect(first.replayed).toBe(false);
    space.pass(seconds(10));
    space.renew(first.lease);
    const second = done(space.ask('uat', once('k')));
    expect(second).toMatchObject({ replayed: true, lease: { id: first.lease.id, state: 'held' } });
    expect(second.lease.ttlTick).toBe(seconds(130));
    expect(space.state.leases.size).toBe(1);
    space.release(first.lease);
    expect(done(space.ask('uat', once('k'))).lease).toMatchObject({ id: first.lease.id, state: 'released' });
  });

  test('keeps the place in the queue', () => {
    const space = new Space();
    const holder = space.lease('uat');
    const waiting = space.lease('uat', { actor: ben, ...once('k') });
    const other = space.lease('uat');
    expect(done(space.ask('uat', { actor: ben, ...once('k') })).lease.id).toBe(waiting.id);
    space.release(holder);
    expect(space.now(waiting).state).toBe('held');
    expect(space.now(other).state).toBe('waiting');
  });

  test('survives a restart', () => {
    const space = new Space();
    const lease = space.lease('uat', once('k'));
    space.restart();
    expect(done(space.ask('uat', once('k'))).lease.id).toBe(lease.id);
  });

  test('with another body is refused, and the lease is left alone', () => {
    const space = new Space();
    const lease = space.lease('uat', once('k', 'one'));
    expect(refusal(space.ask('qa', once('k', 'other')))).toBe('idempotency_key_reused');
    expect(space.now(lease)).toEqual(lease);
  });

  test('of another caller, or on another route, is another key', () => {
    const space = new Space();
    const ids = [
      space.lease('a', once('k')).id,
      space.lease('b', { actor: ben, ...once('k') }).id,
      space.lease('c', once('k', 'body', 'POST /other')).id,
    ];
    expect(new Set(ids).size).toBe(3);
  });

  test('no choice of names makes two callers meet', () => {
    const space = new Space();
    const one = space.lease('a', { actor: { ...ben, identity: 'a' }, ...once('k', 'body', 'b c') });
    const two = space.lease('b', { actor: { ...ben, identity: 'a b' }, ...once('k', 'body', 'c') });
    expect(one.id).not.toBe(two.id);
  });

  test('is kept for a day after the end, and is new after that', () => {
    const space = new Space();
    const lease = space.lease('uat', once('k'));
    space.release(lease);
    space.pass(hours(24) - 1);
    space.tidy();
    expect(done(space.ask('uat', once('k'))).lease.id).toBe(lease.id);
    space.pass(1);
    space.tidy();
    expect(done(space.ask('uat', once('k'))).replayed).toBe(false);
  });

  test('is not spent by a refusal', () => {
    const space = new Space();
    const holder = space.lease('uat', { actor: ben });
    expect(refusal(space.ask('uat', { ...once('k'), queueMs: 0 }))).toBe('environment_busy');
    space.release(holder, ben);
    expect(done(space.ask('uat', { ...once('k'), queueMs: 0 }))).toMatchObject({
      replayed: false,
      lease: { state: 'held' },
    });
  });
});
