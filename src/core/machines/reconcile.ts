// What the driver lists under our tag, against what is known here. What always holds:
//   B3 what carries our tag and is known to nobody is adopted where a build still waits for it, and else ended;
//   B4 what was known and is not listed is gone only after it was missed again and again for a while, or was asked for by its id;
//   B6 what machines have shared goes once the last of them is gone;
//   - what lacks our tag is never touched: it is not in the list.
// The look is a job of its own, one for all servers of a space, that is due again a period after its end.

import type { Outcome } from '../errors.ts';
import { accept } from '../errors.ts';
import type { ImageRow, InstanceRow, LookReport } from '../rows.ts';
import type { State } from '../state.ts';
import type { Turn } from '../turn.ts';
import { nowRuns } from './build.ts';
import { learnImages } from './image.ts';
import { endInstance, endSoon, isThere, otherCalled } from './instance.ts';
import { addJob, type Claim, claimed, jobOf, wakeJob } from './job.ts';

/** A machine that the driver lists: by our tag, and whether it is still to be paid for. */
export interface Listed {
  readonly cloudId: string;
  /** Our id of it, from its tag. */
  readonly instance: string;
  readonly facts: InstanceRow['facts'];
}

export interface Look {
  readonly listed: readonly Listed[];
  /** Those that the driver was asked for by its own id, and that it says are not there. */
  readonly notThere: readonly string[];
  /** What machines share, by the build it was made for. */
  readonly shared: readonly { readonly id: string; readonly build: string }[];
  /** null: the driver has no images. */
  readonly images: readonly Omit<ImageRow, 'seq' | 'source'>[] | null;
  /** What was launched after this log time may not be listed yet. */
  readonly sinceTick: number;
}

/** Looks in a row, and how long they must lie apart, until one that is not found is believed to be gone; how far a list may be behind. */
const missedLooks = 3;
const missedForMs = 30_000;

export interface Reconciled extends Omit<LookReport, 'at' | 'removed'> {
  /** Ids of what is shared by nobody any more, and is to be removed by the driver. */
  readonly unshared: readonly string[];
}

/** Makes sure that the driver is looked at, now and then. */
export function keepLooking(turn: Turn, id: string): void {
  if (!looksAround(turn.state)) addJob(turn, id, 'reconcile', '');
}

export function looksAround({ jobs }: State): boolean {
  return jobs.values().some(({ kind }) => kind === 'reconcile');
}

/** Ids that are made of nothing but what is known give the same turn on every server. */
export function reconcile(turn: Turn, look: Look, newId: () => string): Reconciled {
  const done = { adopted: [] as string[], ending: [] as string[], gone: [] as string[] };
  // By our ids: an id of the driver's may have passed to another machine.
  const seen = new Set<string>();
  const notThere = new Set(look.notThere);
  for (const listed of look.listed) {
    const machine = turn.state.instances.get(listed.instance);
    if (machine?.state === 'launching' || machine?.cloudId === listed.cloudId) seen.add(listed.instance);
    // The other one is gone, or will be missed.
    if (machine?.state === 'launching' && otherCalled(turn, listed.cloudId, machine.id) !== undefined) continue;
    if (machine?.state === 'launching' && isAwaited(turn.state, machine)) {
      nowRuns(turn, machine, listed.cloudId, listed.facts);
      turn.event('instance.adopted', listed.cloudId, 'signalbox', { instance: machine.id });
      done.adopted.push(listed.cloudId);
    } else if (machine?.state === 'launching') {
      const found = nowRuns(turn, machine, listed.cloudId, listed.facts);
      endSoon(turn, found, { job: newId(), by: 'signalbox', reason: 'its build is over' });
      done.ending.push(listed.cloudId);
    } else if (machine === undefined || machine.cloudId !== listed.cloudId || machine.state === 'gone') {
      if (hasJustEnded(turn.state, listed.cloudId, look.sinceTick)) continue;
      endStranger(turn, listed, newId);
      done.ending.push(listed.cloudId);
    } else if (machine.missed !== null || !isSame(machine.facts, listed.facts)) {
      turn.put('instance', machine.id, (seq) => ({ ...machine, seq, missed: null, facts: listed.facts }));
    }
  }
  for (const machine of [...turn.state.instances.values()]) {
    if (machine.state === 'ending' && !isCancelling(turn.state, machine)) goOn(turn, 'terminate', machine.id, newId);
    if (!mayVanish(turn.state, machine) || seen.has(machine.id)) continue;
    const isDenied = machine.cloudId !== null && notThere.has(machine.cloudId) && isOld(machine, look.sinceTick);
    if (isDenied || miss(turn, machine, look.sinceTick)) {
      endInstance(turn, machine, 'signalbox', 'the driver has it no longer');
      done.gone.push(machine.cloudId ?? machine.id);
    }
  }
  for (const build of [...turn.state.builds.values()])
    if (build.cancelling !== null && build.state !== 'cancelled') goOn(turn, 'build', build.id, newId);
  if (look.images !== null) learnImages(turn, look.images);
  const unshared = look.shared.filter(({ build }) => !isShared(turn.state, build)).map(({ id }) => id);
  return { ...done, listed: look.listed.length, unshared };
}

/** The look is over; the next one is due after a period. */
export function endLook(turn: Turn, claim: Claim, found: Omit<LookReport, 'at'>): Outcome<null> {
  const job = claimed(turn, claim);
  if (!job.ok) return job;
  const report: LookReport = { ...found, at: turn.moment.at };
  turn.put('job', claim.job, (seq) => ({
    ...{ ...job.value, seq, state: 'waiting', claim: null, tries: 0, error: null, report },
    dueTick: turn.moment.tick + turn.state.settings.lookEveryMs,
  }));
  if (found.removed.length > 0) turn.event('shared.removed', 'signalbox', 'signalbox', { removed: found.removed });
  return accept(null);
}

/** Whether it is looked for: it runs, or it may, although nobody works on it any more. */
function mayVanish(state: State, machine: InstanceRow): boolean {
  if (machine.state === 'running' || machine.state === 'ready') return machine.cloudId !== null;
  return machine.state === 'launching' && !isAwaited(state, machine);
}

/** Launched so long ago that a source which denies it must be believed: of what is new even the source may not know yet. */
function isOld({ launchedTick }: InstanceRow, sinceTick: number): boolean {
  return (launchedTick ?? Number.NEGATIVE_INFINITY) + missedForMs <= sinceTick;
}

/** Whether it was ended so short a while ago that a list which still shows it may only be behind. */
function hasJustEnded({ instances }: State, cloudId: string, sinceTick: number): boolean {
  return instances
    .values()
    .some((row) => row.cloudId === cloudId && row.state === 'gone' && (row.endedTick ?? 0) + missedForMs > sinceTick);
}

/** Whether the job of its build ends it. */
function isCancelling({ builds }: State, { build: id }: InstanceRow): boolean {
  const build = id === null ? undefined : builds.get(id);
  return build !== undefined && build.cancelling !== null && build.state !== 'cancelled';
}

/** Whether somebody still works on the build of a machine that was asked for. */
function isAwaited({ builds }: State, { build: id }: InstanceRow): boolean {
  const build = id === null ? undefined : builds.get(id);
  if (build === undefined) return false;
  return build.cancelling !== null || build.state === 'pending' || build.state === 'building';
}

/** Whether the build that it was made for goes on, or has machines left. */
function isShared({ builds, instances }: State, id: string): boolean {
  const build = builds.get(id);
  if (build === undefined) return false;
  if (build.state === 'pending' || build.state === 'building') return true;
  return build.instances.some((each) => {
    const machine = instances.get(each);
    return machine !== undefined && isThere(machine);
  });
}

/** What is to go costs money until it does: its job is never given up. */
function goOn(turn: Turn, kind: 'build' | 'terminate', subject: string, newId: () => string): void {
  const job = jobOf(turn, kind, subject);
  if (job === undefined) addJob(turn, newId(), kind, subject);
  else if (job.state === 'dead') wakeJob(turn, job);
}

/** It carries our tag, and nobody here waits for it: nobody would ever end it. */
function endStranger(turn: Turn, { cloudId, instance, facts }: Listed, newId: () => string): void {
  const known = turn.state.instances.values().find((row) => row.cloudId === cloudId && row.state !== 'gone');
  if (known !== undefined) {
    endSoon(turn, known, { job: newId(), by: 'signalbox', reason: 'nobody asked for it' });
    return;
  }
  const id = newId();
  const stranger = turn.put('instance', id, (seq) => ({
    ...{ id, seq, build: null, state: 'running', token: '', choice: 0, cloudId, facts, missed: null },
    ...{ pool: null, environment: null, by: 'signalbox' },
    ...{ launchedTick: null, launchedAt: null, endedAt: null, endedTick: null },
  }));
  const reason = `nobody knows ${instance}, which it is tagged with`;
  endSoon(turn, stranger, { job: newId(), by: 'signalbox', reason });
}

/** Counts a look that did not find it; true once that is enough. */
function miss(turn: Turn, machine: InstanceRow, sinceTick: number): boolean {
  const { tick } = turn.moment;
  const missed = { looks: (machine.missed?.looks ?? 0) + 1, sinceTick: machine.missed?.sinceTick ?? sinceTick };
  if (missed.looks >= missedLooks && tick - missed.sinceTick >= missedForMs) return true;
  turn.put('instance', machine.id, (seq) => ({ ...machine, seq, missed }));
  return false;
}

function isSame(known: InstanceRow['facts'], listed: InstanceRow['facts']): boolean {
  return JSON.stringify(known) === JSON.stringify(listed);
}
