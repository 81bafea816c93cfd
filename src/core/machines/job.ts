// Jobs: what a worker is to do outside, in the cloud or wherever machines come from. What always holds: a job is claimed by one
// worker at a time, for as long as that worker goes on saying so; whatever is written in the name of a claim that has passed to
// another worker changes nothing; a job runs at least once, and what fails again and again is given up, and stays to be seen (B8).

import type { Outcome } from '../errors.ts';
import { accept, refuse } from '../errors.ts';
import type { JobRow } from '../rows.ts';
import type { State } from '../state.ts';
import type { Turn } from '../turn.ts';

/** The right to work on a job, and to write down what was done. */
export interface Claim {
  readonly job: string;
  readonly number: number;
}

/** What can only be done with the driver, and what only a server can do, which knows who is to be told. */
export const workerKinds: readonly JobRow['kind'][] = ['build', 'terminate', 'reconcile'];
export const serverKinds: readonly JobRow['kind'][] = ['notify'];

export function addJob(
  turn: Turn,
  id: string,
  kind: JobRow['kind'],
  subject: string,
  more: Partial<Pick<JobRow, 'notice' | 'report' | 'dueTick'>> = {},
): JobRow {
  return turn.put('job', id, (seq) => ({
    ...{ id, seq, kind, subject, state: 'waiting', tries: 0, dueTick: turn.moment.tick },
    ...{
      notice: null,
      report: null,
      pushedTick: null,
      claim: null,
      claims: 0,
      error: null,
      createdAt: turn.moment.at,
      ...more,
    },
  }));
}

/**
 * The job that has been due for longest, or whose worker has not been heard of for its time; null where there is none. With `id`
 * that one, due or not: whoever keeps its time elsewhere (Redis) has handed it over.
 */
export function claimJob(
  turn: Turn,
  worker: string,
  holdMs: number,
  kinds: readonly JobRow['kind'][],
  id: string | null = null,
): { job: JobRow; claim: Claim } | null {
  const { state, moment } = turn;
  const next = id === null ? longestDue(state, moment.tick, kinds) : handedOver(state, moment.tick, kinds, id);
  if (next === null) return null;
  const found = next;
  const number = found.claims + 1;
  const job = turn.put('job', found.id, (seq) => ({
    ...{ ...found, seq, state: 'claimed', claims: number },
    claim: { worker, number, untilTick: moment.tick + holdMs },
  }));
  return { job, claim: { job: job.id, number } };
}

function longestDue(state: State, tick: number, kinds: readonly JobRow['kind'][]): JobRow | null {
  let next: JobRow | null = null;
  for (const job of state.jobs.values()) {
    if (!kinds.includes(job.kind) || isElsewhere(state, job) || !isDue(job, tick)) continue;
    if (next === null || dueSince(job) < dueSince(next)) next = job;
  }
  return next;
}

function handedOver(state: State, tick: number, kinds: readonly JobRow['kind'][], id: string): JobRow | null {
  const job = state.jobs.get(id);
  if (job === undefined || !kinds.includes(job.kind) || job.state === 'dead') return null;
  return job.state === 'claimed' && !isDue(job, tick) ? null : job;
}

/** Whether it comes to its worker through Redis, and never from here. */
export function isElsewhere({ settings }: State, { kind }: JobRow): boolean {
  return settings.jobsThroughRedis && (kind === 'build' || kind === 'terminate');
}

/** It lies in Redis now; to be handed over from there. */
export function notePushed(turn: Turn, id: string): void {
  const job = turn.state.jobs.get(id);
  if (job !== undefined && job.pushedTick === null)
    turn.put('job', id, (seq) => ({ ...job, seq, pushedTick: turn.moment.tick }));
}

/** When the next job may be claimed; null where there is none. */
export function nextDue(state: State, kinds: readonly JobRow['kind'][]): number | null {
  let next: number | null = null;
  for (const job of state.jobs.values()) {
    if (job.state === 'dead' || !kinds.includes(job.kind) || isElsewhere(state, job)) continue;
    if (next === null || dueSince(job) < next) next = dueSince(job);
  }
  return next;
}

/** The worker is still at it. */
export function keepJob(turn: Turn, claim: Claim, holdMs: number): Outcome<JobRow> {
  const found = claimed(turn, claim);
  if (!found.ok) return found;
  const untilTick = turn.moment.tick + holdMs;
  return accept(
    turn.put('job', claim.job, (seq) => ({
      ...{ ...found.value, seq },
      claim: { ...(found.value.claim as NonNullable<JobRow['claim']>), untilTick },
    })),
  );
}

/** The job of a claim, as long as it stands. */
export function claimed(turn: Turn, { job: id, number }: Claim): Outcome<JobRow> {
  const job = turn.state.jobs.get(id);
  if (job?.state === 'claimed' && job.claim?.number === number) return accept(job);
  return refuse('job_lost', `Job ${id} has passed to another worker, or is over. Stop working on it.`, {
    facts: { job: id },
  });
}

/** It is done, whatever it was. */
export function endJob(turn: Turn, claim: Claim): void {
  turn.remove('job', claim.job);
}

/** With the pauses of whoever tells: hours. */
const noticeTries = 20;

export interface Failure {
  readonly reason: string;
  readonly againAfterMs: number;
  readonly isFinal: boolean;
}

/** A look at the driver is never given up, and who is to be told may be away for hours. */
function triesOf(turn: Turn, { kind }: JobRow): number {
  const { maxTries } = turn.state.settings;
  if (kind === 'reconcile') return Number.POSITIVE_INFINITY;
  return kind === 'notify' ? noticeTries : maxTries;
}

/**
 * A try has failed: it is tried again after a while, or given up for good where `isFinal`, or where it has failed as often as it
 * may. Says which.
 */
export function failTry(turn: Turn, job: JobRow, { reason, againAfterMs, isFinal }: Failure): 'again' | 'dead' {
  const tries = job.tries + 1;
  const isDead = isFinal || tries >= triesOf(turn, job);
  turn.put('job', job.id, (seq) => ({
    ...{ ...job, seq, tries, error: reason, claim: null, state: isDead ? 'dead' : 'waiting' },
    dueTick: turn.moment.tick + againAfterMs,
  }));
  return isDead ? 'dead' : 'again';
}

/** It is due at once, with all its tries before it. One that is claimed is left to its worker. */
export function wakeJob(turn: Turn, job: JobRow): void {
  if (job.state === 'claimed') return;
  turn.put('job', job.id, (seq) => ({
    ...{ ...job, seq, state: 'waiting', tries: 0, dueTick: turn.moment.tick, pushedTick: null },
  }));
}

/** The one server there is has started again: whoever had claimed a job is no more. */
export function freeJobs(turn: Turn): void {
  for (const job of [...turn.state.jobs.values()])
    if (job.state === 'claimed')
      turn.put('job', job.id, (seq) => ({ ...job, seq, state: 'waiting', claim: null, dueTick: turn.moment.tick }));
}

export function jobOf(turn: Turn, kind: JobRow['kind'], subject: string): JobRow | undefined {
  for (const job of turn.state.jobs.values()) if (job.kind === kind && job.subject === subject) return job;
  return undefined;
}

function dueSince({ state, claim, dueTick }: JobRow): number {
  return state === 'claimed' ? (claim?.untilTick ?? dueTick) : dueTick;
}

function isDue(job: JobRow, tick: number): boolean {
  return job.state !== 'dead' && dueSince(job) <= tick;
}
