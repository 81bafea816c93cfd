// The rows of the table: what each figure of the load generator is called, and in what order they are shown.

import { CLIENTS, type Plan } from './plan.ts';

export interface Row {
  id: string;
  title: string;
  /** Whether a ratio of this row to another system's says anything. */
  compared: boolean;
}

export function rowsOf(plan: Plan): Row[] {
  const rows: Row[] = [];
  const row = (id: string, title: string, compared = true) => rows.push({ id, title, compared });

  for (const n of CLIENTS) row(`cycles.${n}`, `cycles/s, ${counted(n, 'client')}`);
  for (const n of CLIENTS) {
    row(`acquireP50.${n}`, `acquire p50 µs, ${counted(n, 'client')}`);
    row(`acquireP99.${n}`, `acquire p99 µs, ${counted(n, 'client')}`);
  }
  row('serverCpu.64', 'server CPU µs a cycle, 64 clients');
  const queues = [...plan.warm, ...plan.fresh].filter((job) => job.kind === 'queue');
  for (const { waiters, handoffs } of queues) {
    if (handoffs === 0) continue;
    row(`handoffP50.${waiters}`, `hand-off p50 µs, ${counted(waiters, 'waiter')}`);
    row(`handoffP99.${waiters}`, `hand-off p99 µs, ${counted(waiters, 'waiter')}`);
  }
  for (const work of plan.warm) {
    if (work.kind !== 'wake') continue;
    row(`wakeP50.${work.waiters}`, `all of ${counted(work.waiters, 'waiter')} woken, p50 ms`);
    row(`wakeMax.${work.waiters}`, `all of ${counted(work.waiters, 'waiter')} woken, longest ms`);
  }
  for (const { waiters } of plan.fresh) {
    row(`waiterMemory.${waiters}`, `KB per waiting client, ${counted(waiters, 'waiter')}`);
    row(`serverMemory.${waiters}`, `server MB with ${counted(waiters, 'waiter')}`);
  }
  row('loadCpu.64', 'load generator CPU µs a cycle, 64 clients', false);
  row('loadBusy.64', 'load generator busy, 64 clients', false);
  row('othersBusy.64', 'others on the machine busy, 64 clients', false);
  return rows;
}

function counted(n: number, noun: string): string {
  return `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;
}
