// `signalbox revoke`: takes an environment away from its holder, who is told why. With --steal it is ours next.

import type { Environment, Lease, RevokeRequest } from '../client/types.ts';
import { variables } from '../config.ts';
import { type Connection, connect, spaceInWhich } from './connection/connect.ts';
import { untilAnswered } from './connection/retry.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, withConnection } from './frame/command.ts';
import { Interruption } from './frame/interrupt.ts';
import { thisMachine } from './frame/machine.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { identify } from './run/holder.ts';
import { checkWritable, stateOf, writeState } from './state-file.ts';
import { secondsArgument } from './text/arguments.ts';
import { Failure, usage } from './text/errors.ts';
import { endText, environmentsText, holderText } from './text/leases.ts';
import { foreign } from './text/sanitize.ts';
import { formatAge } from './text/times.ts';

interface RevokeFlags extends ConnectionFlags, OutputFlags {
  readonly reason?: string;
  readonly lease?: string;
  readonly now?: boolean;
  readonly steal?: boolean;
  readonly ttl?: string;
  readonly state?: string;
}

/** Seconds of one long poll. */
const POLL = 30;

export function revokeCommand() {
  const made = command({
    name: 'revoke',
    summary: 'Take an environment away from its holder, whose job fails with 76 and shows the reason.',
    examples: [
      ['signalbox revoke uat --reason "prod incident"', 'passes on when the holder has stopped'],
      ['signalbox revoke uat --reason "its runner is gone" --now', 'passes on at once'],
      ['signalbox revoke uat --reason "hotfix" --steal --state .lease', 'and it is yours next'],
      ['signalbox revoke --lease ls_7Kq2mZ --reason "stuck"', 'one of several holders'],
    ],
  });
  return withConnection(made)
    .argument('[environment]', 'whose holder loses it')
    .option('--lease <id>', 'this lease, where the environment has several holders')
    .option('--reason <text>', 'shown to whoever loses it; required')
    .option('--now', 'pass it on at once, although the old holder may still be working')
    .option('--steal', 'and hold it yourself next')
    .option('--ttl <duration>', 'with --steal: time to live (default: until you release it)')
    .option('--state <file>', 'with --steal: write the lease there, for renew and release')
    .action(revoke);
}

async function revoke(environment: string | undefined, flags: RevokeFlags): Promise<void> {
  const out = new Output(flags);
  if (!flags.reason?.trim())
    throw usage('--reason: say why; it is shown to whoever loses it.', 'signalbox revoke uat --reason "prod incident"');
  if ((environment === undefined) === (flags.lease === undefined))
    throw usage('give an environment, or --lease with an id.');
  if (!flags.steal && (flags.ttl !== undefined || flags.state !== undefined))
    throw usage('--ttl and --state are for --steal.');
  const request = requestOf(flags.reason, flags);
  if (flags.state !== undefined) checkWritable(flags.state);
  const connection = await connect(flags);
  const { client, need } = connection;
  const id = flags.lease ?? onlyHolder(need(await client.environment(environment ?? ''))).id;
  const { lease, stolen, warning } = need(await client.revoke(id, request));
  const ours = stolen === undefined ? null : await untilOurs(connection, out, stolen);
  if (ours !== null && flags.state !== undefined)
    writeState(flags.state, stateOf(ours, stolen?.secret ?? null, client.url, await spaceInWhich(connection)));
  if (out.json)
    return out.object({ lease, ...(ours !== null && { stolen: ours }), ...(warning !== undefined && { warning }) });
  out.talk(tookText(lease), '✓');
  if (warning !== undefined) out.talk(`take care: ${foreign(warning, 300)}`);
  if (ours === null) return;
  out.talk(`${environmentsText(ours)} is yours · fence ${ours.fence}`, '✓');
  out.answer(ours.id);
}

function requestOf(reason: string, flags: RevokeFlags): RevokeRequest {
  const base = { reason, ...(flags.now && { now: true }) };
  if (!flags.steal) return base;
  const { holder } = identify(variables(), thisMachine(variables()));
  return { ...base, steal: { holder, reason, ttlSeconds: secondsArgument(flags.ttl, '--ttl') ?? null } };
}

function onlyHolder({ name, held }: Environment): Lease {
  const [only, ...others] = held;
  if (only === undefined)
    throw new Failure({
      what: `nobody holds ${foreign(name)}.`,
      code: 'usage',
      more: ['Who waits for it: signalbox queue'],
    });
  if (others.length === 0) return only;
  throw usage(
    `${foreign(name)} has ${held.length} holders: say which with --lease.`,
    ...held
      .slice(0, 10)
      .map(
        (lease) =>
          `--lease ${lease.id}   by ${holderText(lease.holder)}, for ${formatAge(lease.grantedAt ?? lease.queuedAt, Date.now())}`,
      ),
  );
}

/** The thief's request is next; whoever waits for it must stay in contact. */
async function untilOurs({ client, need }: Connection, out: Output, stolen: Lease): Promise<Lease> {
  const stop = new Interruption(false);
  const secret = stolen.secret ?? null;
  let lease = stolen;
  if (lease.state === 'waiting')
    out.talk(`waiting until the old holder has stopped (at most its time to live; --now does not wait)`);
  while (lease.state === 'waiting') {
    const outcome = await untilAnswered(
      () => client.lease(lease.id, { wait: POLL, secret, signal: stop.signal }),
      POLL * 1000,
      stop.signal,
    );
    if (stop.exitCode !== null) {
      await client.release(lease.id, { secret });
      throw new Failure({
        what: 'stopped while waiting for it; the lease that was revoked stays revoked.',
        code: 'not_granted',
        exitCode: stop.exitCode,
      });
    }
    lease = need(outcome);
  }
  if (lease.state !== 'held')
    throw new Failure({ what: `it did not become yours: the lease ${endText(lease)}.`, code: 'not_granted' });
  return lease;
}

function tookText(lease: Lease): string {
  const from = `from ${holderText(lease.holder)}`;
  return lease.state === 'held'
    ? `${environmentsText(lease)} is being taken ${from}, who is told to stop`
    : `${environmentsText(lease)} is taken ${from}`;
}
