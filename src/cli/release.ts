// `signalbox release`: gives back what acquire took. Made for cleanup steps: a lease that has ended already, or was never
// granted, is a note and exit 0, so that a green job is never turned red; --strict says otherwise.

import type { Problem } from '../client/outcome.ts';
import type { Lease } from '../client/types.ts';
import { variables } from '../config.ts';
import { connect } from './connection/connect.ts';
import { untilAnswered } from './connection/retry.ts';
import { command, withConnection } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { chosenLease, type LeaseFlags } from './lease-argument.ts';
import { removeState } from './state-file.ts';
import { durationArgument } from './text/arguments.ts';
import { formatDuration } from './text/durations.ts';
import { Failure } from './text/errors.ts';
import { EXIT } from './text/exit-codes.ts';
import { endText, environmentsText } from './text/leases.ts';
import { foreign } from './text/sanitize.ts';

interface ReleaseFlags extends LeaseFlags, OutputFlags {
  readonly strict?: boolean;
  readonly serverWait: string;
}

export function releaseCommand() {
  const made = command({
    name: 'release',
    summary: 'Give back a lease, or leave the queue. Releasing again is fine.',
    examples: [
      ['signalbox release --state .lease', 'what acquire wrote there'],
      ['signalbox release ls_7Kq2mZ', 'by its id'],
      ['signalbox release', 'the one in SIGNALBOX_LEASE'],
    ],
  });
  return withConnection(made)
    .argument('[lease]', 'id of the lease')
    .option('--state <file>', 'the file that acquire wrote; it is removed')
    .option('--strict', 'exit 76 when the lease had ended before')
    .option('--server-wait <duration>', 'how long to try while the server is away', '15s')
    .action(release);
}

async function release(argument: string | undefined, flags: ReleaseFlags): Promise<void> {
  const out = new Output(flags);
  const budgetMs = durationArgument(flags.serverWait, '--server-wait');
  const chosen = chosenLease(argument, flags, variables());
  if (chosen === null) {
    noteOrFail(out, flags, `nothing to release: there is no ${flags.state}.`, null);
    return;
  }
  const { client, need } = await connect(chosen.connection);
  const outcome = await untilAnswered(() => client.release(chosen.id, { secret: chosen.secret }), budgetMs);
  const hadEnded =
    !outcome.ok && outcome.kind === 'problem' && ['lease_ended', 'lease_unknown'].includes(outcome.problem.code);
  if (!outcome.ok && hadEnded) {
    noteOrFail(out, flags, endedNote(chosen.id, outcome.problem), outcome.problem);
  } else {
    const lease = need(outcome);
    if (out.json) out.object(lease);
    else out.talk(releasedText(lease), '✓');
  }
  if (flags.state !== undefined) removeState(flags.state);
}

function releasedText(lease: Lease): string {
  const what = environmentsText(lease);
  if (lease.state === 'cancelled') return `left the queue of ${what}`;
  if (lease.grantedAt === null || lease.endedAt === null) return `${what} released`;
  return `${what} released after ${formatDuration(Date.parse(lease.endedAt) - Date.parse(lease.grantedAt))}`;
}

function endedNote(id: string, problem: Problem): string {
  const lease = problem.lease as Lease | undefined;
  if (lease === undefined) return `lease ${foreign(id, 40)} ended long ago, or never was; nothing to release.`;
  return `lease ${lease.id} on ${environmentsText(lease)} had ended: it ${endText(lease)}. Nothing to release.`;
}

function noteOrFail(out: Output, flags: ReleaseFlags, note: string, problem: Problem | null): void {
  if (flags.strict) {
    throw new Failure({
      what: note,
      code: 'lease_lost',
      exitCode: EXIT.leaseLost,
      ...(problem !== null && { problem }),
    });
  }
  if (out.json) out.object(problem?.lease ?? null);
  out.talk(note);
}
