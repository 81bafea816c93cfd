// `signalbox queue ENV`: who holds it, who waits for it in which order, and why each waits.

import type { Environment, Lease } from '../client/types.ts';
import { variable, variables } from '../config.ts';
import { connect } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, withConnection } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { formatDuration } from './text/durations.ts';
import { byAge } from './text/environments.ts';
import { blockerText, holderText, wantsText } from './text/leases.ts';
import { foreign } from './text/sanitize.ts';
import { cut, table } from './text/tables.ts';
import { formatAge, formatTime } from './text/times.ts';

export function queueCommand() {
  const made = command({
    name: 'queue',
    summary: 'Who waits for an environment, in which order, and why.',
    examples: [
      ['signalbox queue uat', 'holders first, then who is next'],
      ['signalbox queue uat --json', 'the waiting leases, in order'],
    ],
    notes: ['In a pipe: place (0 holds), lease, holder, since, priority, wants, seconds left about, why, link.'],
  });
  return withConnection(made).argument('<environment>').action(queue);
}

async function queue(name: string, flags: ConnectionFlags & OutputFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const environment = need(await client.environment(name));
  const waiting = await gather((page) => client.leases({ ...page, environment: name, state: 'waiting' }), need);
  if (out.json) return out.object({ items: waiting.items, next: null, asOf: waiting.asOf });
  out.answer(...queueLines(environment, waiting.items, Date.parse(waiting.asOf.at), out));
}

const HEAD = ['#', 'WHO', 'WAITS', 'PRIORITY', 'WANTS', 'ABOUT', 'WHY'];

/** The table of a queue, with its foot on a terminal. */
export function queueLines(environment: Environment, waiting: readonly Lease[], now: number, out: Output): string[] {
  const mine = variable(variables(), 'SIGNALBOX_LEASE');
  if (!out.answersTerminal) {
    return table(
      [],
      [...byAge(environment.held), ...waiting].map((lease) => pipeRow(lease, environment.name, now)),
      { terminal: false, width: 0 },
    );
  }
  const rows = [
    ...byAge(environment.held).map((lease) => heldRow(lease, now, mine)),
    ...waiting.map((lease) => waitingRow(lease, environment.name, now, mine)),
  ];
  const name = foreign(environment.name, 60);
  if (rows.length === 0) return [`nobody holds ${name}, nobody waits for it`];
  const options = { terminal: true, width: out.width, paintHead: out.colours.dim, flexible: 1 };
  return [
    ...table(HEAD, rows, options),
    out.colours.dim(cut(`queue of ${name} · fair by priority, then arrival`, out.width)),
  ];
}

function who(lease: Lease, mine: string | null): string {
  return lease.id === mine ? 'you (this shell)' : holderText(lease.holder);
}

function heldRow(lease: Lease, now: number, mine: string | null): string[] {
  const since = lease.grantedAt === null ? '' : `${formatAge(lease.grantedAt, now)} held`;
  return ['–', who(lease, mine), since, '', '', '', lease.holder.url === null ? '' : foreign(lease.holder.url, 500)];
}

function waitingRow(lease: Lease, environment: string, now: number, mine: string | null): string[] {
  return [
    String(lease.position ?? '?'),
    who(lease, mine),
    formatAge(lease.queuedAt, now),
    String(lease.priority),
    wantsText(lease.wants),
    lease.etaSeconds === null ? '' : `in ${formatDuration(lease.etaSeconds * 1000)}`,
    why(lease, environment),
  ];
}

function pipeRow(lease: Lease, environment: string, now: number): string[] {
  const holds = lease.state === 'held';
  return [
    holds ? '0' : String(lease.position ?? ''),
    lease.id,
    holderText(lease.holder),
    formatTime(holds ? lease.grantedAt : lease.queuedAt, false, now),
    String(lease.priority),
    wantsText(lease.wants),
    lease.etaSeconds === null ? '' : String(lease.etaSeconds),
    holds ? '' : why(lease, environment),
    lease.holder.url === null ? '' : foreign(lease.holder.url, 500),
  ];
}

/** What keeps it, beside the plain fact that this environment is held. */
function why(lease: Lease, environment: string): string {
  const telling = lease.blockedBy.filter(
    (blocker) => blocker.environment !== environment || !['held', 'queue'].includes(blocker.why),
  );
  return telling.slice(0, 3).map(blockerText).join('; ');
}
