// What the driver lists under our tag, against what is known here. What always holds:
//   B3 what carries our tag and is known to nobody is adopted where a build still waits for it, and else ended;
//   B4 what was known and is not listed is gone only after it was missed again and again for a while, or was asked for by its id;
//   - what lacks our tag is never touched: it is not in the list.

import type { InstanceRow } from '../rows.ts';
import type { Turn } from '../turn.ts';
import { nowRuns } from './build.ts';
import { endInstance, endSoon } from './instance.ts';

/** A machine that the driver lists: by our tag, and whether it is still to be paid for. */
export interface Listed {
  readonly cloudId: string;
  /** Our id of it, from its tag. */
  readonly instance: string;
  readonly facts: InstanceRow['facts'];
}

export interface Look {
  readonly listed: readonly Listed[];
  /** Those that the driver was asked for by their id, and that it says are not there. */
  readonly notThere: ReadonlySet<string>;
  /** What was launched after this log time may not be listed yet. */
  readonly sinceTick: number;
  /** Ids for the jobs that end what nobody knows. */
  readonly newId: () => string;
}

/** Looks in a row, and how long they must lie apart, until one that is not found is believed to be gone. */
const missedLooks = 3;
const missedForMs = 30_000;

export interface Reconciled {
  readonly adopted: readonly string[];
  readonly ending: readonly string[];
  readonly gone: readonly string[];
}

export function reconcile(turn: Turn, look: Look): Reconciled {
  const done = { adopted: [] as string[], ending: [] as string[], gone: [] as string[] };
  const seen = new Set<string>();
  for (const listed of look.listed) {
    const machine = turn.state.instances.get(listed.instance);
    seen.add(listed.cloudId);
    if (machine?.state === 'launching') {
      nowRuns(turn, machine, listed.cloudId, listed.facts);
      turn.event('instance.adopted', listed.cloudId, 'signalbox', { instance: machine.id });
      done.adopted.push(listed.cloudId);
    } else if (machine === undefined || machine.cloudId !== listed.cloudId || machine.state === 'gone') {
      endStranger(turn, listed, look.newId);
      done.ending.push(listed.cloudId);
    } else if (machine.missed !== null) {
      turn.put('instance', machine.id, (seq) => ({ ...machine, seq, missed: null }));
    }
  }
  for (const machine of [...turn.state.instances.values()]) {
    const { cloudId, state } = machine;
    if (cloudId === null || seen.has(cloudId) || (state !== 'running' && state !== 'ready')) continue;
    if (look.notThere.has(cloudId) || miss(turn, machine, look.sinceTick)) {
      endInstance(turn, machine, 'signalbox', 'the driver has it no longer');
      done.gone.push(cloudId);
    }
  }
  return done;
}

/** It carries our tag, and nobody here waits for it: nobody would ever end it. */
function endStranger(turn: Turn, { cloudId, instance, facts }: Listed, newId: () => string): void {
  const known = turn.state.instances.values().find((row) => row.cloudId === cloudId && row.state !== 'gone');
  if (known !== undefined) {
    endSoon(turn, known, newId(), 'signalbox', 'nobody asked for it');
    return;
  }
  const id = newId();
  const stranger = turn.put('instance', id, (seq) => ({
    ...{ id, seq, build: null, state: 'running', token: '', choice: 0, cloudId, facts, missed: null },
    ...{ by: 'signalbox', launchedAt: null, endedAt: null, endedTick: null },
  }));
  endSoon(turn, stranger, newId(), 'signalbox', `nobody knows ${instance}, which it is tagged with`);
}

/** Counts a look that did not find it; true once that is enough. */
function miss(turn: Turn, machine: InstanceRow, sinceTick: number): boolean {
  const { tick } = turn.moment;
  const missed = { looks: (machine.missed?.looks ?? 0) + 1, sinceTick: machine.missed?.sinceTick ?? sinceTick };
  if (missed.looks >= missedLooks && tick - missed.sinceTick >= missedForMs) return true;
  turn.put('instance', machine.id, (seq) => ({ ...machine, seq, missed }));
  return false;
}
