// What a worker is told, and what it tells: all that it needs to do a job outside, and all that it may write down. A worker inside
// the server and one that comes over HTTP say the same (`POST /v1/jobs/{id}/work`). What always holds: whatever it says in the name
// of a claim that has passed to another worker changes nothing.

import type { Outcome } from '../errors.ts';
import { accept, refuse } from '../errors.ts';
import type { BuildRow, Facts, ImageRow, InstanceRow, JobRow } from '../rows.ts';
import type { Turn } from '../turn.ts';
import {
  beginLaunch,
  beginStep,
  endBuild,
  endCancelled,
  endLaunch,
  endStep,
  failStep,
  openScript,
  toEnd,
} from './build.ts';
import { newestActive } from './image.ts';
import { ended } from './instance.ts';
import { type Claim, claimed, claimJob, failTry, keepJob } from './job.ts';
import { endLook, type Look, reconcile } from './reconcile.ts';

export type WorkCommand =
  /** It is still at it. */
  | { readonly do: 'keep'; readonly holdMs: number }
  | { readonly do: 'begin_step'; readonly step: string }
  | { readonly do: 'end_step'; readonly step: string; readonly facts: Facts }
  | { readonly do: 'open_script' }
  | { readonly do: 'begin_launch'; readonly instance: string; readonly choice: number }
  | { readonly do: 'end_launch'; readonly instance: string; readonly cloudId: string; readonly facts: Facts }
  | { readonly do: 'end_build' }
  /** Those of a cancelled build that were never asked for are gone. */
  | { readonly do: 'begin_cancel' }
  | { readonly do: 'end_cancel' }
  /** The driver has said that it is gone, or never was. */
  | { readonly do: 'ended'; readonly instance: string }
  | ({ readonly do: 'looked' } & Look)
  | { readonly do: 'end_look'; readonly removed: readonly string[] }
  | {
      readonly do: 'failed';
      readonly step: string;
      readonly reason: string;
      readonly againAfterMs: number;
      readonly isFinal: boolean;
    };

/** A job, and all that is known of what it is about. */
export interface Work {
  readonly job: JobRow;
  readonly claim: Claim;
  /** Log time of the claim or command. */
  readonly tick: number;
  /** null: the job is about no build, or about a machine that nobody here has asked for. */
  readonly build: BuildRow | null;
  /** The machines of the build, in its order; or the one machine that the job is about; of a look all that may be there. */
  readonly machines: readonly InstanceRow[];
  /** What a build that names no image takes, as far as it is known here. */
  readonly image: ImageRow | null;
  /** After a look: what is to be removed because nobody shares it any more. */
  readonly unshared: readonly string[];
}

/** The next job that is due, for this worker, or the one with this id (claimJob); null: none is. */
export function claimWork(
  turn: Turn,
  worker: string,
  holdMs: number,
  kinds: readonly JobRow['kind'][],
  id: string | null = null,
): Work | null {
  const next = claimJob(turn, worker, holdMs, kinds, id);
  return next === null ? null : workOf(turn, next.job, next.claim);
}

/** Writes down what a worker says, and answers with how things stand then. */
export function tellWork(turn: Turn, claim: Claim, command: WorkCommand, newId: () => string): Outcome<Work> {
  const before = claimed(turn, claim);
  if (!before.ok) return before;
  const fault = unfit(turn, before.value, command);
  if (fault !== null) return refuse('invalid_request', fault, { field: 'do' });
  if (command.do === 'looked') {
    const found = reconcile(turn, command, newId);
    const report = { ...found, removed: [], at: turn.moment.at };
    const job = turn.put('job', claim.job, (seq) => ({ ...before.value, seq, report: withoutUnshared(report) }));
    return accept({ ...workOf(turn, job, claim), unshared: found.unshared });
  }
  const done = obey(turn, claim, command, before.value);
  if (!done.ok) return done;
  return accept(workOf(turn, turn.state.jobs.get(claim.job) ?? before.value, claim));
}

function obey(
  turn: Turn,
  claim: Claim,
  command: Exclude<WorkCommand, { do: 'looked' }>,
  job: JobRow,
): Outcome<unknown> {
  switch (command.do) {
    case 'keep':
      return keepJob(turn, claim, command.holdMs);
    case 'begin_step':
      return beginStep(turn, claim, command.step);
    case 'end_step':
      return endStep(turn, claim, command.step, command.facts);
    case 'open_script':
      return openScript(turn, claim);
    case 'begin_launch':
      return beginLaunch(turn, claim, command.instance, command.choice);
    case 'end_launch':
      return endLaunch(turn, claim, command.instance, command);
    case 'end_build':
      return endBuild(turn, claim);
    case 'begin_cancel':
      return toEnd(turn, claim);
    case 'end_cancel':
      return endCancelled(turn, claim);
    case 'ended':
      return ended(turn, claim, command.instance, null);
    case 'end_look':
      return endLook(turn, claim, { ...emptyReport, ...job.report, removed: command.removed });
    case 'failed':
      return job.kind === 'build' ? failStep(turn, claim, command) : accept(failTry(turn, job, command));
  }
}

const emptyReport = { listed: 0, adopted: [], ending: [], gone: [] };
const ofBuilds = new Set([
  ...['begin_step', 'end_step', 'open_script', 'begin_launch', 'end_launch', 'end_build', 'begin_cancel', 'end_cancel'],
  'ended',
]);

const ofCancelled = new Set(['begin_cancel', 'end_cancel', 'ended']);

/** What is wrong with saying this of such a job; null: nothing. Steps must be told in their order, and of the job's own machines. */
function unfit({ state }: Turn, { kind, subject }: JobRow, command: WorkCommand): string | null {
  const { do: what } = command;
  if (what === 'keep' || what === 'failed') return null;
  if (kind === 'terminate' && what === 'ended' && command.instance === subject) return null;
  if (kind === 'reconcile' && (what === 'looked' || what === 'end_look')) return null;
  if (kind !== 'build' || !ofBuilds.has(what)) return `${what} cannot be said of a job that is to ${kind}.`;
  const build = state.builds.get(subject);
  if (ofCancelled.has(what) && build?.cancelling === null)
    return `${what} cannot be said: ${subject} is not cancelled.`;
  if (what === 'ended' && build?.instances.includes(command.instance) === false)
    return `Build ${subject} has no machine ${command.instance}.`;
  return null;
}

function workOf(turn: Turn, job: JobRow, claim: Claim): Work {
  const { state, moment } = turn;
  const machine = job.kind === 'terminate' ? state.instances.get(job.subject) : undefined;
  const buildId = job.kind === 'build' ? job.subject : machine?.build;
  const build = buildId == null ? null : (state.builds.get(buildId) ?? null);
  return {
    ...{ job, claim, tick: moment.tick, build, unshared: [] },
    machines: machinesOf(turn, job, build),
    image: build === null ? null : newestActive(state, build.spec.role),
  };
}

function machinesOf({ state }: Turn, { kind, subject }: JobRow, build: BuildRow | null): InstanceRow[] {
  if (kind === 'reconcile')
    return state.instances
      .values()
      .filter(({ state: is }) => is !== 'gone')
      .toArray();
  const ids = kind === 'build' ? (build?.instances ?? []) : [subject];
  return ids.flatMap((id) => state.instances.get(id) ?? []);
}

function withoutUnshared<T extends { unshared: unknown }>({ unshared, ...report }: T): Omit<T, 'unshared'> {
  return report;
}
