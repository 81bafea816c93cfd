// A replica and its polls when turns fail or take long, each case by itself. The simulation finds such cases; here they stay.

import { describe, expect, test } from 'vitest';
import type { Actor } from '../../src/core/access.ts';
import { type Ask, acquire } from '../../src/core/lease/acquire.ts';
import { release } from '../../src/core/lease/end.ts';
import { renew } from '../../src/core/lease/hold.ts';
import { clearSignal, setSignal } from '../../src/core/meet/signal.ts';
import type { LeaseRow } from '../../src/core/rows.ts';
import { defaultSettings, type State } from '../../src/core/state.ts';
import type { Turn } from '../../src/core/turn.ts';
import { StoreAway } from '../../src/log/log.ts';
import { StoreFull } from '../../src/replica/command.ts';
import { Polls } from '../../src/replica/polls.ts';
import { Replica } from '../../src/replica/replica.ts';
import { Disk, FaultyLog, type LogFaults, noLogFaults } from './faulty-log.ts';
import { Random } from './random.ts';
import { Timeline, VirtualClock } from './virtual-clock.ts';

const graceMs = 10_000;
const ann: Actor = { identity: 'ann', name: 'ann', grants: [{ scope: 'acquire', globs: null }], maxPriority: 0 };

class Server {
  readonly timeline = new Timeline(new Random(1));
  readonly clock = new VirtualClock(this.timeline);
  readonly disk = new Disk();
  faults: LogFaults = noLogFaults;
  readonly log = new FaultyLog(this.disk, this.clock, this.timeline, () => this.faults);
  replica!: Replica;
  polls!: Polls;
  state!: State;

  static async open(): Promise<Server> {
    const server = new Server();
    const opening = Replica.open({
      ...{ log: server.log, clock: server.clock, historyMs: 1e9, startFacts: {} },
      ids: { lease: () => 'unused', turn: () => 'turn' },
      settings: { ...defaultSettings, graceMs },
    });
    await server.pass(100);
    server.replica = await opening;
    server.polls = new Polls(server.replica, server.clock);
    server.state = await server.replica.look((state) => state);
    return server;
  }

  pass(milliseconds: number): Promise<void> {
    return this.timeline.run(milliseconds);
  }

  ask(id: string, more: Partial<Ask> = {}): Promise<string> {
    const ask: Ask = {
      ...{ id, actor: ann, wants: [{ environment: 'uat' }], holder: { name: 'ann', url: null, ref: null } },
      ...{ reason: null, priority: 0, ttlMs: 60_000, queueMs: null, maxHoldMs: null, polling: true },
      ...{ idempotency: null, via: 'v1' as const },
      ...more,
    };
    return outcomeOf(this.replica.decide((turn) => acquire(turn, ask), { needsRoom: true }));
  }

  renew(id: string): Promise<string> {
    return outcomeOf(this.replica.decide((turn) => renew(turn, id, ann)));
  }

  release(id: string): Promise<string> {
    return outcomeOf(this.replica.decide((turn) => release(turn, id, ann)));
  }

  /** A poll of the lease's client; `hangUp` ends it from the client's side. */
  poll(id: string): { reply: Promise<LeaseRow | undefined>; hangUp: () => void } {
    const gone = new AbortController();
    const reply = this.polls.wait(id, { milliseconds: 60_000, isClient: true, after: null, signal: gone.signal });
    return { reply, hangUp: () => gone.abort() };
  }

  lease(id: string): LeaseRow | undefined {
    return this.state.leases.get(id);
  }
}

/** `ok`, `full`, or the code of a refusal. */
async function outcomeOf(deciding: Promise<{ ok: true } | { ok: false; code: string }>): Promise<string> {
  try {
    const outcome = await deciding;
    return outcome.ok ? 'ok' : outcome.code;
  } catch (error) {
    if (error instanceof StoreFull) return 'full';
    if (error instanceof StoreAway) return 'away';
    throw error;
  }
}

describe('when the store is a database elsewhere', () => {
  test('a turn that is known to be lost is taken back and taken again, before what came later', async () => {
    const server = await Server.open();
    server.faults = { ...noLogFaults, undone: 1 };
    const outcomes: string[] = [];
    const note = (what: string) => (outcome: string) => outcomes.push(`${what}: ${outcome}`);
    void server.ask('ls_1').then(note('first'));
    await server.pass(1);
    void server.ask('ls_2').then(note('second'));
    await server.pass(50);
    expect(outcomes).toEqual([]);
    expect(server.disk.row('lease', 'ls_1')).toBeNull();

    server.faults = noLogFaults;
    await server.pass(50);
    expect(outcomes).toEqual(['first: ok', 'second: ok']);
    expect(server.lease('ls_1')?.state).toBe('held');
    expect(server.lease('ls_2')?.state).toBe('waiting');
  });

  test('while it is away nothing is decided, whoever asks is told, and afterwards all goes on', async () => {
    const server = await Server.open();
    const seq = server.disk.seq;
    server.faults = { ...noLogFaults, away: 1 };
    const asked = server.ask('ls_1');
    await server.pass(5_000);
    expect(await asked).toBe('away');
    expect(server.disk.seq).toBe(seq);
    expect(server.replica.broken).toBeNull();

    server.faults = noLogFaults;
    const again = server.ask('ls_1');
    await server.pass(50);
    expect(await again).toBe('ok');
  });
});

describe('when the disk is full', () => {
  test('renewals and releases go on, also those that find it out; new requests are refused (L14)', async () => {
    const server = await Server.open();
    const asked = [server.ask('ls_1'), server.ask('ls_2', { wants: [{ environment: 'qa' }] })];
    await server.pass(100);
    expect(await Promise.all(asked)).toEqual(['ok', 'ok']);

    server.faults = { ...noLogFaults, full: 1 };
    const renewed = server.renew('ls_1');
    await server.pass(50);
    expect(await renewed).toBe('ok');
    expect(await server.ask('ls_3')).toBe('full');
    const released = server.release('ls_2');
    await server.pass(50);
    expect(await released).toBe('ok');
    expect(server.lease('ls_2')?.state).toBe('released');
  });

  test('a request that was already waiting for its turn is refused too', async () => {
    const server = await Server.open();
    const first = server.ask('ls_1');
    await server.pass(100);
    expect(await first).toBe('ok');
    server.faults = { ...noLogFaults, full: 1 };
    const outcomes: string[] = [];
    void server.renew('ls_1').then((outcome) => outcomes.push(`renewed: ${outcome}`));
    await server.pass(1);
    void server.ask('ls_2', { wants: [{ environment: 'qa' }] }).then((outcome) => outcomes.push(`asked: ${outcome}`));
    await server.pass(50);
    expect(outcomes.sort()).toEqual(['asked: full', 'renewed: ok']);
    expect(server.disk.row('lease', 'ls_2')).toBeNull();
  });
});

describe('a turn that could not be kept', () => {
  test('leaves the absence of a client as it was: its place is given up once there is room', async () => {
    const server = await Server.open();
    void server.ask('ls_1', { ttlMs: null });
    void server.ask('ls_2', { polling: false });
    await server.pass(100);
    server.faults = { ...noLogFaults, full: 1, ballastGone: 1 };
    await server.pass(graceMs + 1_000);
    expect(server.lease('ls_2')?.state).toBe('waiting');
    expect(server.state.presence.get('ls_2')?.open).toBe(false);
    server.faults = noLogFaults;
    await server.pass(12_000);
    expect(server.lease('ls_2')?.end?.how).toBe('absent');
  });

  test('does not bring back a client that hung up while it was being written (L9)', async () => {
    const server = await Server.open();
    void server.ask('ls_1');
    void server.ask('ls_2');
    await server.pass(100);
    server.faults = { ...noLogFaults, full: 1, ballastGone: 1, slow: 1 };
    server.disk.full = true;
    void server.release('ls_1');
    await server.pass(10);
    // Granted by the turn that is being written, and will be taken back.
    expect(server.lease('ls_2')?.state).toBe('held');
    server.replica.hungUp('ls_2');
    await server.pass(4_000);
    expect(server.lease('ls_2')?.state).toBe('waiting');
    expect(server.state.presence.get('ls_2')?.open).toBe(false);
  });
});

describe('while a turn is being written', () => {
  test('a client that comes back before its grace is over is not found absent', async () => {
    const server = await Server.open();
    void server.ask('ls_1');
    void server.ask('ls_2', { polling: false });
    await server.pass(graceMs - 1_000);
    server.faults = { ...noLogFaults, slow: 1 };
    const { timeline } = server;
    const renewed = timeline.now;
    void server.renew('ls_1');
    await server.pass(20);
    expect(server.log.isWriting).toBe(true);
    server.faults = noLogFaults;
    const poll = server.poll('ls_2');
    while (server.log.isWriting) await server.pass(10);
    await server.pass(graceMs - (timeline.now - renewed));
    expect(server.lease('ls_2')?.state).toBe('waiting');
    poll.hangUp();
    await server.pass(graceMs + 500);
    expect(server.lease('ls_2')?.end?.how).toBe('absent');
  });

  test('a poll that came before the grant is no sign that its client knows of it', async () => {
    const server = await Server.open();
    void server.ask('ls_1');
    void server.ask('ls_2', { ttlMs: null });
    await server.pass(100);
    const first = server.poll('ls_2');
    await server.pass(100);
    server.faults = { ...noLogFaults, slow: 1 };
    void server.release('ls_1');
    await server.pass(20);
    server.faults = noLogFaults;
    const second = server.poll('ls_2');
    while (server.log.isWriting) await server.pass(10);
    await server.pass(10);
    expect((await first.reply)?.state).toBe('held');
    expect((await second.reply)?.state).toBe('held');
    expect(server.lease('ls_2')?.collected).toBe(false);
    server.replica.notSent('ls_2');
    await server.pass(graceMs + 500);
    expect(server.lease('ls_2')?.end?.how).toBe('absent');
  });
});

describe('what was over while a turn was being written that is taken back', () => {
  // The turn clears, or renews, what is over in that moment; taken back, it is over all the same.
  const whileWriting = async (server: Server, command: (turn: Turn) => unknown): Promise<void> => {
    server.faults = { ...noLogFaults, full: 1, ballastGone: 1, slow: 1 };
    server.disk.full = true;
    void server.replica.decide(command).catch(() => undefined);
    await server.pass(10);
    expect(server.log.isWriting).toBe(true);
  };
  const setting = { data: null, failure: null, holder: { name: null, url: null, ref: null } };
  const ci: Actor = { identity: 'ci', name: 'ci', grants: [{ scope: 'signal', globs: null }], maxPriority: 0 };

  test.each([
    ['cleared', (turn: Turn) => clearSignal(turn, 'a', ci)],
    ['set anew', (turn: Turn) => setSignal(turn, 'a', { ...setting, ttlMs: 3_600_000 }, ci)],
  ])('a signal that was %s still expires', async (_, command) => {
    const server = await Server.open();
    void server.replica.decide((turn) => setSignal(turn, 'a', { ...setting, ttlMs: 1_000 }, ci));
    await server.pass(990);
    await whileWriting(server, command);
    await server.pass(20_000);
    server.faults = noLogFaults;
    server.disk.full = false;
    await server.pass(10_000);
    expect(server.state.signals.has('a')).toBe(false);
  });

  test('a lease that was released still expires (L6)', async () => {
    const server = await Server.open();
    void server.ask('ls_1', { ttlMs: 1_000 });
    await server.pass(990);
    await whileWriting(server, (turn) => release(turn, 'ls_1', ann));
    await server.pass(20_000);
    server.faults = noLogFaults;
    server.disk.full = false;
    await server.pass(10_000);
    expect(server.lease('ls_1')?.state).toBe('expired');
  });
});

test('a reply that was lost says nothing once another has told of the grant (L5)', async () => {
  const server = await Server.open();
  void server.ask('ls_1');
  await server.pass(100);
  server.polls.delivered(server.lease('ls_1') as LeaseRow);
  server.replica.notSent('ls_1');
  await server.pass(graceMs + 1_000);
  expect(server.lease('ls_1')?.state).toBe('held');
});

test('a beat that fails stops the replica, as a turn that fails does, and whoever runs it is told', async () => {
  const server = await Server.open();
  const told: string[] = [];
  server.replica.onBroken((error) => told.push(error.message));
  void server.ask('ls_1');
  await server.pass(100);
  server.faults = { ...noLogFaults, beatLost: 1 };
  await server.pass(3_000);
  expect(server.replica.broken?.message).toContain('beat');
  expect(told).toEqual([server.replica.broken?.message]);
  await expect(server.renew('ls_1')).rejects.toThrow('the store has failed');
});

test('a server that stops finishes what is under way, and takes nothing more', async () => {
  const server = await Server.open();
  server.faults = { ...noLogFaults, slow: 1 };
  let broken = '';
  server.log.onBroken = (how) => {
    broken = how;
  };
  const before = server.ask('ls_1');
  await server.pass(10);
  const closed = server.replica.close();
  const after = server.ask('ls_2').catch((error: Error) => error.message);
  await server.pass(10_000);
  await closed;
  expect(await before).toBe('ok');
  expect(await after).toBe('the server is stopping');
  expect(broken).toBe('');
  expect(server.disk.row('lease', 'ls_2')).toBeNull();
});
