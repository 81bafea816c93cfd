import { describe, expect, test } from 'vitest';
import { leaseMs, marginMs, schedule, stopMs } from '../../src/cli/run/timing.ts';

describe('the times of a lease', () => {
  test('of two minutes: renewed after 30 s, TERM with 10 s left to stop, KILL 2.4 s before the end', () => {
    const stop = stopMs(120_000, { ci: false });
    expect(stop).toBe(10_000);
    expect(schedule(1000, 120_000, stop)).toEqual({
      renewAt: 31_000,
      requestTimeoutMs: 5000,
      termAt: 1000 + 120_000 - 2400 - 10_000,
      killAt: 1000 + 120_000 - 2400,
    });
  });

  test('of the shortest ttl, 10 s: renewed after 2.5 s, TERM at 6.5 s, KILL a second before the end', () => {
    const stop = stopMs(10_000, { ci: true });
    expect(stop).toBe(2500);
    expect(schedule(0, 10_000, stop)).toEqual({ renewAt: 2500, requestTimeoutMs: 1250, termAt: 6500, killAt: 9000 });
  });

  test('in CI the child has at most 7 s to stop, because the runner kills after about 10', () => {
    expect(stopMs(120_000, { ci: true })).toBe(7000);
    expect(stopMs(20_000, { ci: true })).toBe(5000);
  });

  test('--kill-after makes the stop time shorter and never longer', () => {
    expect(stopMs(120_000, { ci: false, killAfterMs: 3000 })).toBe(3000);
    expect(stopMs(120_000, { ci: false, killAfterMs: 60_000 })).toBe(10_000);
  });

  test('the server’s own count of what is left is believed when it is shorter than the ttl, not when it is longer', () => {
    expect(leaseMs(120_000, 50_000)).toBe(50_000);
    expect(leaseMs(120_000, 500_000)).toBe(120_000);
    expect(leaseMs(120_000, null)).toBe(120_000);
  });

  test('the margin is a second, and 2 % of long leases', () => {
    expect(marginMs(10_000)).toBe(1000);
    expect(marginMs(600_000)).toBe(12_000);
  });

  test('whatever the lease, the child is dead before its end, and had its stop time before', () => {
    for (const lease of [10_000, 11_111, 30_000, 60_000, 120_000, 3_600_000]) {
      for (const ci of [true, false]) {
        const stop = stopMs(lease, { ci });
        const { renewAt, termAt, killAt, requestTimeoutMs } = schedule(0, lease, stop);
        expect(killAt).toBeLessThanOrEqual(lease - 1000);
        expect(killAt - termAt).toBe(stop);
        // Two renewals and their time limits fit in before the child is asked to stop.
        expect(renewAt + 2 * requestTimeoutMs + 1000).toBeLessThan(termAt);
      }
    }
  });
});
