// What Signalbox is to reach, with everything on, and whether this run did. The bench fails nothing by it: a shared
// machine proves little in one run.

import type { Samples } from './samples.ts';
import type { SystemName } from './systems/system.ts';

interface Goal {
  title: string;
  measured: (samples: Samples) => number | null;
  /** The first step, then the goal itself. */
  steps: readonly [number, number];
  atLeast: boolean;
}

export type Verdict = 'reached' | 'first step' | 'not yet';

export interface Judged {
  title: string;
  measured: number;
  steps: readonly [number, number];
  verdict: Verdict;
}

const goals: readonly Goal[] = [
  ratio('cycles/s of etcd, 1 client', 'etcd', 'cycles.1', [3, 3.5]),
  ratio('cycles/s of etcd, 64 clients', 'etcd', 'cycles.64', [5, 8]),
  ratio('cycles/s of etcd, 256 clients', 'etcd', 'cycles.256', [5, 8]),
  ratio('cycles/s of redis always, 1 client', 'redis', 'cycles.1', [0.5, 0.8]),
  ratio('cycles/s of redis always, 64 clients', 'redis', 'cycles.64', [0.5, 0.8]),
  ratio('cycles/s without storage, 64 clients', 'signalbox-memory', 'cycles.64', [0.85, 0.85]),
  atMost('server CPU µs a cycle, 64 clients', 'serverCpu.64', [45, 28]),
  atMost('hand-off p99 µs, 1 waiter', 'handoffP99.1', [400, 400]),
  atMost('hand-off p99 µs, 100 waiters', 'handoffP99.100', [400, 400]),
  atMost('hand-off p99 µs, 1,000 waiters', 'handoffP99.1000', [400, 400]),
  {
    title: 'hand-off p50 with 10,000 waiters, times that with 1',
    measured: (samples) => {
      const many = samples.median('signalbox', 'handoffP50.10000');
      const one = samples.median('signalbox', 'handoffP50.1');
      return many === null || one === null ? null : many / one;
    },
    steps: [1.5, 1.5],
    atLeast: false,
  },
  atMost('ms until all of 1,000 waiters are woken', 'wakeP50.1000', [50, 50]),
  atMost('KB per waiting client, 10,000 waiters', 'waiterMemory.10000', [12, 12]),
  // On PostgreSQL, with the database, the servers and the load on two cores together.
  onPostgres('cycles/s, one server, 256 clients', 'one.256.perSecond', 6_000, 'at least'),
  onPostgres('PostgreSQL CPU µs a cycle, 256 clients', 'one.256.postgresCpu', 70),
  onPostgres('WAL bytes a cycle, 256 clients', 'one.256.walBytes', 1_600),
  timesOnPostgres('cycles/s of three servers, one space, times those of one', 'three', 'one.256', 0.8),
  onPostgres('least share of the turns, three servers', 'three.leastTurns', 0.28, 'at least'),
  onPostgres('most share of the turns, three servers', 'three.mostTurns', 0.38),
  timesOnPostgres('cycles/s of three servers, three spaces, times one space', 'threeSpaces', 'three', 1.4),
  onPostgres('hand-off between servers p99 ms, idle', 'handoffIdle.p99', 10),
  onPostgres('hand-off between servers p99 ms, half load', 'handoffHalf.p99', 20),
  onPostgres('hand-off between servers p99 ms, saturated', 'handoffFull.p99', 60),
  onPostgres('longest hand-off ms, no notification arrives', 'handoffSilent.longest', 300),
  onPostgres('longest pause ms, one server halted in a turn', 'halt.longest', 350),
];

/** Those goals for which this run has figures. */
export function judge(samples: Samples): Judged[] {
  return goals.flatMap(({ title, measured: measure, steps, atLeast }) => {
    const measured = measure(samples);
    if (measured === null) return [];
    const meets = (step: number) => (atLeast ? measured >= step : measured <= step);
    const verdict: Verdict = meets(steps[1]) ? 'reached' : meets(steps[0]) ? 'first step' : 'not yet';
    return [{ title: `${title} ${atLeast ? '>=' : '<='}`, measured, steps, verdict }];
  });
}

function ratio(title: string, to: SystemName, row: string, steps: [number, number]): Goal {
  return { title: `times the ${title}`, measured: (s) => s.ratio('signalbox', to, row), steps, atLeast: true };
}

function atMost(title: string, row: string, steps: [number, number]): Goal {
  return { title, measured: (samples) => samples.median('signalbox', row), steps, atLeast: false };
}

function onPostgres(title: string, row: string, step: number, bound: 'at least' | 'at most' = 'at most'): Goal {
  const measured = (samples: Samples) => samples.median('signalbox-postgres', row);
  return { title, measured, steps: [step, step], atLeast: bound === 'at least' };
}

function timesOnPostgres(title: string, row: string, to: string, step: number): Goal {
  const measured = (samples: Samples) =>
    samples.ratioOfRows('signalbox-postgres', `${row}.perSecond`, `${to}.perSecond`);
  return { title, measured, steps: [step, step], atLeast: true };
}
