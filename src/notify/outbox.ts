// Which notices are to be sent next. What always holds: of one machine or build a sink hears in the order in which it happened, as
// long as what happened first was not given up; a sink that has no room takes nothing from the others.

import { serverKinds } from '../core/machines/job.ts';
import { noticeEvents } from '../core/machines/notice.ts';
import type { JobRow, Notice } from '../core/rows.ts';
import type { State } from '../core/state.ts';

export interface Outbox {
  /** Those that may be claimed, for each sink as many as it has room for, those that are due for longest first. */
  readonly due: readonly JobRow[];
  /** Those whose sink is none of ours. */
  readonly strays: readonly JobRow[];
  /** Log time at which there will be another one, as far as is known; null: none. */
  readonly nextTick: number | null;
}

/** Another server, set up otherwise, may know the sink, and gets the time to show it. */
const strayAfterMs = 60_000;
const straysAtOnce = 100;
const ranks = new Map<string, number>(noticeEvents.map((event, i) => [event, i]));

/** `roomOf`: how many more a sink may be sent; null: there is no such sink. */
export function outbox({ jobs }: State, tick: number, roomOf: (sink: string) => number | null): Outbox {
  const told = [...jobs.values()].filter(isTold);
  const first = firstOfEach(told);
  const due: JobRow[] = [];
  const strays: JobRow[] = [];
  let nextTick: number | null = null;
  const left = new Map<string, number | null>();
  for (const job of told.sort((a, b) => dueTick(a) - dueTick(b))) {
    const { sink } = job.notice;
    if (!left.has(sink)) left.set(sink, roomOf(sink));
    const room = left.get(sink) ?? null;
    if (room === 0 || (room !== null && first.get(lineOf(job)) !== rankOf(job))) continue;
    const atTick = dueTick(job) + (room === null ? strayAfterMs : 0);
    if (atTick > tick) {
      nextTick = Math.min(nextTick ?? atTick, atTick);
    } else if (room === null) {
      if (strays.length < straysAtOnce) strays.push(job);
      else nextTick = tick;
    } else {
      due.push(job);
      left.set(sink, room - 1);
    }
  }
  return { due, strays, nextTick };
}

type ToldJob = JobRow & { readonly notice: Notice };

function isTold(job: JobRow): job is ToldJob {
  return serverKinds.includes(job.kind) && job.state !== 'dead' && job.notice !== null;
}

/** By sink and subject: what happened first of what is still to be told. */
function firstOfEach(jobs: readonly ToldJob[]): ReadonlyMap<string, number> {
  const first = new Map<string, number>();
  for (const job of jobs) {
    const line = lineOf(job);
    first.set(line, Math.min(first.get(line) ?? Number.POSITIVE_INFINITY, rankOf(job)));
  }
  return first;
}

function lineOf({ notice: { sink }, subject }: ToldJob): string {
  return `${sink} ${subject}`;
}

/** Each event happens once to a machine or a build, in this order: it needs no clock. */
function rankOf({ notice: { event } }: ToldJob): number {
  return ranks.get(event) ?? ranks.size;
}

/** From when on it may be claimed; of one that is being sent, when whoever sends it counts as gone. */
function dueTick({ state, claim, dueTick: due }: JobRow): number {
  return state === 'claimed' ? (claim?.untilTick ?? due) : due;
}
