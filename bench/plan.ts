// How much is measured: every count and duration of a run, for `--quick` and for the full run. A new row family is a
// new kind of job in load/, its rows in rows.ts, and its place here. Not measured yet: a request while 100,000 others
// wait (two servers prefilled, compared with one where 10 wait), many operations over one connection. What is measured on PostgreSQL is in postgres/.

import type { CyclesJob, QueueJob, WakeJob, Work } from './load/job.ts';

export interface Plan {
  name: 'quick' | 'full';
  repetitions: number;
  /** Repeated on servers that stay up, every system in turn for each of them. */
  warm: readonly Work[];
  /** Each measured on a server that was started for it alone. */
  fresh: readonly QueueJob[];
  freshRepetitions: number;
  /** After so long nothing new is begun, what is under way is ended, and the results so far are printed. */
  limitSeconds: number;
}

export const CLIENTS = [1, 64, 256] as const;
const HANDOFF_GAP_MS = 5;

export function planFor(quick: boolean, repetitions: number | null): Plan {
  return quick ? quickPlan(repetitions ?? 3) : fullPlan(repetitions ?? 5);
}

function quickPlan(repetitions: number): Plan {
  return {
    name: 'quick',
    repetitions,
    warm: [
      ...CLIENTS.map((clients) => cycles(clients, 0.15, 0.35)),
      ...[1, 100].map((waiters) => handoffs(waiters, 25, 0.5)),
      wake(1_000, 2),
    ],
    // The hand-offs with many waiters too, once: to empty such a queue takes etcd 3 s.
    fresh: [memory(400, handoffs(1_000, 60, 0.8))],
    freshRepetitions: 1,
    limitSeconds: 57,
  };
}

function fullPlan(repetitions: number): Plan {
  return {
    name: 'full',
    repetitions,
    warm: [
      ...CLIENTS.map((clients) => cycles(clients, 1, 3)),
      ...[1, 100, 1_000].map((waiters) => handoffs(waiters, 300, 8)),
      ...[1_000, 10_000].map((waiters) => wake(waiters, 5)),
    ],
    fresh: [memory(2_000, handoffs(1_000, 0, 0)), memory(2_000, handoffs(10_000, 300, 8))],
    freshRepetitions: 3,
    limitSeconds: 300 * repetitions,
  };
}

function cycles(clients: number, warmSeconds: number, seconds: number): CyclesJob {
  return { kind: 'cycles', clients, warmSeconds, seconds };
}

function handoffs(waiters: number, count: number, seconds: number): QueueJob {
  return {
    kind: 'queue',
    waiters,
    handoffs: count,
    handoffSeconds: seconds,
    gapMs: HANDOFF_GAP_MS,
    memory: false,
    settleMs: 0,
    emptyAfter: true,
  };
}

function wake(waiters: number, rounds: number): WakeJob {
  return { kind: 'wake', waiters, rounds };
}

function memory(settleMs: number, job: QueueJob): QueueJob {
  return { ...job, memory: true, settleMs, emptyAfter: false };
}
