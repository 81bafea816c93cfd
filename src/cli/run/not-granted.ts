// Why a run got no lease, as an error of three parts; whatever the reason, nothing was run.

import type { PlaceEnd } from '../../client/place.ts';
import type { Lease } from '../../client/types.ts';
import { failureOf } from '../connection/failures.ts';
import type { ClientSettings } from '../connection/settings.ts';
import { formatDuration } from '../text/durations.ts';
import { Failure } from '../text/errors.ts';
import { EXIT } from '../text/exit-codes.ts';
import { foreign } from '../text/sanitize.ts';
import type { RunPlan } from './plan.ts';
import type { RunResult } from './result.ts';

type Ungranted = Exclude<PlaceEnd, { kind: 'granted' } | { kind: 'stopped' }>;

export function notGranted(
  end: Ungranted,
  plan: RunPlan,
  settings: ClientSettings,
): { failure: Failure; outcome: RunResult['outcome'] } {
  switch (end.kind) {
    case 'ended':
      return { failure: endedInQueue(end.lease, plan), outcome: 'not_granted' };
    case 'unreachable': {
      const gone = { ok: false, kind: 'unreachable', reason: end.reason, aborted: false, retryAfterMs: null } as const;
      return { failure: nothingWasRun(failureOf(gone, settings, formatDuration(end.triedMs))), outcome: 'unreachable' };
    }
    case 'refused': {
      const { problem } = end;
      const refusal = { ok: false, kind: 'problem', status: problem.status, problem, retryAfterMs: null } as const;
      const failure = nothingWasRun(failureOf(refusal, settings));
      return { failure, outcome: failure.exitCode === EXIT.notGranted ? 'not_granted' : 'refused' };
    }
  }
}

function endedInQueue(lease: Lease, plan: RunPlan): Failure {
  const by = lease.end ? foreign(lease.end.by) : 'someone';
  const reason = lease.end?.reason ? `: "${foreign(lease.end.reason)}"` : '';
  const how = lease.end?.how ?? lease.state;
  if (how === 'queue_timeout') {
    const waited = plan.waitMs === null ? '' : ` within ${formatDuration(plan.waitMs)} (--wait)`;
    return made(`${plan.what} was not granted${waited}.`, 'not_granted', [
      'Who holds it, and who waits: signalbox status',
    ]);
  }
  if (how === 'environment_draining' || how === 'environment_deleted') {
    const what = how === 'environment_deleted' ? 'was deleted' : 'is being drained';
    return made(`${plan.what} ${what} by ${by} while this waited for it${reason}.`, 'not_granted', []);
  }
  return made(`the place in the queue of ${plan.what} was cancelled by ${by}${reason}.`, 'not_granted', []);
}

function made(what: string, code: string, more: readonly string[]): Failure {
  return nothingWasRun(new Failure({ what, code, more }));
}

function nothingWasRun(failure: Failure): Failure {
  const { message: what, code, more, exitCode, problem, cause } = failure;
  return new Failure({ what, code, more: [...more, 'Nothing was run.'], exitCode, ...(problem && { problem }), cause });
}
