// A whole run: queue, run the command under the lease, release, and say in one line and in `--result` how it came out.
//
// Must always hold: whatever happens, folds are closed, what was granted is released or said not to be, and exactly one exit code
// with one reason comes out (docs/run.md, "Exit codes").

import type { Client } from '../../client/client.ts';
import type { PlaceEnd } from '../../client/place.ts';
import type { Lease } from '../../client/types.ts';
import type { ClientSettings } from '../connection/settings.ts';
import type { Ending, RunEvent } from '../speech/events.ts';
import type { Mouth } from '../speech/mouth.ts';
import type { Summary } from '../speech/summary.ts';
import type { Failure } from '../text/errors.ts';
import { EXIT } from '../text/exit-codes.ts';
import { foreign } from '../text/sanitize.ts';
import type { Clock } from './clock.ts';
import { notGranted } from './not-granted.ts';
import type { RunPlan } from './plan.ts';
import { type Queued, queueUp } from './queue-up.ts';
import { nextHolder, type Released, release } from './release.ts';
import { appendEvent, nothingRun, type RunResult, seconds } from './result.ts';
import { codeOfCause, type StopRequests } from './stop-requests.ts';
import { LeaseRun, type UnderLease } from './under-lease.ts';

export interface RunDeps {
  readonly client: Client;
  readonly settings: ClientSettings;
  readonly clock: Clock;
  readonly mouth: Mouth;
  readonly stops: StopRequests;
  readonly env: NodeJS.ProcessEnv;
  readonly terminalShell: string | null;
  readonly keepStdin: boolean;
  readonly keyboard: boolean;
  /** Whether the last line has room for who is next. */
  readonly tellNext: boolean;
}

export interface RunEnd {
  readonly exitCode: number;
  /** An error that is still to be printed; nothing was run. */
  readonly failure: Failure | null;
  readonly result: RunResult;
  readonly summary: Summary | null;
}

export async function run(plan: RunPlan, deps: RunDeps): Promise<RunEnd> {
  const { mouth, clock } = deps;
  const tell = (event: RunEvent) => {
    mouth.hear(event, clock.monotonicMs());
    if (plan.eventsFile !== null) appendEvent(plan.eventsFile, event, new Date(clock.wallMs()));
  };
  try {
    const queued = await queueUp(plan, { ...deps, tell, nowMs: clock.monotonicMs, signal: deps.stops.signal });
    const { end } = queued;
    return end.kind === 'granted'
      ? await withLease(plan, deps, queued, end, tell)
      : withoutLease(plan, deps, queued, end, tell);
  } finally {
    mouth.close(clock.monotonicMs());
  }
}

function withoutLease(
  plan: RunPlan,
  deps: RunDeps,
  queued: Queued,
  end: Exclude<PlaceEnd, { kind: 'granted' }>,
  tell: (event: RunEvent) => void,
): RunEnd {
  const { waitedMs, left } = queued;
  if (end.kind === 'stopped') {
    const cause = deps.stops.first ?? 'SIGTERM';
    tell({ kind: 'left', cause, waitedMs, confirmed: left });
    const exitCode = codeOfCause[cause];
    const result = { ...nothingRun(waitedMs), outcome: 'stopped' as const, exitCode, code: cause };
    return { exitCode, failure: null, result, summary: summaryOf(plan, queued, null, 'left the queue') };
  }
  tell({ kind: 'not_granted', waitedMs });
  const { failure, outcome } = notGranted(end, plan, deps.settings);
  const { exitCode, code } = failure;
  const result = { ...nothingRun(waitedMs), outcome, exitCode, code };
  return { exitCode, failure, result, summary: summaryOf(plan, queued, null, `not granted: ${code}`) };
}

async function withLease(
  plan: RunPlan,
  deps: RunDeps,
  queued: Queued,
  { lease, secret }: PlaceEnd & { kind: 'granted' },
  tell: (event: RunEvent) => void,
): Promise<RunEnd> {
  const { client, stops } = deps;
  const { waitedMs } = queued;
  const leaseRun = new LeaseRun(plan, lease, secret, { ...deps, tell });
  const under = await leaseRun.run(() => tell({ kind: 'granted', lease, waitedMs }));
  const { heldMs } = leaseRun;
  // A child that could not be stopped still works there: then only the end of the lease lets anyone in, not we.
  const giveBack = under.kind !== 'lost' || under.emptied;
  // A runner that cancels does not wait, and a server that could not be reached for a whole ttl hardly answers now.
  const budgetMs = stops.first !== null || under.kind === 'lost' ? 3000 : 10_000;
  const released = giveBack ? await release(client, { id: lease.id, secret }, budgetMs) : ('unconfirmed' as const);
  const next = deps.tellNext && released === 'released' ? await nextHolder(client, lease) : null;
  const exitCode = exitCodeOf(under, stops);
  if (under.kind === 'stopped_before') {
    tell({ kind: 'left', cause: stops.first ?? 'SIGTERM', waitedMs, confirmed: released !== 'unconfirmed' });
  } else {
    const { endsInMs } = leaseRun;
    tell({ kind: 'ended', ending: endingOf(under, { exitCode, released, heldMs, next, lease, endsInMs }) });
  }
  const result = resultOf(under, lease, { exitCode, waitedMs, heldMs });
  const summary = summaryOf(plan, queued, { lease, heldMs }, howEnded(under, exitCode));
  return { exitCode, failure: null, result, summary };
}

/** Rule 9. */
function exitCodeOf(under: UnderLease, stops: StopRequests): number {
  switch (under.kind) {
    case 'lost':
      return EXIT.leaseLost;
    case 'not_started':
      return under.exitCode;
    case 'stopped_before':
      return codeOfCause[stops.first ?? 'SIGTERM'];
    case 'ran':
      // It did not answer the signal that was passed on.
      return under.killed && under.stoppedFor !== null ? codeOfCause[under.stoppedFor] : under.end.code;
  }
}

function endingOf(
  under: Exclude<UnderLease, { kind: 'stopped_before' }>,
  known: { exitCode: number; released: Released; heldMs: number; next: string | null; lease: Lease; endsInMs: number },
): Ending {
  const { exitCode, released, heldMs, next, lease, endsInMs } = known;
  return {
    outcome: under.kind,
    exitCode,
    release: released,
    heldMs,
    signal: under.kind === 'ran' ? under.end.signal : null,
    next,
    endsInMs: endsInMs > 0 ? endsInMs : null,
    page: lease.page,
    why: under.kind === 'not_started' ? under.why : null,
    ranAtAll: under.kind === 'ran' || (under.kind === 'lost' && under.end !== null),
  };
}

function resultOf(
  under: UnderLease,
  lease: Lease,
  known: { exitCode: number; waitedMs: number; heldMs: number },
): RunResult {
  const outcome = under.kind === 'stopped_before' ? 'stopped' : under.kind;
  const end = under.kind === 'ran' || under.kind === 'lost' ? under.end : null;
  return {
    outcome,
    exitCode: known.exitCode,
    commandExitCode: end?.code ?? null,
    lease: lease.id,
    fence: lease.fence,
    environments: lease.granted.map(({ environment }) => environment),
    waitedSeconds: seconds(known.waitedMs),
    heldSeconds: seconds(known.heldMs),
    code: under.kind === 'lost' ? under.loss.kind : null,
  };
}

function howEnded(under: UnderLease, exitCode: number): string {
  if (under.kind === 'lost') return `lost (${under.loss.kind}), exit ${exitCode}`;
  if (under.kind === 'ran') return exitCode === 0 ? 'released' : `released, exit ${exitCode}`;
  return `not started, exit ${exitCode}`;
}

function summaryOf(plan: RunPlan, queued: Queued, held: { lease: Lease; heldMs: number } | null, how: string): Summary {
  const names = held?.lease.granted.map(({ environment }) => foreign(environment)).join(', ');
  return {
    environment: names || plan.what,
    waitedMs: queued.waitedMs,
    behind: queued.behind,
    heldMs: held?.heldMs ?? null,
    fence: held?.lease.fence ?? null,
    how,
    page: held?.lease.page ?? null,
  };
}
