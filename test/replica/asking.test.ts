// A replica and a log that takes long to answer, in virtual time: how long is for the server to say only while it is awake, and
// once there is an answer nothing is put off any longer (L6).

import { describe, expect, test } from 'vitest';
import type { Actor } from '../../src/core/access.ts';
import { setSignal } from '../../src/core/meet/signal.ts';
import { defaultSettings, type State } from '../../src/core/state.ts';
import type { Draft, Learned, TurnOutcome } from '../../src/log/log.ts';
import { MemoryLog } from '../../src/log/memory.ts';
import { Replica } from '../../src/replica/replica.ts';
import { Random } from '../simulation/random.ts';
import { microtasksDone, Timeline, VirtualClock } from '../simulation/virtual-clock.ts';

const ci: Actor = { identity: 'ci', name: 'ci', grants: [{ scope: 'signal', globs: null }], maxPriority: 0 };

class SlowLog extends MemoryLog {
  readonly #clock: VirtualClock;
  takesMs = 0;
  isWriting = false;
  wasClosed: 'not' | 'idle' | 'writing' = 'not';

  constructor(clock: VirtualClock) {
    super();
    this.#clock = clock;
  }

  override async turn(
    have: number,
    decide: (learned: readonly Learned[], clock: number | null) => Draft | null,
  ): Promise<TurnOutcome> {
    const { takesMs } = this;
    this.takesMs = 0;
    this.isWriting = true;
    const outcome = await super.turn(have, decide);
    if (takesMs > 0) await new Promise<void>((resolve) => this.#clock.after(takesMs, resolve));
    this.isWriting = false;
    return outcome;
  }

  override close(): Promise<void> {
    this.wasClosed = this.isWriting ? 'writing' : 'idle';
    return super.close();
  }
}

class Server {
  readonly timeline = new Timeline(new Random(1));
  readonly clock = new VirtualClock(this.timeline);
  readonly log = new SlowLog(this.clock);
  replica!: Replica;
  state!: State;

  static async open(): Promise<Server> {
    const server = new Server();
    const opening = Replica.open({
      ...{ log: server.log, clock: server.clock, historyMs: 1e9, startFacts: {}, settings: defaultSettings },
      ids: { lease: () => 'unused', turn: () => 'turn' },
    });
    await microtasksDone();
    await server.pass(100);
    server.replica = await opening;
    server.state = await server.replica.look((state) => state);
    return server;
  }

  pass(milliseconds: number): Promise<void> {
    return this.timeline.run(milliseconds);
  }

  /** What becomes of a signal that is set now. */
  async set(name: string, ttlMs: number | null = null): Promise<string> {
    const setting = { data: null, failure: null, ttlMs, holder: { name: null, url: null, ref: null } };
    try {
      const outcome = await this.replica.decide((turn) => setSignal(turn, name, setting, ci));
      return outcome.ok ? 'ok' : outcome.code;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** It is stopped while a turn is being written, and reads the answer of the log a little after it goes on. */
  async isStoppedInATurn(): Promise<{ first: Promise<string> }> {
    this.log.takesMs = 10_050;
    const first = this.set('first');
    await this.pass(10);
    this.timeline.stall(this.clock, 10_000);
    return { first };
  }
}

describe('a server that was stopped while a turn was being written', () => {
  test('has not lost its store', async () => {
    const server = await Server.open();
    const { first } = await server.isStoppedInATurn();
    await server.pass(10_020);
    expect(server.log.isWriting).toBe(true);
    expect(server.replica.isAway).toBe(false);
    const second = server.set('second');
    await server.pass(100);
    expect([await first, await second]).toEqual(['ok', 'ok']);
  });

  test('and was to end does not close its log before that is over', async () => {
    const server = await Server.open();
    const { first } = await server.isStoppedInATurn();
    const closed = server.replica.close();
    await server.pass(11_000);
    await closed;
    expect(server.log.wasClosed).toBe('idle');
    expect(await first).toBe('ok');
  });
});

describe('behind a log that takes too long', () => {
  test('nobody waits, and all goes on once it answers', async () => {
    const server = await Server.open();
    server.log.takesMs = 8_000;
    const first = server.set('first');
    await server.pass(6_500);
    expect(await server.set('second')).toBe('the store cannot be reached');
    // In the moment of the answer, before anything else happens.
    let third: Promise<string> | null = null;
    server.replica.onTurn(() => {
      third ??= server.set('third');
    });
    await server.pass(2_000);
    expect([await first, await third]).toEqual(['ok', 'ok']);
    expect(server.replica.isAway).toBe(false);
  });

  test('what is over ends as soon as it answers (L6)', async () => {
    const server = await Server.open();
    await Promise.all([server.set('short', 1_000), server.pass(10)]);
    server.log.takesMs = 8_000;
    void server.set('long');
    await server.pass(7_990);
    expect(server.state.signals.has('short')).toBe(true);
    await server.pass(20);
    expect(server.state.signals.has('short')).toBe(false);
  });

  test('an end of the server comes all the same', async () => {
    const server = await Server.open();
    server.log.takesMs = 60_000;
    void server.set('first');
    await server.pass(10);
    const closed = server.replica.close();
    await server.pass(4_900);
    expect(server.log.wasClosed).toBe('not');
    await server.pass(500);
    await closed;
    expect(server.log.wasClosed).toBe('writing');
  });
});
