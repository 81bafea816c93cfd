// Held: who may renew and release, when it ends, and what a late client is told (semantics: 3).

import { describe, expect, test } from 'vitest';
import { expire } from '../../src/core/lease/end.ts';
import { grantArrived, grantNotSent } from '../../src/core/lease/hold.ts';
import { actor, admin, ben, done, refusal, Space, seconds } from './harness.ts';

describe('the ttl', () => {
  test('ends a lease that is not renewed, and the next is let in', () => {
    const space = new Space();
    const lease = space.lease('uat', { ttlMs: seconds(60) });
    const next = space.lease('uat', { actor: ben });
    space.pass(seconds(60) - 1);
    expect(space.now(lease).state).toBe('held');
    space.pass(1);
    expect(space.now(lease)).toMatchObject({ state: 'expired', end: { how: 'expired' } });
    expect(space.now(next).state).toBe('held');
  });

  test('counts from the last renewal (L5)', () => {
    const space = new Space();
    const lease = space.lease('uat', { ttlMs: seconds(60) });
    for (let i = 0; i < 5; i++) {
      space.pass(seconds(59));
      expect(refusal(space.renew(lease))).toBe('accepted');
    }
    space.pass(seconds(59));
    expect(space.now(lease).state).toBe('held');
    space.pass(seconds(1));
    expect(space.now(lease).state).toBe('expired');
  });

  test('an expiry that names an older renewal is void', () => {
    const space = new Space();
    const lease = space.lease('uat', { ttlMs: seconds(60) });
    space.pass(seconds(30));
    const renewed = done(space.renew(lease));
    expect(space.turn((turn) => expire(turn, lease.id, lease.renewal))).toBeNull();
    space.tick += seconds(60);
    expect(space.turn((turn) => expire(turn, lease.id, lease.renewal))).toBeNull();
    expect(space.turn((turn) => expire(turn, lease.id, renewed.renewal))?.state).toBe('expired');
  });

  test('is not needed: without one a lease is held until it is released', () => {
    const space = new Space();
    const lease = space.lease('uat', { ttlMs: null });
    space.pass(seconds(1_000_000));
    expect(space.now(lease).state).toBe('held');
    expect(refusal(space.renew(lease))).toBe('accepted');
  });

  test('the longest hold is a hard end, whatever is renewed', () => {
    const space = new Space();
    const lease = space.lease('uat', { ttlMs: seconds(60), maxHoldMs: seconds(100) });
    space.pass(seconds(50));
    space.renew(lease);
    space.pass(seconds(49));
    expect(space.now(lease).state).toBe('held');
    space.pass(seconds(1));
    expect(space.now(lease)).toMatchObject({ state: 'expired', end: { how: 'max_hold' } });
  });
});

describe('whose it is', () => {
  test('others neither renew nor release it, and nothing changes (L3)', () => {
    const space = new Space();
    const lease = space.lease('uat');
    for (const act of [space.renew(lease, ben), space.release(lease, ben)]) {
      expect(refusal(act)).toBe('not_yours');
      expect(space.changes).toEqual([]);
    }
    expect(space.now(lease)).toEqual(lease);
  });

  test('whoever shows its secret has the right of its holder', () => {
    const space = new Space();
    const lease = space.lease('uat');
    expect(refusal(space.renew(lease, { ...ben, showsSecretOf: 'ls_another' }))).toBe('not_yours');
    expect(refusal(space.renew(lease, { ...ben, showsSecretOf: lease.id }))).toBe('accepted');
    expect(refusal(space.release(lease, { ...ben, showsSecretOf: lease.id }))).toBe('accepted');
  });

  test('force for all of its environments is enough, force for some is not', () => {
    const space = new Space();
    const lease = space.lease([{ environment: 'uat1' }, { environment: 'prod' }]);
    expect(refusal(space.release(lease, actor('ops', ['force:uat*'])))).toBe('not_yours');
    expect(refusal(space.release(lease, actor('ops', ['force:uat*', 'force:prod'])))).toBe('accepted');
  });
});

describe('too late', () => {
  test('a release is answered again as it was the first time', () => {
    const space = new Space();
    const lease = space.lease('uat');
    const first = done(space.release(lease));
    expect(done(space.release(lease))).toEqual(first);
    expect(space.changes).toEqual([]);
  });

  test('a release does not touch the successor (L3)', () => {
    const space = new Space();
    const lease = space.lease('uat', { ttlMs: seconds(60) });
    const next = space.lease('uat', { actor: ben, ttlMs: null });
    space.pass(seconds(60));
    expect(space.release(lease)).toMatchObject({ ok: false, code: 'lease_ended' });
    expect(space.renew(lease)).toMatchObject({ ok: false, code: 'lease_ended' });
    expect(space.now(next).state).toBe('held');
  });

  test('the answer says how it ended, by whom and why', () => {
    const space = new Space();
    const lease = space.lease('uat');
    space.revoke(lease, { now: true, reason: 'fire drill' });
    const outcome = space.renew(lease);
    expect(outcome.ok ? '' : outcome.message).toContain('revoked by admin: fire drill');
  });

  test('a renewal while it still waits is told so', () => {
    const space = new Space();
    space.lease('uat');
    const waiting = space.lease('uat', { actor: ben });
    expect(refusal(space.renew(waiting, ben))).toBe('not_held');
  });

  test('a lease that never was is unknown', () => {
    const space = new Space();
    expect(refusal(space.renew({ ...space.lease('uat'), id: 'ls_none' }))).toBe('lease_unknown');
  });
});

describe('a grant whose reply could not be written', () => {
  test('ends after the grace, also without a ttl (L9)', () => {
    const space = new Space({ graceMs: seconds(60) });
    const lease = space.lease('uat', { ttlMs: null });
    grantNotSent(space.state, lease.id, space.tick);
    space.pass(seconds(60));
    expect(space.now(lease)).toMatchObject({ state: 'expired', end: { how: 'absent' } });
  });

  test('ends with its ttl where that is sooner', () => {
    const space = new Space({ graceMs: seconds(60) });
    const lease = space.lease('uat', { ttlMs: seconds(10) });
    grantNotSent(space.state, lease.id, space.tick);
    space.pass(seconds(10));
    expect(space.now(lease).end?.how).toBe('expired');
  });

  test.each([
    ['a poll', (space: Space, lease: Parameters<Space['renew']>[0]) => void space.comeBack(lease)],
    ['a renewal', (space: Space, lease: Parameters<Space['renew']>[0]) => void space.renew(lease)],
  ])('stays once its client is heard of by %s', (_, hear) => {
    const space = new Space({ graceMs: seconds(60) });
    const lease = space.lease('uat', { ttlMs: seconds(1_000) });
    grantNotSent(space.state, lease.id, space.tick);
    hear(space, lease);
    space.pass(seconds(100));
    expect(space.now(lease).state).toBe('held');
  });

  test('says nothing where the client is known to have learnt of the grant before', () => {
    const space = new Space({ graceMs: seconds(60) });
    const lease = space.lease('uat', { ttlMs: seconds(1_000) });
    grantArrived(space.state, lease.id);
    grantNotSent(space.state, lease.id, space.tick);
    space.pass(seconds(100));
    expect(space.now(lease).state).toBe('held');
  });
});

test('the history tells of the grant and of the end, with the fence', () => {
  const space = new Space();
  const lease = space.lease('uat');
  space.pass(seconds(7));
  space.release(lease);
  const told = space.history.filter((event) => event.kind.startsWith('lease.'));
  expect(told).toMatchObject([
    {
      kind: 'lease.granted',
      subject: 'uat',
      actor: 'ann',
      data: { lease: lease.id, fence: lease.fence, waitedSeconds: 0 },
    },
    {
      kind: 'lease.released',
      subject: 'uat',
      actor: 'ann',
      data: { lease: lease.id, fence: lease.fence, heldSeconds: 7 },
    },
  ]);
});

test('an administrator may do all that a holder may', () => {
  const space = new Space();
  const lease = space.lease('uat');
  expect(refusal(space.renew(lease, admin))).toBe('accepted');
  expect(refusal(space.release(lease, admin))).toBe('accepted');
});
