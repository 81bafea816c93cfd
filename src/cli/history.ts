// `signalbox history`: what happened, and who did it; with --follow, what happens.

import type { EventQuery } from '../client/client.ts';
import type { HistoryEvent } from '../client/types.ts';
import { type Connection, connect } from './connection/connect.ts';
import { failureOf } from './connection/failures.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, withConnection } from './frame/command.ts';
import { Interruption } from './frame/interrupt.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { integerArgument, momentArgument } from './text/arguments.ts';
import { awayText } from './text/away.ts';
import { eventLine, eventRow, HISTORY_HEAD } from './text/events.ts';
import { foreign } from './text/sanitize.ts';
import { table } from './text/tables.ts';

interface HistoryFlags extends ConnectionFlags, OutputFlags {
  readonly since?: string;
  readonly until?: string;
  readonly actor?: string;
  readonly kind?: string;
  readonly lease?: string;
  readonly limit?: string;
  readonly all?: boolean;
  readonly follow?: boolean;
}

const USUAL = 50;
const USUAL_BEFORE_FOLLOWING = 10;

export function historyCommand() {
  const made = command({
    name: 'history',
    summary: 'What happened, newest first; with --follow, what happens.',
    examples: [
      ['signalbox history uat --since 1h', 'of one environment'],
      ['signalbox history --kind lease.revoked --since 7d', 'who took what away'],
      ['signalbox history --actor carla --all', 'all that one person or key did'],
      ['signalbox history uat --follow', 'the last ten, then as it happens'],
    ],
    notes: [
      'In a pipe: when, what, event, who, about, seq, actor. A kind that ends with a dot is a whole family: lease.',
    ],
  });
  return withConnection(made)
    .argument('[environment]', 'or what else it was about')
    .option('--since <when>', 'how long ago, or a time: 1h, 7d, 02:10, 2026-11-23')
    .option('--until <when>', 'the same')
    .option('--actor <name>', 'by whom')
    .option('--kind <kind>', 'like lease.granted, or lease.')
    .option('--lease <id>', 'of one lease')
    .option('--limit <number>', 'at most so many (default 50)')
    .option('--all', 'without a limit')
    .option('-f, --follow', 'go on, oldest first')
    .action(history);
}

async function history(subject: string | undefined, flags: HistoryFlags): Promise<void> {
  const out = new Output(flags);
  const now = Date.now();
  const query: EventQuery = {
    ...(subject !== undefined && { subject }),
    ...(flags.since !== undefined && { since: momentArgument(flags.since, '--since', 'ago', now) }),
    ...(flags.until !== undefined && { until: momentArgument(flags.until, '--until', 'ago', now) }),
    ...(flags.actor !== undefined && { actor: flags.actor }),
    ...(flags.kind !== undefined && { kind: flags.kind }),
    ...(flags.lease !== undefined && { lease: flags.lease }),
  };
  const usual = flags.follow ? USUAL_BEFORE_FOLLOWING : USUAL;
  const limit = flags.limit === undefined ? usual : integerArgument(flags.limit, '--limit', 1, 1_000_000);
  const connection = await connect(flags);
  const found = await gather(
    (page) => connection.client.events({ ...query, ...page, order: 'desc' }),
    connection.need,
    flags.all ? Number.POSITIVE_INFINITY : limit,
  );
  if (flags.follow) return follow(connection, out, query, found.items.toReversed(), found.asOf.seq);
  if (out.json) return out.object({ items: found.items, next: null, asOf: found.asOf });
  const rows = found.items.map((event) => eventRow(event, out.answersTerminal, now));
  if (rows.length > 0)
    out.answer(
      ...table(HISTORY_HEAD, rows, {
        terminal: out.answersTerminal,
        width: out.width,
        paintHead: out.colours.dim,
        flexible: 3,
      }),
    );
  if (rows.length === 0)
    out.talk(subject === undefined ? 'nothing happened' : `nothing happened to ${foreign(subject, 60)}`);
  if (found.more) out.talk(`more before these: --limit ${limit * 4}, or --all`, '–');
}

async function follow(
  { client, settings }: Connection,
  out: Output,
  query: EventQuery,
  before: readonly HistoryEvent[],
  since: number,
): Promise<void> {
  const stop = new Interruption(false);
  for (const event of before) show(out, event);
  for await (const item of client.stream({ since, signal: stop.signal })) {
    if (item.kind === 'refused') throw failureOf(item.refusal, settings);
    if (item.kind === 'away') out.talk(awayText(item.reason));
    if (item.kind !== 'event') continue;
    if (item.name === 'reset') out.talk('some events in between are no longer kept');
    else if (isEvent(item.data) && fits(item.data, query)) show(out, item.data);
  }
  process.exitCode = stop.exitCode ?? 0;
}

function show(out: Output, event: HistoryEvent): void {
  const now = Date.now();
  if (out.json) out.objectLine(event);
  else if (out.answersTerminal) out.answer(eventLine(event, now));
  else out.answer(...table([], [eventRow(event, false, now)], { terminal: false, width: 0 }));
}

function isEvent(data: unknown): data is HistoryEvent {
  return typeof data === 'object' && data !== null && 'kind' in data && 'subject' in data && 'seq' in data;
}

/** The stream carries everything; what the list filters on the server is filtered here. */
function fits(event: HistoryEvent, query: EventQuery): boolean {
  const { kind } = query;
  return (
    (query.subject === undefined || event.subject === query.subject) &&
    (query.actor === undefined || event.actor === query.actor) &&
    (query.lease === undefined || event.data.lease === query.lease) &&
    (kind === undefined || (kind.endsWith('.') ? event.kind.startsWith(kind) : event.kind === kind))
  );
}
