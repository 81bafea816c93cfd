// Who waits for what, by what they still wait for: made of the server's list of waits, without a page.
//
// Must always hold: a list of waiters that has not changed is the same list, so that nothing is painted anew for it.

import type { Holder, OpenWait, WaitList } from '../../../src/client/types.ts';

export interface Waiter {
  readonly id: string;
  readonly by: string;
  readonly holder: Holder;
  readonly since: string;
  readonly until: string;
  /** It waits for other things too. */
  readonly isForMore: boolean;
}

export interface Waits {
  /** By target, the longest first: those who still wait for it. */
  readonly pending: ReadonlyMap<string, readonly Waiter[]>;
  /** Those who have seen it and wait for something else. */
  readonly settled: ReadonlyMap<string, readonly Waiter[]>;
  readonly open: readonly OpenWait[];
  readonly timedOut: WaitList['timedOut'];
  readonly timedOutCount: number;
  readonly probes: WaitList['probes'];
  readonly probesCount: number;
  /** There are more who wait than were asked for. */
  readonly isCut: boolean;
}

/** `before`: lists of those who still wait as before stay the same ones, so that nothing is painted anew for them. */
export function waitsOf(list: WaitList, before: Waits | null): Waits {
  const pending = new Map<string, Waiter[]>();
  const settled = new Map<string, Waiter[]>();
  for (const { id, by, holder, since, until, conditions } of list.items) {
    const waiter = { id, by, holder, since, until, isForMore: conditions.length > 1 };
    for (const { target, state } of conditions) {
      const into = state === 'pending' ? pending : settled;
      const known = into.get(target);
      if (known === undefined) into.set(target, [waiter]);
      else known.push(waiter);
    }
  }
  return {
    pending: kept(pending, before?.pending),
    settled: kept(settled, before?.settled),
    open: list.items,
    timedOut: list.timedOut,
    timedOutCount: list.timedOutCount,
    probes: list.probes,
    probesCount: list.probesCount,
    isCut: list.next !== null,
  };
}

function kept(
  now: ReadonlyMap<string, Waiter[]>,
  before: ReadonlyMap<string, readonly Waiter[]> | undefined,
): Map<string, readonly Waiter[]> {
  const lists = [...now].map(([target, waiters]): [string, readonly Waiter[]] => {
    const sorted = waiters.toSorted((a, b) => Date.parse(a.since) - Date.parse(b.since));
    const known = before?.get(target);
    const isSame = known?.length === sorted.length && known.every(({ id }, index) => id === sorted[index]?.id);
    return [target, isSame ? known : sorted];
  });
  return new Map(lists);
}

export function barrierTarget({ name, generation }: { name: string; generation: string }): string {
  return `barrier:${name}${generation === '' ? '' : ` (${generation})`}`;
}
