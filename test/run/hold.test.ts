// Keeping a lease: renewals, losses and clocks that jump. The server is played by a few lines, the clock may be set.

import { afterEach, describe, expect, test, vi } from 'vitest';
import { Hold } from '../../src/cli/run/hold.ts';
import type { Loss } from '../../src/cli/speech/events.ts';
import type { Client } from '../../src/client/client.ts';
import type { Outcome } from '../../src/client/outcome.ts';
import type { Lease } from '../../src/client/types.ts';

const unreachable: Outcome<Lease> = {
  ok: false,
  kind: 'unreachable',
  reason: 'connection refused',
  aborted: false,
  retryAfterMs: null,
};

function held(expiresInSeconds = 10, more: Partial<Lease> = {}): Outcome<Lease> {
  const value = {
    id: 'ls_1',
    state: 'held',
    seq: 1,
    granted: [],
    revoking: null,
    end: null,
    expiresInSeconds,
    ...more,
  } as unknown as Lease;
  return { ok: true, value, status: 200, replayed: false, retryAfterMs: null, requestId: null };
}

function gone(more: Partial<Lease>): Outcome<Lease> {
  const lease = { id: 'ls_1', state: 'held', granted: [], revoking: null, end: null, ...more };
  return {
    ok: false,
    kind: 'problem',
    status: 410,
    retryAfterMs: null,
    problem: { code: 'lease_revoked', status: 410, detail: '', lease },
  };
}

/** A hold of ten seconds under fake timers; `answer` plays the server for each renewal. */
async function holding(
  answer: (renewal: number, nowMs: number) => Outcome<Lease> | Promise<Outcome<Lease>>,
  ttlMs = 10_000,
) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] });
  const sentAtMs: number[] = [];
  const timeoutsMs: number[] = [];
  const events: string[] = [];
  const losses: { loss: Loss; atOnce: boolean; atMs: number }[] = [];
  const jumps = { asleepMs: 0, wallMs: 0 };
  const startMs = performance.now();
  const nowMs = () => performance.now() - startMs;
  const client = {
    renew: async (_id: string, options: { timeoutMs: number }) => {
      sentAtMs.push(Math.round(nowMs()));
      timeoutsMs.push(options.timeoutMs);
      return answer(sentAtMs.length, nowMs());
    },
    lease: () => new Promise(() => {}),
  } as unknown as Client;
  const hold = new Hold({
    client,
    id: 'ls_1',
    secret: 's',
    ttlMs,
    ci: false,
    killAfterMs: null,
    pollSeconds: 30,
    clock: {
      monotonicMs: nowMs,
      awakeAndAsleepMs: () => nowMs() + jumps.asleepMs,
      wallMs: () => 1_700_000_000_000 + nowMs() + jumps.asleepMs + jumps.wallMs,
    },
    onRenewed: () => events.push('renewed'),
    onFailing: (reason, stopAtMs) => events.push(`failing ${reason}, stop at ${Math.round(stopAtMs)}`),
    onRenewedAgain: () => events.push('renewed again'),
    onLost: (loss, atOnce) => losses.push({ loss, atOnce, atMs: Math.round(nowMs()) }),
  });
  expect(await hold.first(5000)).toBe(null);
  hold.start(1);
  return { hold, sentAtMs, timeoutsMs, events, losses, jumps, pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('a lease of ten seconds', () => {
  test('is renewed every quarter of it, with a short time limit', async () => {
    const { hold, sentAtMs, timeoutsMs, pass, losses } = await holding(() => held());
    await pass(10_000);
    expect(sentAtMs).toEqual([0, 2500, 5000, 7500, 10_000]);
    expect(timeoutsMs.at(-1)).toBe(1250);
    expect(losses).toEqual([]);
    hold.stop();
  });

  test('that cannot be renewed is tried each second, said, and given up with the stop time left', async () => {
    const { sentAtMs, losses, events, pass, hold } = await holding((n) => (n === 1 ? held() : unreachable));
    await pass(9000);
    expect(sentAtMs).toEqual([0, 2500, 3500, 4500, 5500]);
    expect(events).toEqual(['renewed', 'failing connection refused, stop at 6500']);
    expect(losses).toEqual([
      { loss: { kind: 'unrenewed', sinceMs: 6500, reason: 'connection refused' }, atOnce: false, atMs: 6500 },
    ]);
    expect(hold.killAt).toBe(9000);
  });

  test('survives an outage that is shorter than its ttl, and says when it is over', async () => {
    const { losses, events, pass, hold } = await holding((n) => (n === 1 || n > 4 ? held() : unreachable));
    await pass(20_000);
    expect(losses).toEqual([]);
    expect(events.slice(0, 4)).toEqual([
      'renewed',
      'failing connection refused, stop at 6500',
      'renewed',
      'renewed again',
    ]);
    hold.stop();
  });

  test('one lost renewal is worth no line', async () => {
    const { events, pass, hold } = await holding((n) => (n === 2 ? unreachable : held()));
    await pass(4000);
    expect(events).toEqual(['renewed', 'renewed']);
    hold.stop();
  });

  test('counts from before the acknowledged renewal was sent, not from its answer', async () => {
    const late = () => new Promise<Outcome<Lease>>((resolve) => setTimeout(() => resolve(held()), 1000));
    const { hold, pass } = await holding((n) => (n === 1 ? held() : n === 2 ? late() : unreachable));
    await pass(4000);
    expect(hold.killAt).toBe(2500 + 9000);
    hold.stop();
  });

  test('the server’s count of what is left is believed when it is shorter', async () => {
    const { hold } = await holding(() => held(6));
    expect(hold.killAt).toBe(5000);
    hold.stop();
  });

  test('keeps its stop time as the end of --max-hold comes near', async () => {
    const { hold, losses, pass } = await holding((_, nowMs) => held(Math.min(10, 40 - nowMs / 1000)));
    expect(hold.stopMs).toBe(2500);
    await pass(60_000);
    expect(losses).toMatchObject([{ loss: { kind: 'max_hold' }, atOnce: false, atMs: 36_500 }]);
    expect(Math.round(hold.killAt)).toBe(39_000);
  });
});

describe('a lease is lost', () => {
  test.each<[string, Partial<Lease>, Loss]>([
    [
      'revoked',
      { revoking: { by: 'carla', reason: 'now', at: '' } },
      { kind: 'revoked', by: 'carla', reason: 'now', ended: false },
    ],
    [
      'stolen',
      { state: 'revoked', end: { how: 'stolen', by: 'carla', reason: 'now' } },
      { kind: 'revoked', by: 'carla', reason: 'now', ended: true },
    ],
    [
      'expired',
      { state: 'expired', end: { how: 'expired', by: '', reason: null } },
      { kind: 'ended', how: 'expired', by: '', reason: null },
    ],
  ])('when a renewal is refused: %s', async (_, lease, loss) => {
    const { losses, sentAtMs, pass } = await holding((n) => (n === 1 ? held() : gone(lease)));
    await pass(9000);
    expect(losses).toEqual([{ loss, atOnce: false, atMs: 2500 }]);
    expect(sentAtMs).toHaveLength(2);
  });

  test('not when a key expires or a proxy answers: only the deadline counts then', async () => {
    const refused: Outcome<Lease> = {
      ok: false,
      kind: 'problem',
      status: 401,
      retryAfterMs: null,
      problem: { code: 'key_expired', status: 401, detail: '' },
    };
    const { losses, pass } = await holding((n) => (n === 1 ? held() : refused));
    await pass(6400);
    expect(losses).toEqual([]);
    await pass(200);
    expect(losses).toMatchObject([{ loss: { kind: 'unrenewed' } }]);
  });
});

describe('clocks jump', () => {
  test('the machine slept for longer than the lease: the child is killed at once, without a question', async () => {
    const { losses, jumps, pass } = await holding(() => held());
    await pass(1000);
    jumps.asleepMs = 60_000;
    await pass(600);
    expect(losses).toMatchObject([{ loss: { kind: 'asleep' }, atOnce: true }]);
  });

  test('the machine slept a little: renewed at once', async () => {
    const { losses, sentAtMs, jumps, pass, hold } = await holding(() => held());
    await pass(1000);
    jumps.asleepMs = 3000;
    await pass(600);
    expect(sentAtMs).toHaveLength(2);
    expect(losses).toEqual([]);
    hold.stop();
  });

  test('the machine slept a little, and the lease was lost meanwhile: killed at once', async () => {
    const ended = gone({ state: 'expired', end: { how: 'expired', by: '', reason: null } });
    const { losses, jumps, pass } = await holding((n) => (n === 1 ? held() : ended));
    await pass(1000);
    jumps.asleepMs = 3000;
    await pass(600);
    expect(losses).toMatchObject([{ loss: { kind: 'ended' }, atOnce: true }]);
  });

  test('somebody set the date by an hour: a renewal shows that nothing happened', async () => {
    for (const stepMs of [3_600_000, -3_600_000]) {
      const { losses, sentAtMs, jumps, pass, hold } = await holding(() => held());
      await pass(1000);
      jumps.wallMs = stepMs;
      await pass(600);
      expect(sentAtMs).toHaveLength(2);
      await pass(10_000);
      expect(losses).toEqual([]);
      hold.stop();
      vi.useRealTimers();
    }
  });

  test('the date says that it is too late, and the server does not answer: killed', async () => {
    const { losses, jumps, pass } = await holding((n) => (n === 1 ? held() : unreachable));
    await pass(1000);
    jumps.wallMs = 3_600_000;
    await pass(600);
    expect(losses).toMatchObject([{ loss: { kind: 'asleep' }, atOnce: true }]);
  });
});
