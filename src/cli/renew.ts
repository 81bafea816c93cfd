// `signalbox renew`: once, or in a loop beside steps that hold a lease between them. The loop survives an absence of the server
// for as long as the lease can stand it, and ends with 76 when the lease is lost, with 0 when it is told to stop.

import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '../client/client.ts';
import { isTransient } from '../client/outcome.ts';
import type { Lease } from '../client/types.ts';
import { variable, variables } from '../config.ts';
import { connect } from './connection/connect.ts';
import { failureOf } from './connection/failures.ts';
import { untilAnswered } from './connection/retry.ts';
import type { ClientSettings } from './connection/settings.ts';
import { command, withConnection } from './frame/command.ts';
import { Interruption } from './frame/interrupt.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { type ChosenLease, chosenLease, type LeaseFlags, stateMissing } from './lease-argument.ts';
import { readState } from './state-file.ts';
import { durationArgument } from './text/arguments.ts';
import { formatDuration, formatExact } from './text/durations.ts';
import { Failure, usage } from './text/errors.ts';
import { environmentsText } from './text/leases.ts';

interface RenewFlags extends LeaseFlags, OutputFlags {
  readonly every?: string;
  readonly serverWait: string;
}

export function renewCommand() {
  const made = command({
    name: 'renew',
    summary: 'Keep a lease: its time to live starts anew.',
    examples: [
      ['signalbox renew --state .lease', 'once'],
      ['signalbox renew --state .lease --every 30s &', 'until the lease is released or lost, beside other steps'],
    ],
  });
  return withConnection(made)
    .argument('[lease]', 'id of the lease')
    .option('--state <file>', 'the file that acquire wrote')
    .option('--every <duration>', 'go on renewing; a quarter of the time to live is right')
    .option('--server-wait <duration>', 'how long to try while the server is away (once)', '15s')
    .action(renew);
}

async function renew(argument: string | undefined, flags: RenewFlags): Promise<void> {
  const out = new Output(flags);
  const everyMs = flags.every === undefined ? null : durationArgument(flags.every, '--every');
  if (everyMs !== null && everyMs < 1000) throw usage('--every: less than a second is too often.');
  const budgetMs = durationArgument(flags.serverWait, '--server-wait');
  const chosen = chosenLease(argument, flags, variables());
  if (chosen === null) throw stateMissing(flags.state ?? '');
  // Listened for before the first word: whoever reads it may stop the loop at once.
  const stop = everyMs === null ? null : new Interruption(variable(variables(), 'CI') !== null);
  const { client, settings, need } = await connect(chosen.connection);
  const first = need(await untilAnswered(() => client.renew(chosen.id, { secret: chosen.secret }), budgetMs));
  tell(out, first);
  if (everyMs === null || stop === null) return;
  warnWhenTooSlow(out, first, everyMs);
  await keepRenewing({ client, settings, chosen, out, everyMs, stateFile: flags.state ?? null, stop }, first);
}

interface Loop {
  readonly client: Client;
  readonly settings: ClientSettings;
  readonly chosen: ChosenLease;
  readonly out: Output;
  readonly everyMs: number;
  readonly stateFile: string | null;
  readonly stop: Interruption;
}

async function keepRenewing(
  { client, settings, chosen, out, everyMs, stateFile, stop }: Loop,
  first: Lease,
): Promise<void> {
  let deadline = deadlineOf(first, performance.now());
  let waitMs = everyMs;
  while (true) {
    await pause(waitMs, undefined, { signal: stop.signal }).catch(() => {});
    if (stop.signal.aborted) return;
    if (stateFile !== null && readState(stateFile)?.lease !== chosen.id) {
      out.talk(`${stateFile} is gone: released. Renewing ends.`);
      return;
    }
    const sentAt = performance.now();
    const outcome = await client.renew(chosen.id, {
      secret: chosen.secret,
      signal: stop.signal,
      timeoutMs: Math.max(1000, everyMs),
    });
    if (stop.signal.aborted) return;
    if (outcome.ok) {
      if (waitMs < everyMs) out.talk('renewed again');
      deadline = deadlineOf(outcome.value, sentAt);
      waitMs = everyMs;
      if (out.json) out.objectLine(outcome.value);
      continue;
    }
    if (!isTransient(outcome)) throw failureOf(outcome, settings);
    if (performance.now() >= deadline) throw lost(chosen.id, failureOf(outcome, settings).message);
    if (waitMs === everyMs) out.talk(`renewal failed (${failureOf(outcome, settings).message}), trying again`);
    waitMs = Math.min(1000, everyMs);
  }
}

/** Counted from before the request was sent, on our own clock: the server cannot have counted from earlier. */
function deadlineOf(lease: Lease, sentAt: number): number {
  return lease.ttlSeconds === null
    ? Number.POSITIVE_INFINITY
    : sentAt + Math.min(lease.ttlSeconds, lease.expiresInSeconds ?? lease.ttlSeconds) * 1000;
}

function tell(out: Output, lease: Lease): void {
  if (out.json) out.objectLine(lease);
  else
    out.talk(
      lease.ttlSeconds === null
        ? `${environmentsText(lease)} has no time to live; it is yours until you release it`
        : `${environmentsText(lease)} is yours for another ${formatDuration((lease.expiresInSeconds ?? lease.ttlSeconds) * 1000)}`,
      '✓',
    );
}

function warnWhenTooSlow(out: Output, lease: Lease, everyMs: number): void {
  if (lease.ttlSeconds === null || everyMs <= lease.ttlSeconds * 500) return;
  out.talk(
    `--every ${formatExact(everyMs)} is slow for a time to live of ${formatExact(lease.ttlSeconds * 1000)}: one lost request loses the lease`,
  );
}

function lost(id: string, why: string): Failure {
  return new Failure({
    what: `lease ${id} could not be renewed in time: ${why}`,
    code: 'lease_lost',
    more: ['Somebody else may hold it now: look before you go on. signalbox status'],
  });
}
