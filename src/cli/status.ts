// `signalbox status`: who holds what, since when, for how long still, and how many wait; for one environment, all about it.

import type { Environment, Lease } from '../client/types.ts';
import { type Connection, connect } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, repeated, withConnection } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { queueLines } from './queue.ts';
import { labelsArgument } from './text/arguments.ts';
import { formatDuration, formatExact } from './text/durations.ts';
import { byAge, lookOf, pipeRow, revokingText, STATUS_HEAD, terminalRow } from './text/environments.ts';
import { holderText, labelsText, stateReasonText } from './text/leases.ts';
import { foreign } from './text/sanitize.ts';
import { cut, table } from './text/tables.ts';
import { formatAge, formatTime } from './text/times.ts';

interface StatusFlags extends ConnectionFlags, OutputFlags {
  readonly label?: readonly string[];
}

export function statusCommand() {
  const made = command({
    name: 'status',
    summary: 'Who holds what, since when, for how long still, and how many wait.',
    examples: [
      ['signalbox status', 'all environments'],
      ['signalbox status uat', 'all about one, with its queue'],
      ['signalbox status --label kind=db', 'a pool'],
      ['signalbox status | cut -f1,2', 'in a pipe: tabs, no head, full precision'],
    ],
    notes: ['In a pipe: name, state, free slots, capacity, holders, since, expires, waiting, reason.'],
  });
  return withConnection(made)
    .argument('[environment]', 'only this one')
    .option('--label <labels>', 'only those that carry all of these, like kind=db,site=eu', repeated)
    .action(statusOf);
}

export async function statusOf(name: string | undefined, flags: StatusFlags): Promise<void> {
  const out = new Output(flags);
  const labels = flags.label === undefined ? undefined : labelsArgument(flags.label);
  const connection = await connect(flags);
  if (name === undefined) return statusOfAll(connection, out, labels);
  const environment = connection.need(await connection.client.environment(name));
  if (out.json) return out.object(environment);
  if (!out.answersTerminal)
    return out.answer(...table([], [pipeRow(environment, Date.now())], { terminal: false, width: 0 }));
  const waiting = await gather(
    (page) => connection.client.leases({ ...page, environment: name, state: 'waiting' }),
    connection.need,
  );
  out.answer(...details(environment, out, Date.parse(waiting.asOf.at)));
  if (waiting.items.length > 0)
    out.answer('', ...queueLines(environment, waiting.items, Date.parse(waiting.asOf.at), out));
}

async function statusOfAll(
  { client, need }: Connection,
  out: Output,
  labels: Readonly<Record<string, string>> | undefined,
): Promise<void> {
  const all = await gather((page) => client.environments(labels === undefined ? page : { ...page, labels }), need);
  if (out.json) return out.object({ items: all.items, next: null, asOf: all.asOf });
  const now = Date.parse(all.asOf.at);
  const width = { terminal: out.answersTerminal, width: out.width };
  if (!out.answersTerminal)
    return out.answer(
      ...table(
        [],
        all.items.map((each) => pipeRow(each, now)),
        width,
      ),
    );
  if (all.items.length === 0) {
    return out.answer(
      labels === undefined
        ? 'No environments yet. The first one appears when someone asks for it:'
        : 'No environment carries these labels. All of them:',
      labels === undefined ? '  signalbox run uat -- ./deploy.sh' : '  signalbox status',
    );
  }
  const rows = all.items.map((each) => terminalRow(each, now, out.colours));
  out.answer(
    ...table(STATUS_HEAD, rows, { ...width, paintHead: out.colours.dim, flexible: 3 }),
    out.colours.dim(cut(summary(all.items, now), out.width)),
  );
}

function summary(environments: readonly Environment[], now: number): string {
  const free = environments.filter((each) => each.state === 'open' && each.free > 0).length;
  const waiting = environments.reduce((sum, each) => sum + each.waiting, 0);
  const waits = environments.flatMap((each) =>
    each.oldestWaitSince === null ? [] : [now - Date.parse(each.oldestWaitSince)],
  );
  const longest = waits.length === 0 ? '' : ` · longest wait ${formatDuration(Math.max(...waits))}`;
  return `${environments.length} environment${environments.length === 1 ? '' : 's'} · ${free} free · ${waiting} waiting${longest}`;
}

function details(environment: Environment, out: Output, now: number): string[] {
  const look = lookOf(environment);
  const facts: [string, string][] = byAge(environment.held).map((lease) => ['held by', holderLine(lease, now)]);
  const reason = stateReasonText(environment);
  if (reason !== '')
    facts.push([
      look.word,
      reason + (environment.stateUntil === null ? '' : ` until ${formatTime(environment.stateUntil, true, now)}`),
    ]);
  if (environment.dirty > 0)
    facts.push([
      'dirty',
      `${environment.dirty}: its holder went without releasing it. signalbox env clean ${foreign(environment.name, 60)}`,
    ]);
  facts.push(['capacity', `${environment.capacity}, ${environment.free} free`]);
  if (Object.keys(environment.labels).length > 0) facts.push(['labels', labelsText(environment.labels)]);
  if (environment.description !== '') facts.push(['what', foreign(environment.description)]);
  facts.push(['time to live', environment.ttlSeconds === null ? 'none' : formatExact(environment.ttlSeconds * 1000)]);
  if (environment.maxHoldSeconds !== null) facts.push(['held at most', formatExact(environment.maxHoldSeconds * 1000)]);
  facts.push(['after expiry', environment.onExpire === 'free' ? 'free' : 'dirty until it is cleaned']);
  if (!environment.declared) facts.push(['declared', 'no: made when it was first asked for']);
  if (environment.page !== null) facts.push(['page', foreign(environment.page, 500)]);
  const paint = out.colours[look.paint];
  return [
    `${paint(look.symbol)} ${out.colours.bold(foreign(environment.name, 200))} ${paint(look.word)}`,
    ...facts.map(([title, text]) => `  ${out.colours.dim(title.padEnd(13))} ${text}`),
  ];
}

function holderLine(lease: Lease, now: number): string {
  const parts = [
    holderText(lease.holder) + (lease.reason === null ? '' : ` "${foreign(lease.reason)}"`) + revokingText(lease),
    lease.grantedAt === null
      ? ''
      : `since ${formatTime(lease.grantedAt, true, now)} (${formatAge(lease.grantedAt, now)})`,
    lease.expiresInSeconds === null ? 'until released' : `${formatDuration(lease.expiresInSeconds * 1000)} left`,
    `fence ${lease.fence} · lease ${lease.id}`,
    lease.holder.ref === null ? '' : foreign(lease.holder.ref),
    lease.holder.url === null ? '' : foreign(lease.holder.url, 500),
  ];
  return parts.filter((part) => part !== '').join(' · ');
}
