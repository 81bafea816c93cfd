// Waits over a real replica on a log in memory, or on one that is slow, in virtual time: what was so before a wait began is
// seen, and so is what becomes so afterwards (S1); each wait is answered once (S2), and nothing of it is left behind.

import { describe, expect, test } from 'vitest';
import type { Actor } from '../../src/core/access.ts';
import { acquire } from '../../src/core/lease/acquire.ts';
import { release } from '../../src/core/lease/end.ts';
import { arrive, putBarrier } from '../../src/core/meet/barrier.ts';
import { clearSignal, setSignal } from '../../src/core/meet/signal.ts';
import type { Awaited, Standing } from '../../src/core/meet/waiting.ts';
import { defaultSettings } from '../../src/core/state.ts';
import type { Turn } from '../../src/core/turn.ts';
import type { Log } from '../../src/log/log.ts';
import { MemoryLog } from '../../src/log/memory.ts';
import { Replica } from '../../src/replica/replica.ts';
import { type Condition, type WaitAsk, type WaitEnd, Waits } from '../../src/replica/waits.ts';
import { Disk, FaultyLog, type LogFaults, noLogFaults } from '../simulation/faulty-log.ts';
import { Random } from '../simulation/random.ts';
import { microtasksDone, Timeline, VirtualClock } from '../simulation/virtual-clock.ts';

const ci: Actor = { identity: 'ci', name: 'ci', grants: [{ scope: 'admin', globs: null }], maxPriority: 0 };
const nobody = { name: null, url: null, ref: null };

const on = (awaited: Awaited): Condition => ({
  text: `${awaited.kind}:${'name' in awaited ? awaited.name : awaited.id}`,
  awaited,
});
const signal = (name: string): Condition => on({ kind: 'signal', name });
const barrier = (name: string, generation = ''): Condition => on({ kind: 'barrier', name, generation });
const env = (name: string): Condition => on({ kind: 'env', name });
const met: Standing = { state: 'met', detail: 'ready', by: null, row: null };
const pending: Standing = { ...met, state: 'pending', detail: 'refused' };
const failed: Standing = { ...met, state: 'failed', detail: 'wrong password' };

const set =
  (name: string, data: unknown = null) =>
  (turn: Turn) =>
    setSignal(turn, name, { data, failure: null, ttlMs: null, holder: nobody }, ci);
const fail = (name: string) => (turn: Turn) =>
  setSignal(turn, name, { data: null, failure: { reason: 'no disk' }, ttlMs: null, holder: nobody }, ci);
const clear = (name: string) => (turn: Turn) => clearSignal(turn, name, ci);
const declare = (count: number) => (turn: Turn) =>
  putBarrier(turn, { name: 'deploy', generation: '', count, names: null, timeoutMs: 60_000 }, ci);
const comes = (party: string) => (turn: Turn) =>
  arrive(turn, { name: 'deploy', generation: '', party, failure: null }, ci);
const lease = (id: string) => (turn: Turn) =>
  acquire(turn, {
    ...{ id, actor: ci, wants: [{ environment: 'uat' }], holder: nobody, reason: null, priority: 0, ttlMs: null },
    ...{ queueMs: undefined, maxHoldMs: undefined, polling: true, idempotency: null, via: 'v1' as const },
  });

/** A wait that was begun, and how it ended as far as it has. */
interface Begun {
  readonly answers: (WaitEnd | string)[];
  readonly hangUp: () => void;
}

/** Something outside: how often it was asked and stopped, and a way to tell how it stands. */
class Outside {
  begun = 0;
  stopped = 0;
  tell: (standing: Standing) => void = () => undefined;
  readonly atOnce: Standing | null;

  constructor(atOnce: Standing | null = null) {
    this.atOnce = atOnce;
  }

  get condition(): Condition {
    return {
      text: 'tcp:db:5432',
      outside: 'tcp:db:5432',
      watch: (tell) => {
        this.begun++;
        this.tell = tell;
        if (this.atOnce !== null) tell(this.atOnce);
        return () => {
          this.stopped++;
        };
      },
    };
  }
}

class Server {
  readonly timeline = new Timeline(new Random(1));
  readonly clock = new VirtualClock(this.timeline);
  faults: LogFaults = noLogFaults;
  waits!: Waits;
  replica!: Replica;

  static async open({ slow = false, maxConditions = 100 } = {}): Promise<Server> {
    const server = new Server();
    const log: Log = slow
      ? new FaultyLog(new Disk(), server.clock, server.timeline, () => server.faults)
      : new MemoryLog();
    const opening = Replica.open({
      ...{ log, clock: server.clock, historyMs: 1e9, startFacts: {}, settings: defaultSettings },
      ids: { lease: () => 'unused', turn: () => 'turn' },
    });
    // A log in memory answers without any time passing, but not at once.
    await microtasksDone();
    await server.pass(100);
    server.replica = await opening;
    server.waits = new Waits(server.replica, server.clock, maxConditions);
    return server;
  }

  async pass(milliseconds: number): Promise<void> {
    await this.timeline.run(milliseconds);
  }

  /** One turn with all of these in it, durable when it returns, unless the log is slow. */
  async turn(...commands: ((turn: Turn) => { ok: boolean })[]): Promise<void> {
    for (const command of commands)
      void this.replica.decide(command).then(
        (outcome) => expect(outcome.ok).toBe(true),
        () => undefined,
      );
    await this.pass(10);
  }

  wait(conditions: readonly Condition[], more: Partial<WaitAsk> = {}): Begun {
    const gone = new AbortController();
    const answers: (WaitEnd | string)[] = [];
    this.waits
      .wait({
        ...{
          mode: 'all',
          conditions,
          by: 'ci',
          identity: 'key:ci',
          holder: nobody,
          milliseconds: 1_000,
          signal: gone.signal,
          ...more,
        },
      })
      .then(
        (end) => answers.push('ok' in end ? end.code : end),
        (error: Error) => answers.push(error.message),
      );
    return { answers, hangUp: () => gone.abort() };
  }

  /** Nothing is left of any wait. */
  isIdle(): void {
    const { waits } = this;
    expect([waits.count, [...waits.list()].length, [...waits.signalsAwaited()].length]).toEqual([0, 0, 0]);
    for (const awaited of [signal('a'), signal('b'), barrier('deploy'), env('uat')])
      expect('awaited' in awaited && waits.waitersOf(awaited.awaited)).toBe(0);
  }
}

/** The outcomes that a wait was answered with: one, if all is well. */
const outcomes = ({ answers }: Begun): string[] =>
  answers.map((answer) => (typeof answer === 'string' ? answer : answer.outcome));
const only = ({ answers }: Begun): WaitEnd => {
  expect(answers).toHaveLength(1);
  return answers[0] as WaitEnd;
};
const states = (begun: Begun): string[] => only(begun).conditions.map(({ standing }) => standing.state);

describe('a signal is seen (S1)', () => {
  test('that was set before', async () => {
    const server = await Server.open();
    await server.turn(set('a', { n: 1 }));
    const wait = server.wait([signal('a')]);
    await server.pass(0);
    expect(only(wait)).toMatchObject({
      outcome: 'met',
      conditions: [{ text: 'signal:a', standing: { row: { data: { n: 1 } } } }],
    });
    server.isIdle();
  });

  test('that is set while it is waited for, also when it is cleared in the same turn', async () => {
    const server = await Server.open();
    const waits = [server.wait([signal('a')]), server.wait([signal('a')])];
    await server.turn(set('b'));
    await server.turn(set('a', 1), clear('a'));
    for (const wait of waits)
      expect(only(wait)).toMatchObject({ outcome: 'met', conditions: [{ standing: { row: { data: 1 } } }] });
    server.isIdle();
  });

  test('that is in the turn which is being written as the wait begins', async () => {
    const server = await Server.open({ slow: true });
    server.faults = { ...noLogFaults, slow: 1 };
    await server.turn(set('a'));
    const wait = server.wait([signal('a')], { milliseconds: 60_000 });
    await server.pass(20);
    expect(outcomes(wait)).toEqual([]);
    await server.pass(4_000);
    expect(outcomes(wait)).toEqual(['met']);
  });

  test('that is set and cleared by the turn which is being written as the wait begins', async () => {
    const server = await Server.open({ slow: true });
    server.faults = { ...noLogFaults, slow: 1 };
    await server.turn(set('a'), clear('a'));
    const wait = server.wait([signal('a')], { milliseconds: 60_000 });
    await server.pass(4_000);
    expect(outcomes(wait)).toEqual(['met']);
  });

  test('that was set, although time is up before anybody could look, because a turn is being written', async () => {
    const server = await Server.open({ slow: true });
    await server.turn(set('a'));
    server.faults = { ...noLogFaults, slow: 1 };
    await server.turn(set('b'));
    const wait = server.wait([signal('a')], { milliseconds: 1 });
    const other = server.wait([signal('c')], { milliseconds: 1 });
    await server.pass(4_000);
    expect(outcomes(wait)).toEqual(['met']);
    expect(only(other)).toMatchObject({ outcome: 'timed_out', conditions: [{ standing: { detail: 'not set' } }] });
    server.isIdle();
  });

  test('that is not there, when the turn which set it was not kept: it is not (L12)', async () => {
    const server = await Server.open({ slow: true });
    server.faults = { ...noLogFaults, full: 1, ballastGone: 1, slow: 1 };
    const early = server.wait([signal('a')]);
    await server.turn(set('a'));
    const late = server.wait([signal('a')]);
    await server.pass(4_000);
    expect([early, late].map((wait) => outcomes(wait))).toEqual([['timed_out'], ['timed_out']]);
  });

  test('as a failure, which ends the wait with its reason', async () => {
    const server = await Server.open();
    const wait = server.wait([signal('a'), signal('b')]);
    await server.turn(fail('a'));
    expect(only(wait)).toMatchObject({ outcome: 'failed', conditions: [{ standing: { detail: 'no disk' } }, {}] });
    expect(states(wait)).toEqual(['failed', 'pending']);
    server.isIdle();
  });
});

describe('any and all', () => {
  test('all are met once each was, though none is any more', async () => {
    const server = await Server.open();
    await server.turn(declare(2));
    const wait = server.wait([signal('a'), signal('b'), barrier('deploy')]);
    await server.turn(set('a'), clear('a'));
    await server.turn(comes('x'), comes('y'));
    expect(outcomes(wait)).toEqual([]);
    await server.turn(set('b'));
    expect(states(wait)).toEqual(['met', 'met', 'met']);
    server.isIdle();
  });

  test('what was met as the wait began still counts when it is cleared', async () => {
    const server = await Server.open();
    await server.turn(set('a'));
    const wait = server.wait([signal('a'), signal('b')]);
    await server.turn(clear('a'));
    await server.turn(set('b'));
    expect(outcomes(wait)).toEqual(['met']);
  });

  test('any is met by the first, beside a failure in the same turn too', async () => {
    const server = await Server.open();
    const wait = server.wait([signal('a'), signal('b')], { mode: 'any' });
    await server.turn(set('b'), fail('a'));
    expect(only(wait).outcome).toBe('met');
    server.isIdle();
  });

  test('of environments and leases', async () => {
    const server = await Server.open();
    await server.turn(lease('ls_1'));
    const free = server.wait([env('uat')], { milliseconds: 60_000 });
    const ended = server.wait([on({ kind: 'lease', id: 'ls_1' }), signal('a')], { mode: 'any' });
    await server.turn((turn) => release(turn, 'ls_1', ci));
    expect([free, ended].map((wait) => only(wait).outcome)).toEqual(['met', 'met']);
    expect(outcomes(server.wait([env('uat')]))).toEqual([]);
    await server.pass(0);
    server.isIdle();
  });

  test('the same thing twice in a list', async () => {
    const server = await Server.open();
    const wait = server.wait([signal('a'), signal('a')]);
    expect(server.waits.waitersOf({ kind: 'signal', name: 'a' })).toBe(2);
    await server.turn(set('a'));
    expect(states(wait)).toEqual(['met', 'met']);
    server.isIdle();
  });

  test('generations are apart', async () => {
    const server = await Server.open();
    await server.turn(declare(1));
    const wait = server.wait([barrier('deploy', '7')]);
    await server.turn(comes('x'));
    await server.pass(1_000);
    expect(only(wait).conditions[0]?.standing.detail).toBe('not declared');
  });
});

describe('each wait is answered once (S2)', () => {
  test('when time is up and the signal is set in the same moment, by whichever came first', async () => {
    const server = await Server.open();
    for (const first of ['timeout', 'set']) {
      const wait = server.wait([signal(first)], { milliseconds: 100 });
      const at = server.timeline.now + 100;
      server.timeline.after(first === 'set' ? 99.9 : 100, () => void server.replica.decide(set(first)));
      await server.pass(99.9999);
      await server.pass(200);
      expect(only(wait).endedAt - only(wait).startedAt).toBeLessThanOrEqual(at + 1);
      expect(outcomes(wait)).toEqual([first === 'set' ? 'met' : 'timed_out']);
    }
    server.isIdle();
    expect(server.waits.figures).toMatchObject({ met: 1, timed_out: 1 });
  });

  test('when the client goes in the moment of the wake', async () => {
    const server = await Server.open();
    const [before, after] = [server.wait([signal('a')]), server.wait([signal('a')])];
    server.replica.onTurn(() => after.hangUp());
    before.hangUp();
    await server.turn(set('a'));
    before.hangUp();
    await server.pass(2_000);
    expect([outcomes(before), outcomes(after)]).toEqual([['left'], ['met']]);
    server.isIdle();
  });

  test('when the client had gone before it began', async () => {
    const server = await Server.open();
    const gone = new AbortController();
    gone.abort();
    const outside = new Outside();
    const wait = server.wait([signal('a'), outside.condition], { signal: gone.signal });
    await server.turn(set('a'));
    expect(outcomes(wait)).toEqual(['left']);
    expect(outside.begun).toBe(0);
    server.isIdle();
  });

  test('when the client goes before anybody has looked, though all is met', async () => {
    const server = await Server.open();
    await server.turn(set('a'));
    const wait = server.wait([signal('a')]);
    wait.hangUp();
    await server.pass(2_000);
    expect(outcomes(wait)).toEqual(['left']);
    expect(server.waits.figures).toEqual({ met: 0, failed: 0, timed_out: 0, left: 1, stopping: 0 });
  });

  test('and listens to its client no longer', async () => {
    const server = await Server.open();
    let listeners = 0;
    const client = {
      aborted: false,
      addEventListener: () => listeners++,
      removeEventListener: () => listeners--,
    } as unknown as AbortSignal;
    const waits = ['a', 'b'].map((name) => server.wait([signal(name)], { signal: client }));
    expect(listeners).toBe(2);
    await server.turn(set('a'));
    expect(listeners).toBe(1);
    await server.pass(1_100);
    expect(waits.flatMap(outcomes)).toEqual(['met', 'timed_out']);
    expect(listeners).toBe(0);
  });

  test('when the server stops, then and from then on', async () => {
    const server = await Server.open();
    const outside = new Outside();
    const waits = [server.wait([signal('a')]), server.wait([outside.condition, signal('a')])];
    await server.pass(1);
    server.waits.stop();
    waits.push(server.wait([signal('a')]));
    await server.turn(set('a'));
    await server.pass(2_000);
    for (const wait of waits) expect(outcomes(wait)).toEqual(['stopping']);
    expect([outside.begun, outside.stopped]).toEqual([1, 1]);
    server.isIdle();
    expect(server.waits.recentlyTimedOut()).toEqual([]);
  });

  test('ten thousand on one name, by one set', async () => {
    const server = await Server.open({ maxConditions: 100_000 });
    const waits = Array.from({ length: 10_000 }, () => server.wait([signal('a')]));
    await server.pass(1);
    expect([server.waits.count, server.waits.waitersOf({ kind: 'signal', name: 'a' })]).toEqual([10_000, 10_000]);
    expect([...server.waits.signalsAwaited()]).toEqual(['a']);
    await server.turn(set('a'));
    expect(waits.filter((wait) => outcomes(wait).join() === 'met')).toHaveLength(10_000);
    await server.pass(2_000);
    expect(waits.every(({ answers }) => answers.length === 1)).toBe(true);
    server.isIdle();
  });
});

describe('bounds', () => {
  test('so many conditions and no more; what has ended gives them back, however it ended', async () => {
    const server = await Server.open({ maxConditions: 3 });
    await server.turn(set('set'));
    for (const end of ['met', 'timeout', 'left', 'at once', 'failed']) {
      const two = server.wait([signal(end === 'at once' ? 'set' : 'a'), signal(end === 'at once' ? 'set' : 'b')]);
      const one = server.wait([signal(end === 'at once' ? 'set' : 'a')]);
      const more = server.wait([signal('a')]);
      await server.pass(1);
      expect(outcomes(more)).toEqual(['too_many_waits']);
      if (end === 'met') await server.turn(set('a'), set('b'), clear('a'), clear('b'));
      if (end === 'failed') await server.turn(fail('a'), clear('a'));
      if (end === 'timeout') await server.pass(1_000);
      for (const wait of [two, one]) if (end === 'left') wait.hangUp();
      await server.pass(1);
      const outcome = end === 'at once' ? 'met' : end === 'timeout' ? 'timed_out' : end;
      expect([outcomes(two), outcomes(one)]).toEqual([[outcome], [outcome]]);
      server.isIdle();
    }
    expect(outcomes(server.wait([signal('a'), signal('a'), signal('a'), signal('a')]))).toEqual([]);
    await server.pass(1);
    expect(server.waits.count).toBe(0);
  });
});

describe('what timed out', () => {
  test('is remembered once for each thing, latest first, until it comes', async () => {
    const server = await Server.open();
    server.wait([signal('a'), signal('b')], { mode: 'any', by: 'ann' });
    await server.pass(1_100);
    server.wait([signal('a')], { by: 'ben' });
    await server.pass(1_100);
    const told = () => server.waits.recentlyTimedOut().map(({ text, by, detail }) => `${text} ${by} ${detail}`);
    expect(told()).toEqual(['signal:a ben not set', 'signal:b ann not set']);
    await server.turn(set('a'));
    expect(told()).toEqual(['signal:b ann not set']);
    // Somebody else waits for it by now.
    server.wait([signal('b')]);
    await server.turn(set('b'), clear('b'));
    expect(told()).toEqual([]);
  });

  test('is what was pending, and not what was met meanwhile', async () => {
    const server = await Server.open();
    await server.turn(set('a'));
    server.wait([signal('a'), signal('b')]);
    await server.pass(1_100);
    expect(server.waits.recentlyTimedOut().map(({ text }) => text)).toEqual(['signal:b']);
  });

  test('is forgotten after an hour, and of more than a thousand the oldest', async () => {
    const server = await Server.open({ maxConditions: 20_000 });
    server.wait([signal('s0')]);
    await server.pass(1);
    for (let i = 1; i < 1_001; i++) server.wait([signal(`s${i}`)]);
    await server.pass(1_100);
    const texts = server.waits.recentlyTimedOut().map(({ text }) => text);
    expect([texts.length, texts.includes('signal:s0'), texts.includes('signal:s1000')]).toEqual([1_000, false, true]);
    server.timeline.wallOffset += 3_600_001;
    expect(server.waits.recentlyTimedOut()).toEqual([]);
  });

  test('of something outside goes when a later wait finds it ready', async () => {
    const server = await Server.open();
    server.wait([new Outside(pending).condition]);
    await server.pass(1_100);
    expect(server.waits.recentlyTimedOut()).toMatchObject([{ text: 'tcp:db:5432', detail: 'refused' }]);
    server.wait([new Outside(met).condition]);
    await server.pass(1);
    expect(server.waits.recentlyTimedOut()).toEqual([]);
  });

  test('is not what somebody waits for still, nor what somebody only looked at', async () => {
    const server = await Server.open();
    server.wait([signal('a')], { milliseconds: 0 });
    server.wait([signal('b')]);
    server.wait([new Outside(pending).condition]);
    await server.pass(900);
    const [again, outside] = [server.wait([signal('b')]), server.wait([new Outside(pending).condition])];
    await server.pass(200);
    expect(server.waits.recentlyTimedOut()).toEqual([]);
    again.hangUp();
    outside.hangUp();
    expect(server.waits.recentlyTimedOut().map(({ text }) => text)).toEqual(['tcp:db:5432', 'signal:b']);
  });
});

describe('one look (0 milliseconds)', () => {
  test('is over at once where all is within', async () => {
    const server = await Server.open();
    await server.turn(set('a'));
    const waits = [[signal('a')], [signal('b')]].map((each) => server.wait(each, { milliseconds: 0 }));
    await server.pass(1);
    expect(waits.flatMap(outcomes)).toEqual(['met', 'timed_out']);
  });

  test('has the first try of each thing outside', async () => {
    const server = await Server.open();
    const [one, other] = [new Outside(), new Outside()];
    const wait = server.wait([one.condition, other.condition], { milliseconds: 0 });
    await server.pass(5_000);
    one.tell(pending);
    await server.pass(5_000);
    expect(outcomes(wait)).toEqual([]);
    other.tell(pending);
    await server.pass(1);
    expect(wait.answers).toMatchObject([
      { outcome: 'timed_out', conditions: [{ standing: { detail: 'refused' } }, { standing: { detail: 'refused' } }] },
    ]);
    expect([one.stopped, other.stopped]).toEqual([1, 1]);
    server.isIdle();
  });

  test('that finds it ready is met', async () => {
    const server = await Server.open();
    const outside = new Outside();
    const wait = server.wait([outside.condition], { milliseconds: 0 });
    await server.pass(1);
    outside.tell(met);
    await server.pass(1);
    expect(outcomes(wait)).toEqual(['met']);
  });
});

describe('something outside', () => {
  test('is asked only when what is within does not settle it', async () => {
    const server = await Server.open();
    await server.turn(set('a'));
    const outside = new Outside();
    expect(outside.begun).toBe(0);
    const wait = server.wait([outside.condition, signal('a')], { mode: 'any' });
    await server.pass(1);
    expect(outcomes(wait)).toEqual(['met']);
    expect(outside.begun).toBe(0);
  });

  test('tells until it is met, and is stopped once', async () => {
    const server = await Server.open();
    const outside = new Outside();
    const wait = server.wait([outside.condition]);
    await server.pass(1);
    outside.tell(pending);
    expect([...server.waits.list()][0]?.conditions[0]?.standing.detail).toBe('refused');
    outside.tell(met);
    outside.tell(failed);
    await server.pass(2_000);
    expect(only(wait)).toMatchObject({ outcome: 'met', conditions: [{ standing: { detail: 'ready' } }] });
    expect([outside.begun, outside.stopped]).toEqual([1, 1]);
    server.isIdle();
  });

  test('may tell at once, and whatever else was begun is stopped', async () => {
    const server = await Server.open();
    const [slow, quick, never] = [new Outside(), new Outside(met), new Outside()];
    const wait = server.wait([slow.condition, quick.condition, never.condition], { mode: 'any' });
    await server.pass(1);
    expect(states(wait)).toEqual(['pending', 'met', 'pending']);
    expect([slow, quick, never].map(({ begun, stopped }) => [begun, stopped])).toEqual([
      [1, 1],
      [1, 1],
      [0, 0],
    ]);
    server.isIdle();
  });

  test('may fail, which ends the wait', async () => {
    const server = await Server.open();
    const [outside, other] = [new Outside(), new Outside()];
    const wait = server.wait([outside.condition, other.condition]);
    await server.pass(1);
    outside.tell(failed);
    await server.pass(1);
    expect(only(wait)).toMatchObject({
      outcome: 'failed',
      conditions: [{ standing: { detail: 'wrong password' } }, {}],
    });
    expect([outside.stopped, other.stopped]).toEqual([1, 1]);
  });

  test('is stopped when time is up, and when the client goes', async () => {
    const server = await Server.open();
    const [timely, gone] = [new Outside(), new Outside()];
    server.wait([timely.condition]);
    const wait = server.wait([gone.condition]);
    await server.pass(1);
    wait.hangUp();
    await server.pass(1_100);
    expect([timely.stopped, gone.stopped]).toEqual([1, 1]);
    server.isIdle();
  });

  test('that cannot even be asked fails the wait alone, and leaves nothing behind', async () => {
    const server = await Server.open();
    const outside = new Outside();
    const broken: Condition = {
      text: 'tcp:x:1',
      outside: 'tcp:x:1',
      watch: () => {
        throw new Error('no sockets left');
      },
    };
    const wait = server.wait([signal('a'), outside.condition, broken]);
    await server.pass(1);
    expect(wait.answers).toEqual(['no sockets left']);
    expect(outside.stopped).toBe(1);
    server.isIdle();
  });
});

test('who waits is listed with how things stand, longest first', async () => {
  const server = await Server.open();
  await server.turn(declare(2));
  server.wait([signal('a')], { by: 'ann' });
  await server.pass(10);
  server.wait([barrier('deploy'), signal('a')], { mode: 'all', by: 'ben' });
  await server.turn(comes('x'));
  const listed = [...server.waits.list()];
  expect(listed.map(({ by }) => by)).toEqual(['ann', 'ben']);
  expect(listed[1]?.conditions.map(({ standing }) => standing.detail)).toEqual([
    '1 of 2 arrived, missing 1 of 2',
    'not set',
  ]);
  expect(listed[0]?.untilAt).toBe((listed[0]?.startedAt ?? 0) + 1_000);
  expect([...server.waits.waitingFor({ kind: 'signal', name: 'a' })].map(({ by }) => by)).toEqual(['ann', 'ben']);
  expect(new Set(listed.map(({ id }) => id)).size).toBe(2);
  await server.pass(2_000);
  server.isIdle();
});
