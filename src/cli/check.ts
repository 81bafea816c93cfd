// `signalbox check`: is what we hold still ours? Exit 0 and `current`, or exit 1 and `stale`. It narrows the window between the
// question and the deed and cannot close it: where the target can compare fences itself, let it.

import { variables } from '../config.ts';
import { connect } from './connection/connect.ts';
import { command, withConnection } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { chosenLease, type LeaseFlags, stateMissing } from './lease-argument.ts';
import { usage } from './text/errors.ts';
import { EXIT } from './text/exit-codes.ts';
import { endText } from './text/leases.ts';
import { foreign } from './text/sanitize.ts';

export function checkCommand() {
  const made = command({
    name: 'check',
    summary: 'Is a lease, or a fence, still current? Exit 0 when it is, 1 when it is stale.',
    examples: [
      ['signalbox check --state .lease && ./deploy.sh', 'the lease that acquire wrote'],
      ['signalbox check', 'the one in SIGNALBOX_LEASE, inside of signalbox run'],
      ['signalbox check uat 4182', 'a fence of an environment, whoever holds it'],
    ],
  });
  return withConnection(made)
    .argument('[lease-or-environment]', 'id of a lease, or an environment together with a fence')
    .argument('[fence]', 'the fence that was granted')
    .option('--state <file>', 'the file that acquire wrote')
    .action(check);
}

async function check(
  argument: string | undefined,
  fence: string | undefined,
  flags: LeaseFlags & OutputFlags,
): Promise<void> {
  const out = new Output(flags);
  const isCurrent =
    argument !== undefined && fence !== undefined
      ? await checkFence(out, argument, fence, flags)
      : await checkLease(out, argument, flags);
  if (!isCurrent) process.exitCode = EXIT.no;
}

async function checkFence(out: Output, environment: string, written: string, flags: LeaseFlags): Promise<boolean> {
  const fence = /^\d{1,16}$/.test(written) ? Number(written) : Number.NaN;
  if (!Number.isSafeInteger(fence))
    throw usage(`"${foreign(written, 40)}" is not a fence.`, 'It is the number in SIGNALBOX_FENCE.');
  const { client, need } = await connect(flags);
  const answer = need(await client.fence(environment, fence));
  if (out.json) out.object(answer);
  else out.answer(answer.current ? 'current' : 'stale');
  return answer.current;
}

async function checkLease(out: Output, argument: string | undefined, flags: LeaseFlags): Promise<boolean> {
  const chosen = chosenLease(argument, flags, variables());
  if (chosen === null) throw stateMissing(flags.state ?? '');
  const { client, need } = await connect(chosen.connection);
  const outcome = await client.lease(chosen.id, { secret: chosen.secret });
  if (!outcome.ok && outcome.kind === 'problem' && outcome.problem.code === 'lease_unknown') {
    if (out.json) out.object(outcome.problem);
    else out.answer('stale');
    out.talk('the server does not know this lease: it ended more than a day ago, or never was');
    return false;
  }
  const lease = need(outcome);
  const isCurrent = lease.state === 'held' && (chosen.fence === null || lease.fence === chosen.fence);
  if (out.json) out.object(lease);
  else out.answer(isCurrent ? 'current' : 'stale');
  if (!isCurrent) out.talk(`lease ${lease.id} ${endText(lease)}`);
  else if (lease.revoking !== null)
    out.talk(`it is being taken away by ${foreign(lease.revoking.by, 60)}: "${foreign(lease.revoking.reason)}"`);
  return isCurrent;
}
