// Taking a lease away, and stealing it (semantics: 4).

import { describe, expect, test } from 'vitest';
import { actor, admin, ann, ben, done, named, refusal, Space, seconds } from './harness.ts';

describe('a revocation', () => {
  test('refuses renewals at once, and lets the next in when the last ttl has ended', () => {
    const space = new Space();
    const lease = space.lease('uat', { ttlMs: seconds(60) });
    const next = space.lease('uat', { actor: ben });
    space.pass(seconds(20));
    const { mayStillWork } = done(space.revoke(lease, { reason: 'hotfix' }));
    expect(mayStillWork).toBe(false);
    expect(space.now(lease)).toMatchObject({ state: 'held', revoking: { by: 'admin', reason: 'hotfix' } });
    const outcome = space.renew(lease);
    expect(outcome).toMatchObject({ ok: false, code: 'lease_revoked' });
    expect(outcome.ok ? '' : outcome.message).toContain('admin is taking this lease away: hotfix');
    space.pass(seconds(40) - 1);
    expect(space.now(next).state).toBe('waiting');
    space.pass(1);
    expect(space.now(lease)).toMatchObject({
      state: 'revoked',
      end: { how: 'revoked', by: 'admin', reason: 'hotfix' },
    });
    expect(space.now(next).state).toBe('held');
  });

  test('passes the slot on when the holder releases', () => {
    const space = new Space();
    const lease = space.lease('uat');
    const next = space.lease('uat', { actor: ben });
    space.revoke(lease);
    expect(done(space.release(lease)).state).toBe('released');
    expect(space.now(next).state).toBe('held');
  });

  test('passes it on at once with now, and says that the old holder may still be working', () => {
    const space = new Space();
    const lease = space.lease('uat');
    const next = space.lease('uat', { actor: ben });
    expect(done(space.revoke(lease, { now: true })).mayStillWork).toBe(true);
    expect(space.now(lease).state).toBe('revoked');
    expect(space.now(next).state).toBe('held');
    expect(space.now(next).fence).toBeGreaterThan(lease.fence ?? Number.POSITIVE_INFINITY);
  });

  test('passes it on at once where there is no ttl that could end', () => {
    const space = new Space();
    const lease = space.lease('uat', { ttlMs: null });
    expect(done(space.revoke(lease)).mayStillWork).toBe(true);
    expect(space.now(lease).state).toBe('revoked');
  });

  test('of a waiting request sends it away', () => {
    const space = new Space();
    space.lease('uat');
    const waiting = space.lease('uat', { actor: ben });
    expect(done(space.revoke(waiting)).mayStillWork).toBe(false);
    expect(space.now(waiting)).toMatchObject({ state: 'cancelled', end: { how: 'revoked', by: 'admin' } });
  });

  test('needs force, a reason, and a lease that has not ended', () => {
    const space = new Space();
    const lease = space.lease('uat');
    expect(refusal(space.revoke(lease, { actor: ann }))).toBe('forbidden');
    expect(refusal(space.revoke(lease, { actor: actor('ops', ['force:prod']) }))).toBe('forbidden');
    expect(refusal(space.revoke(lease, { reason: '  ' }))).toBe('reason_required');
    expect(space.now(lease).revoking).toBeNull();
    space.release(lease);
    expect(refusal(space.revoke(lease))).toBe('lease_ended');
  });
});

describe('a theft', () => {
  test('puts the thief before everybody who waits', () => {
    const space = new Space();
    const lease = space.lease('uat', { ttlMs: seconds(60) });
    const first = space.lease('uat', { actor: admin, priority: 50 });
    const { stolen } = done(space.revoke(lease, { steal: space.thief() }));
    expect(stolen?.lease.state).toBe('waiting');
    space.pass(seconds(60));
    expect(space.now(lease).end?.how).toBe('stolen');
    expect(space.now(stolen?.lease ?? '')).toMatchObject({ state: 'held', granted: ['uat'] });
    expect(space.now(first).state).toBe('waiting');
  });

  test('is over at once with now, in the same change, whether the thief waits or not', () => {
    for (const polling of [true, false]) {
      const space = new Space();
      const lease = space.lease(named('a', 'b'));
      const { stolen } = done(space.revoke(lease, { now: true, steal: space.thief({ polling }) }));
      expect(stolen?.lease).toMatchObject({ state: 'held', granted: ['a', 'b'] });
      expect(space.now(lease)).toMatchObject({ state: 'revoked', end: { how: 'stolen' } });
    }
  });

  test('does not happen when the thief may not ask for it', () => {
    const space = new Space();
    const lease = space.lease('uat');
    const thief = space.thief({ actor: actor('reader', ['read']) });
    expect(refusal(space.revoke(lease, { now: true, steal: thief }))).toBe('forbidden');
    expect(space.now(lease)).toEqual(lease);
    expect(space.state.waiting.size).toBe(0);
  });

  test('waits like any other request when the environment is frozen', () => {
    const space = new Space();
    const lease = space.lease('uat');
    space.declare('uat', { state: 'frozen', reason: 'release' });
    const { stolen } = done(space.revoke(lease, { now: true, steal: space.thief() }));
    expect(stolen?.lease.state).toBe('waiting');
    space.declare('uat', { state: 'open' });
    expect(space.now(stolen?.lease ?? '').state).toBe('held');
  });
});
