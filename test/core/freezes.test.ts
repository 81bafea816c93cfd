// Freezes by selector: nothing that carries these labels is granted, now or later (semantics: 4).

import { describe, expect, test } from 'vitest';
import { endFreeze, type Freeze, putFreeze } from '../../src/core/freeze.ts';
import { actor, admin, ann, ben, labelled, refusal, Space, seconds } from './harness.ts';

const freeze = (space: Space, more: Partial<Freeze> = {}, name = 'week', by = admin) =>
  space.turn((turn) =>
    putFreeze(turn, name, { labels: { kind: 'db' }, reason: 'release week', untilAt: null, ...more }, by),
  );
const end = (space: Space, name = 'week', by = admin) => space.turn((turn) => endFreeze(turn, name, by));

function pool(): Space {
  const space = new Space();
  for (const name of ['db1', 'db2']) space.declare(name, { labels: { kind: 'db' } });
  space.declare('web1', { labels: { kind: 'web' } });
  return space;
}

describe('a freeze', () => {
  test('holds up what it matches and nothing else', () => {
    const space = pool();
    freeze(space);
    expect(space.lease('db1').state).toBe('waiting');
    expect(space.lease(labelled({ kind: 'db' })).state).toBe('waiting');
    expect(space.lease('web1').state).toBe('held');
  });

  test('leaves holders alone, and takes back what is set aside', () => {
    const space = pool();
    const holder = space.lease('db1');
    const away = space.lease('db2', { actor: ben, polling: false, queueMs: seconds(1_000) });
    expect(away.state).toBe('held');
    space.release(away, ben);
    const busy = space.lease('web1');
    const both = space.lease([{ environment: 'db2' }, { environment: 'web1' }], { actor: ben });
    expect(space.state.queue.places.get('db2')?.aside.size).toBe(1);
    freeze(space);
    expect(space.state.queue.places.get('db2')?.aside.size).toBe(0);
    expect(space.now(holder).state).toBe('held');
    space.release(busy);
    expect(space.now(both).state).toBe('waiting');
    end(space);
    expect(space.now(both).state).toBe('held');
  });

  test('is over when it is ended, and requests are granted in their order', () => {
    const space = pool();
    freeze(space);
    const first = space.lease('db1');
    const second = space.lease('db1', { actor: ben });
    expect(refusal(end(space))).toBe('accepted');
    expect([first, second].map((lease) => space.now(lease).state)).toEqual(['held', 'waiting']);
  });

  test('is over at its end', () => {
    const space = pool();
    freeze(space, { untilAt: space.at + seconds(60) });
    const waiting = space.lease('db1');
    space.pass(seconds(60));
    space.tidy();
    expect(space.now(waiting).state).toBe('held');
    expect(space.state.freezes.size).toBe(0);
  });

  test('also holds for environments that come later, or that get its labels later', () => {
    const space = pool();
    freeze(space);
    space.declare('db3', { labels: { kind: 'db' } });
    expect(space.lease('db3').state).toBe('waiting');
    space.declare('web1', { labels: { kind: 'db' } });
    expect(space.lease('web1').state).toBe('waiting');
  });

  test('without labels holds for everything, also for what is made at first use', () => {
    const space = pool();
    freeze(space, { labels: {} });
    expect(space.lease('web1').state).toBe('waiting');
    expect(space.lease('new').state).toBe('waiting');
  });

  test('that is changed lets go of what it no longer matches', () => {
    const space = pool();
    freeze(space);
    const waiting = space.lease('db1');
    freeze(space, { labels: { kind: 'web' } });
    expect(space.now(waiting).state).toBe('held');
    expect(space.lease('web1').state).toBe('waiting');
  });

  test('does not open what another freeze still holds', () => {
    const space = pool();
    freeze(space, {}, 'one');
    freeze(space, { labels: {} }, 'two');
    const waiting = space.lease('db1');
    end(space, 'one');
    expect(space.now(waiting).state).toBe('waiting');
    end(space, 'two');
    expect(space.now(waiting).state).toBe('held');
  });

  test('survives a restart', () => {
    const space = pool();
    freeze(space);
    space.restart();
    expect(space.lease('db1').state).toBe('waiting');
  });
});

describe('is refused', () => {
  test.each([
    ['without a reason', { reason: ' ' }, 'reason_required'],
    ['with an end in the past', { untilAt: 0 }, 'invalid_request'],
  ] as const)('%s', (_, more, code) => {
    const space = pool();
    expect(refusal(freeze(space, more))).toBe(code);
    expect(space.state.freezes.size).toBe(0);
  });

  test('without force everywhere', () => {
    const space = pool();
    expect(refusal(freeze(space, {}, 'week', ann))).toBe('forbidden');
    expect(refusal(freeze(space, {}, 'week', actor('ops', ['force:db*'])))).toBe('forbidden');
    expect(refusal(freeze(space, {}, 'week', actor('ops', ['force'])))).toBe('accepted');
    expect(refusal(end(space, 'week', ann))).toBe('forbidden');
  });

  test('beyond the bound; an existing one may still be changed', () => {
    const space = new Space({ maxFreezes: 1 });
    expect(refusal(freeze(space, {}, 'one'))).toBe('accepted');
    expect(refusal(freeze(space, {}, 'two'))).toBe('too_many_freezes');
    expect(refusal(freeze(space, { reason: 'longer' }, 'one'))).toBe('accepted');
  });

  test('to end when there is none of that name', () => {
    expect(refusal(end(pool(), 'none'))).toBe('freeze_unknown');
  });
});
