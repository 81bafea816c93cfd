// Barriers: N parties meet once for each generation, and all of them are told the same (S3).

import { describe, expect, test } from 'vitest';
import { dueVersion, endDue } from '../../src/core/due.ts';
import { dropUnused } from '../../src/core/housekeeping.ts';
import { stateFaults } from '../../src/core/invariants.ts';
import { arrive, barrierId, forgetBarrier } from '../../src/core/meet/barrier.ts';
import { actor, ann, done, hours, refusal, seconds } from './harness.ts';
import { ci, Meeting } from './meeting.ts';

/** A barrier for so many, or for these, in a space of its own. */
function met(parties: number | readonly string[], timeoutMs?: number): Meeting {
  const space = new Meeting();
  done(space.meet(parties, { timeoutMs }));
  return space;
}

describe('declaring', () => {
  test('makes it, with six hours from the first arrival on', () => {
    const space = new Meeting();
    const { barrier, created } = done(space.meet(3));
    expect(created).toBe(true);
    expect(barrier).toMatchObject({ state: 'waiting', count: 3, names: null, arrivals: [], timeoutMs: hours(6) });
    expect(space.history.at(-1)).toMatchObject({ kind: 'barrier.declared', subject: 'deploy', data: { parties: 3 } });
  });

  test('again the same changes nothing, in whatever order the parties are named', () => {
    const space = met(['a', 'b']);
    const { seq } = space.state;
    expect(done(space.meet(['b', 'a']))).toMatchObject({ created: false, barrier: { seq: space.barrier()?.seq } });
    expect(space.state.seq).toBe(seq);
  });

  test('other parties are taken as long as nobody has arrived', () => {
    const space = met(2);
    expect(done(space.meet(['a', 'b', 'c'])).barrier).toMatchObject({ count: 3, names: ['a', 'b', 'c'] });
    space.come('a');
    expect(refusal(space.meet(3))).toBe('barrier_differs');
    expect(refusal(space.meet(['a', 'b', 'd']))).toBe('barrier_differs');
    expect(refusal(space.meet(['a', 'b', 'c']))).toBe('accepted');
    space.come('b', 'c');
    expect(refusal(space.meet(2))).toBe('barrier_differs');
    expect(done(space.meet(['a', 'b', 'c'])).barrier.state).toBe('open');
  });

  test.each([
    ['nobody', 0, 'too_many_parties'],
    ['nobody by name', [], 'too_many_parties'],
    ['1001', 1_001, 'too_many_parties'],
    ['one twice', ['a', 'a'], 'invalid_request'],
    ['a name that is none', ['a', 'b\tc'], 'invalid_name'],
    ['one', 1, 'accepted'],
    ['1000', 1_000, 'accepted'],
    ['odd names', ['__proto__', 'constructor', ' ', '🚦'], 'accepted'],
  ] as const)('for %s is answered', (_, parties, code) => {
    expect(refusal(new Meeting().meet(parties))).toBe(code);
  });

  test('is refused under a name or a generation that is none', () => {
    const space = new Meeting();
    expect(refusal(space.meet(2, { name: 'a\tb' }))).toBe('invalid_name');
    expect(refusal(space.meet(2, { generation: 'a\tb' }))).toBe('invalid_name');
    expect(refusal(space.meet(2, { name: '' }))).toBe('invalid_name');
  });

  test('has a bound, and what is there can be declared again', () => {
    const space = new Meeting({ maxBarriers: 2 });
    space.meet(2);
    space.meet(2, { generation: '1' });
    expect(refusal(space.meet(2, { generation: '2' }))).toBe('too_many_barriers');
    expect(refusal(space.meet(3))).toBe('accepted');
    space.forget('1');
    expect(refusal(space.meet(2, { generation: '2' }))).toBe('accepted');
  });

  test('has a bound on the parties of all, which a barrier that is forgotten gives back', () => {
    const space = new Meeting({ maxParties: 5 });
    space.meet(3);
    space.meet(['a', 'b'], { generation: '1' });
    expect(refusal(space.meet(1, { generation: '2' }))).toBe('too_many_barriers');
    expect(refusal(space.meet(4))).toBe('too_many_barriers');
    expect(refusal(space.meet(2))).toBe('accepted');
    expect(space.state.parties).toBe(4);
    space.forget('1');
    expect(refusal(space.meet(3, { generation: '2' }))).toBe('accepted');
    expect(space.state.parties).toBe(5);
    space.state.parties++;
    expect(stateFaults(space.state, 0, { deadlineMs: Number.POSITIVE_INFINITY })).toEqual([
      'index: the barriers have 5 parties, and 6 are counted',
    ]);
    space.state.parties--;
  });

  test('needs the scope signal for this name, as arriving and cancelling do', () => {
    const space = new Meeting();
    const others = actor('others', ['signal:other*']);
    for (const by of [ann, others]) {
      expect(refusal(space.meet(2, {}, by))).toBe('forbidden');
      expect(refusal(space.comes('a', { by }))).toBe('forbidden');
      expect(refusal(space.cancel('', null, by))).toBe('forbidden');
      expect(refusal(space.forget('', by))).toBe('forbidden');
    }
    expect(refusal(space.meet(2, { name: 'other1' }, others))).toBe('accepted');
  });
});

describe('arriving (S3)', () => {
  test('opens it with the last of them, for whom also the turn of the last is told', () => {
    const space = met(3);
    expect(space.come('a', 'b')).toMatchObject({ state: 'waiting', end: null });
    expect(space.come('c')).toMatchObject({ state: 'open', end: { how: 'opened', by: 'ci', reason: null } });
    expect(space.history.map(({ kind }) => kind).slice(-2)).toEqual(['barrier.arrived', 'barrier.opened']);
  });

  test('again is no second arrival, and writes nothing', () => {
    const space = met(2);
    const once = space.come('a');
    expect(space.come('a', 'a', 'a')).toEqual(once);
    expect(space.history.filter(({ kind }) => kind === 'barrier.arrived')).toHaveLength(1);
    expect(space.come('b').state).toBe('open');
  });

  test('late or again after the end is told the outcome', () => {
    const open = met(['a', 'b']);
    open.come('a', 'b');
    expect(open.come('a').state).toBe('open');
    const broken = met(['a', 'b', 'c']);
    broken.come('a');
    broken.comes('b', { failure: 'no disk' });
    for (const party of ['a', 'b', 'c']) expect(broken.come(party)).toMatchObject({ state: 'broken', arrivals: [{}] });
  });

  test('as one more than was declared is refused, and as somebody new at a broken one is told', () => {
    const space = met(2);
    space.come('a', 'b');
    expect(refusal(space.comes('c'))).toBe('too_many_parties');
    expect(refusal(space.comes('c', { failure: 'late' }))).toBe('too_many_parties');
    const alone = met(1);
    alone.come('a');
    expect(alone.comes('b')).toMatchObject({ message: expect.stringContaining('was declared for 1 party, all') });
    const broken = met(2);
    broken.comes('a', { failure: 'no' });
    expect(broken.come('z').state).toBe('broken');
  });

  test('as somebody who is not expected is refused, with who was meant', () => {
    const space = met(['shard-eu', 'shard-us']);
    const refused = space.comes('shard-ue');
    expect(refused).toMatchObject({ code: 'party_unknown', facts: { nearest: 'shard-eu' } });
    expect(space.comes('something')).toMatchObject({ code: 'party_unknown', facts: { nearest: null } });
    expect(space.comes('something', { failure: 'x' })).toMatchObject({ code: 'party_unknown' });
    expect(space.barrier()?.arrivals).toEqual([]);
  });

  test('where none was declared is refused, with what was meant', () => {
    const space = met(2);
    expect(space.comes('a', { name: 'deplyo' })).toMatchObject({
      ...{ code: 'barrier_unknown', facts: { nearest: 'deploy' } },
    });
    expect(refusal(space.comes('a', { generation: '7' }))).toBe('barrier_unknown');
    expect(refusal(space.comes('a\u0000'))).toBe('invalid_name');
  });

  test('a thousand in one turn: all count, and the last opens it', () => {
    const space = met(1_000);
    const states = space.turn((turn) =>
      Array.from(
        { length: 1_000 },
        (_, i) => done(arrive(turn, { name: 'deploy', generation: '', party: `p${i}`, failure: null }, ci)).state,
      ),
    );
    expect(states.lastIndexOf('waiting')).toBe(998);
    expect(states[999]).toBe('open');
  });
});

describe('a failure', () => {
  test('breaks it for all, and says who failed, why, and who had not come', () => {
    const space = met(['a', 'b', 'c']);
    space.come('a');
    expect(done(space.comes('b', { failure: 'no disk' }))).toMatchObject({
      ...{ state: 'broken', end: { how: 'failed', by: 'ci', reason: 'no disk', party: 'b' } },
    });
    expect(space.history.at(-1)).toMatchObject({
      kind: 'barrier.broken',
      data: { how: 'failed', party: 'b', missing: 'c' },
    });
  });

  test('may come from one that had arrived, and needs a reason', () => {
    const space = met(2);
    space.come('a');
    expect(refusal(space.comes('a', { failure: ' ' }))).toBe('reason_required');
    expect(done(space.comes('a', { failure: 'crashed' })).state).toBe('broken');
  });

  test('after the opening changes nothing (S3)', () => {
    const space = met(2);
    space.come('a', 'b');
    expect(done(space.comes('a', { failure: 'too late' })).state).toBe('open');
    expect(done(space.cancel()).state).toBe('open');
  });
});

describe('the timeout', () => {
  test('counts from the first arrival, and not from the declaration or a later one', () => {
    const space = met(3, seconds(60));
    space.pass(hours(5));
    space.come('a');
    space.pass(seconds(59));
    space.come('b');
    space.pass(seconds(1) - 1);
    expect(space.barrier()?.state).toBe('waiting');
    space.pass(1);
    expect(space.barrier()).toMatchObject({
      ...{
        state: 'broken',
        end: { how: 'timed_out', by: 'signalbox', reason: 'not everybody came within 60 seconds' },
      },
    });
    expect(space.come('c').state).toBe('broken');
  });

  test('is changed by a later declaration, either way, also after arrivals', () => {
    const space = met(2, seconds(60));
    space.come('a');
    space.pass(seconds(30));
    space.meet(2, { timeoutMs: seconds(40) });
    space.pass(seconds(10) - 1);
    expect(space.barrier()?.state).toBe('waiting');
    space.meet(2, { timeoutMs: seconds(100) });
    space.pass(seconds(60));
    expect(space.barrier()?.state).toBe('waiting');
    space.meet(2);
    space.pass(1);
    expect(space.barrier()?.end?.how).toBe('timed_out');
  });

  test('means nothing to one that has opened, nor when it names what was before a change', () => {
    const space = met(2, seconds(60));
    space.come('a');
    const before = dueVersion(space.state, 'barrier deploy');
    space.meet(2, { timeoutMs: seconds(61) });
    space.tick += seconds(62);
    space.turn((turn) => endDue(turn, 'barrier deploy', before));
    expect(space.barrier()?.state).toBe('waiting');
    space.come('b');
    space.turn((turn) => endDue(turn, 'barrier deploy', dueVersion(space.state, 'barrier deploy')));
    expect(space.barrier()?.state).toBe('open');
  });

  test('stands still while no server runs; arrivals stay (S3)', () => {
    const space = met(2, seconds(60));
    space.come('a');
    space.pass(seconds(20));
    space.restart(hours(3));
    expect(space.barrier()?.arrivals).toHaveLength(1);
    space.pass(seconds(40) - 1);
    expect(space.come('a').state).toBe('waiting');
    expect(space.come('b').state).toBe('open');
    space.restart();
    expect(space.come('a').state).toBe('open');
  });
});

describe('cancelling and forgetting', () => {
  test('cancelling breaks it for everyone, and stays so', () => {
    const space = met(['a', 'b']);
    space.come('a');
    expect(done(space.cancel('', 'not today'))).toMatchObject({
      ...{ state: 'broken', end: { how: 'cancelled', by: 'ci', reason: 'not today' } },
    });
    expect(space.come('b').state).toBe('broken');
    expect(refusal(new Meeting().cancel())).toBe('barrier_unknown');
  });

  test('forgetting breaks it first where it still waits, and makes room for a new one', () => {
    const space = met(2);
    space.come('a');
    expect(done(space.forget()).state).toBe('broken');
    expect(space.history.map(({ kind }) => kind).slice(-2)).toEqual(['barrier.broken', 'barrier.forgotten']);
    expect(refusal(space.comes('a'))).toBe('barrier_unknown');
    expect(done(space.meet(3)).created).toBe(true);
    expect(space.barrier()).toMatchObject({ state: 'waiting', arrivals: [], firstTick: null });
  });

  test('forgetting one that is open shows it open, and breaks nothing', () => {
    const space = met(1);
    space.come('a');
    expect(done(space.forget()).state).toBe('open');
    expect(space.history.some(({ kind }) => kind === 'barrier.broken')).toBe(false);
  });

  test('all of it in one turn', () => {
    const space = met(2);
    space.turn((turn) => {
      arrive(turn, { name: 'deploy', generation: '', party: 'a', failure: null }, ci);
      arrive(turn, { name: 'deploy', generation: '', party: 'b', failure: null }, ci);
      forgetBarrier(turn, { name: 'deploy', generation: '', reason: null }, ci);
    });
    expect(space.state.barriers.size).toBe(0);
  });
});

describe('generations', () => {
  test('are apart, and open or break once each', () => {
    const space = met(2);
    space.meet(2, { generation: '7' });
    space.come('a', 'b');
    space.comes('a', { generation: '7' });
    expect([space.barrier()?.state, space.barrier('7')?.state]).toEqual(['open', 'waiting']);
    space.cancel('7');
    expect([space.barrier()?.state, space.barrier('7')?.state]).toEqual(['open', 'broken']);
    space.forget();
    expect(space.barrier('7')?.state).toBe('broken');
  });

  test('no name and generation together are another name alone', () => {
    expect(barrierId('a', 'b')).not.toBe(barrierId('a b', ''));
    const space = new Meeting();
    // What separates them is in no name, so nobody can write the one as the other.
    expect(refusal(space.meet(2, { name: barrierId('a', 'b'), generation: '' }))).toBe('invalid_name');
    space.meet(1, { name: 'a', generation: 'b c' });
    space.meet(1, { name: 'a b', generation: 'c' });
    expect(space.state.barriers.size).toBe(2);
  });
});

describe('what is kept', () => {
  const drop = (space: Meeting) => space.turn((turn) => dropUnused(turn));
  const retention = new Meeting().settings.retentionMs;

  test('an outcome as long as an ended lease, then its name is free', () => {
    const space = met(1);
    space.come('a');
    space.pass(retention - 1);
    drop(space);
    expect(space.barrier()?.state).toBe('open');
    space.pass(1);
    drop(space);
    expect(space.barrier()).toBeUndefined();
    expect(space.history.at(-1)).toMatchObject({ kind: 'barrier.forgotten', actor: 'signalbox' });
  });

  test('one that nobody came to goes as well, and one that waits does not', () => {
    const space = met(2, hours(1_000));
    space.meet(2, { generation: '7', timeoutMs: hours(1_000) });
    space.come('a');
    space.pass(retention);
    drop(space);
    expect(space.barrier()?.state).toBe('waiting');
    expect(space.barrier('7')).toBeUndefined();
  });

  test('a thousand at most go in one pass', () => {
    const space = new Meeting();
    for (let i = 0; i < 1_001; i++) space.state.apply({ kind: 'barrier', id: `b${i}`, seq: i + 1, row: row(`b${i}`) });
    space.pass(retention);
    drop(space);
    expect(space.state.barriers.size).toBe(1);
    drop(space);
    expect(space.state.barriers.size).toBe(0);
  });

  const row = (name: string) => ({ ...done(new Meeting().meet(1)).barrier, name });
});
