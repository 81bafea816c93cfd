// Signals: set, replaced, failed, cleared, expired, and their bounds (semantics: signals, barriers, waits).

import { describe, expect, test } from 'vitest';
import { dueVersion, endDue } from '../../src/core/due.ts';
import { clearSignal, maxPayloadBytes, setSignal } from '../../src/core/meet/signal.ts';
import { defaultSettings } from '../../src/core/state.ts';
import { actor, ann, done, hours, refusal, seconds } from './harness.ts';
import { ci, Meeting, setting } from './meeting.ts';

const week = hours(7 * 24);
/** JSON that takes so many bytes: a string and its two quotes. */
const ofBytes = (bytes: number): string => 'x'.repeat(bytes - 2);

describe('setting', () => {
  test('makes it, with payload, holder and seven days to live', () => {
    const space = new Meeting();
    const holder = { name: 'build 7', url: 'https://ci/7', ref: 'main' };
    const { signal, created } = done(space.set('migrated', { data: { rows: [1, 'ü'] }, holder }));
    expect(created).toBe(true);
    expect(signal).toMatchObject({ name: 'migrated', data: { rows: [1, 'ü'] }, failure: null, by: 'ci', holder });
    expect(signal).toMatchObject({ bytes: 17, ttlMs: week, ttlTick: space.tick + week });
    space.pass(week - 1);
    expect(space.state.signals.has('migrated')).toBe(true);
    space.pass(1);
    expect(space.state.signals.has('migrated')).toBe(false);
    expect(space.history.at(-1)).toMatchObject({ kind: 'signal.expired', actor: 'signalbox', data: { setBy: 'ci' } });
  });

  test('again replaces the value, and the ttl begins anew', () => {
    const space = new Meeting();
    space.set('migrated', { data: 1, ttlMs: seconds(10) });
    space.pass(seconds(9));
    expect(done(space.set('migrated', { data: 2, ttlMs: seconds(10) }))).toMatchObject({
      ...{ created: false, signal: { data: 2, ttlTick: seconds(19) } },
    });
    space.pass(seconds(9));
    expect(space.state.signals.get('migrated')?.data).toBe(2);
    space.pass(seconds(1));
    expect(space.state.signals.size).toBe(0);
  });

  test('again as failed replaces the value, and a value the failure', () => {
    const space = new Meeting();
    space.set('migrated', { data: 1 });
    space.set('migrated', { failure: { reason: 'no disk' } });
    expect(space.state.signals.get('migrated')).toMatchObject({ data: null, bytes: 0, failure: { reason: 'no disk' } });
    space.set('migrated');
    expect(space.state.signals.get('migrated')).toMatchObject({ data: null, failure: null });
    expect(space.history.map(({ kind }) => kind)).toEqual(['signal.set', 'signal.failed', 'signal.set']);
  });

  test('without an end it stays until it is cleared, over restarts', () => {
    const space = new Meeting();
    space.set('migrated', { ttlMs: null, data: 'x' });
    space.pass(100 * week);
    space.restart(hours(1));
    space.pass(100 * week);
    expect(space.state.signals.get('migrated')?.data).toBe('x');
    expect(space.state.signalBytes).toBe(3);
  });

  test('the ttl stands still while no server runs', () => {
    const space = new Meeting();
    space.set('migrated', { ttlMs: seconds(10) });
    space.pass(seconds(4));
    space.restart(hours(5));
    space.pass(seconds(6) - 1);
    expect(space.state.signals.has('migrated')).toBe(true);
    space.pass(1);
    expect(space.state.signals.has('migrated')).toBe(false);
  });

  test('a failure needs a reason', () => {
    const space = new Meeting();
    for (const reason of ['', '  \n'])
      expect(refusal(space.set('migrated', { failure: { reason } }))).toBe('reason_required');
    expect(space.state.signals.size).toBe(0);
  });

  test('an expiry that means an earlier set changes nothing, nor does one before its time', () => {
    const space = new Meeting();
    space.set('migrated', { ttlMs: seconds(10) });
    const before = dueVersion(space.state, 'signal migrated');
    space.set('migrated', { ttlMs: seconds(10) });
    space.tick += seconds(11);
    space.turn((turn) => endDue(turn, 'signal migrated', before));
    expect(space.state.signals.has('migrated')).toBe(true);
    const now = dueVersion(space.state, 'signal migrated');
    space.tick -= seconds(2);
    space.turn((turn) => endDue(turn, 'signal migrated', now));
    expect(space.state.signals.has('migrated')).toBe(true);
    space.tick += seconds(2);
    space.turn((turn) => endDue(turn, 'signal migrated', now));
    expect(space.state.signals.has('migrated')).toBe(false);
  });

  test('what is taken back leaves no bytes behind', () => {
    const space = new Meeting();
    space.set('a', { data: 'xx' });
    space.turn((turn) => {
      const mark = turn.mark();
      setSignal(turn, 'a', setting({ data: 'xxxx' }), ci);
      setSignal(turn, 'b', setting({ data: 'x' }), ci);
      clearSignal(turn, 'a', ci);
      turn.rollback(mark);
    });
    expect([space.state.signalBytes, space.state.signals.get('a')?.data, space.state.signals.size]).toEqual([
      4,
      'xx',
      1,
    ]);
  });
});

describe('clearing', () => {
  test('takes it away, and says whether it was set', () => {
    const space = new Meeting();
    space.set('migrated', { data: 'x' });
    expect(done(space.clear('migrated'))).toEqual({ wasSet: true });
    expect(done(space.clear('migrated'))).toEqual({ wasSet: false });
    expect(space.history.filter(({ kind }) => kind === 'signal.cleared')).toHaveLength(1);
    expect([space.state.signals.size, space.state.signalBytes]).toEqual([0, 0]);
  });

  test('and setting anew makes it anew', () => {
    const space = new Meeting();
    space.set('migrated');
    space.clear('migrated');
    expect(done(space.set('migrated')).created).toBe(true);
  });
});

describe('bounds', () => {
  test('a payload has 64 KiB of JSON at most, counted in bytes', () => {
    const space = new Meeting();
    expect(refusal(space.set('a', { data: ofBytes(maxPayloadBytes) }))).toBe('accepted');
    expect(space.state.signals.get('a')?.bytes).toBe(64 * 1024);
    expect(refusal(space.set('a', { data: ofBytes(maxPayloadBytes + 1) }))).toBe('payload_too_large');
    // Two bytes each.
    expect(refusal(space.set('a', { data: 'ü'.repeat(maxPayloadBytes / 2) }))).toBe('payload_too_large');
    expect(refusal(space.set('a', { data: '\ud800'.repeat(maxPayloadBytes / 6 + 1) }))).toBe('payload_too_large');
    expect(space.state.signals.get('a')?.bytes).toBe(64 * 1024);
  });

  test('a payload is nested 64 deep at most, and one that is far deeper is refused as well', () => {
    const nested = (depth: number): unknown => {
      let value: unknown = 1;
      for (let i = 0; i < depth; i++) value = i % 2 ? [value] : { value };
      return value;
    };
    const space = new Meeting();
    expect(refusal(space.set('a', { data: nested(64) }))).toBe('accepted');
    expect(refusal(space.set('a', { data: nested(65) }))).toBe('invalid_request');
    expect(refusal(space.set('a', { data: nested(20_000) }))).toBe('invalid_request');
  });

  test('there are only so many, and one that is there can always be replaced', () => {
    const space = new Meeting({ maxSignals: 2 });
    space.set('a');
    space.set('b');
    expect(refusal(space.set('c'))).toBe('too_many_signals');
    expect(refusal(space.set('b', { data: 1 }))).toBe('accepted');
    space.clear('a');
    expect(refusal(space.set('c'))).toBe('accepted');
  });

  test('all payloads together have a bound, which counts what is replaced once', () => {
    const space = new Meeting({ maxSignalBytes: 100 });
    space.set('a', { data: ofBytes(60) });
    expect(refusal(space.set('b', { data: ofBytes(41) }))).toBe('too_many_signals');
    expect(refusal(space.set('b', { data: ofBytes(40) }))).toBe('accepted');
    expect(refusal(space.set('a', { data: ofBytes(61) }))).toBe('too_many_signals');
    expect(refusal(space.set('a', { data: ofBytes(60) }))).toBe('accepted');
    expect(refusal(space.set('c'))).toBe('accepted');
    space.set('a', { failure: { reason: 'no' } });
    expect(space.state.signalBytes).toBe(40);
    space.pass(defaultSettings.retentionMs * 8);
    expect(space.state.signalBytes).toBe(0);
  });
});

describe('who may', () => {
  test('needs the scope signal, for this name', () => {
    const space = new Meeting();
    expect(refusal(space.set('db/ready', {}, ann))).toBe('forbidden');
    const some = actor('some', ['signal:db/*']);
    expect(refusal(space.set('db/ready', {}, some))).toBe('accepted');
    expect(refusal(space.set('web/ready', {}, some))).toBe('forbidden');
    expect(refusal(space.clear('web/ready', some))).toBe('forbidden');
    expect(refusal(space.clear('db/ready', ann))).toBe('forbidden');
    expect(space.state.signals.has('db/ready')).toBe(true);
  });
});

describe('names', () => {
  test.each([
    '__proto__',
    'constructor',
    'a b',
    ' ',
    'signal:x',
    'a\\b',
    '<b>',
    '🚦',
    'ü'.repeat(200),
    'a/../b',
    '%00',
  ])('may be odd: %j', (name) => {
    const space = new Meeting();
    space.set(name, { data: name, ttlMs: seconds(1) });
    space.set('another');
    expect(space.state.signals.get(name)?.data).toBe(name);
    space.restart();
    space.pass(seconds(2));
    expect([...space.state.signals.keys()]).toEqual(['another']);
  });

  test.each(['', 'a\tb', 'a\nb', '\u0000', '\u0085', 'x'.repeat(201), '\ud83d'])('are refused: %j', (name) => {
    const space = new Meeting();
    expect(refusal(space.set(name))).toBe('invalid_name');
    expect(refusal(space.clear(name))).toBe('invalid_name');
  });
});

test('the history says who set it and how large it was, and never what it carries', () => {
  const space = new Meeting();
  space.set('migrated', { data: 'canary', ttlMs: null, holder: { name: 'build 7', url: null, ref: null } });
  expect(space.history[0]).toMatchObject({
    ...{ kind: 'signal.set', subject: 'migrated', actor: 'ci' },
    data: { bytes: 8, ttlSeconds: null, holder: 'build 7' },
  });
  space.set('migrated', { data: 'canary', failure: { reason: 'no disk' } });
  space.clear('migrated');
  expect(JSON.stringify(space.history)).not.toContain('canary');
});
