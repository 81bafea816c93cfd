// `signalbox build logs`: what happened to a build and its machines, from the history, oldest first; with --follow until it is over.
//
// Must always hold: each event is told once, and none between what is read and what is followed is left out. So the seq is taken
// first: up to it the history is read, by what is known of the machines afterwards; from it on the stream is followed.

import { type BuildOutcome, buildOutcome } from '../client/building.ts';
import type { Client } from '../client/client.ts';
import type { HistoryEvent } from '../client/types.ts';
import type { Build } from '../client/types-machines.ts';
import { type Connection, connect } from './connection/connect.ts';
import { failureOf } from './connection/failures.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, withConnection } from './frame/command.ts';
import { Interruption } from './frame/interrupt.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { eventText } from './machines/log-words.ts';
import { typed } from './machines/words.ts';
import { awayText } from './text/away.ts';
import { EXIT } from './text/exit-codes.ts';
import { foreign } from './text/sanitize.ts';
import { table } from './text/tables.ts';
import { formatTime } from './text/times.ts';

export function buildLogs() {
  return withConnection(
    command({
      name: 'logs',
      summary: 'What happened to a build and its machines, oldest first.',
      examples: [
        ['signalbox build logs bd_3xT', 'its steps, what failed, and what became of its machines'],
        ['signalbox build logs bd_3xT --follow', 'then what happens, until all its machines run or it is over'],
      ],
      notes: [
        'Exit with --follow: 0: all its machines run. 1: it failed, or was cancelled and its machines are gone.',
        'In a pipe: when, event, build or machine, in words.',
      ],
    }),
  )
    .argument('<build>', 'its id')
    .option('-f, --follow', 'go on until it is over')
    .action(logs);
}

interface LogFlags extends ConnectionFlags, OutputFlags {
  readonly follow?: boolean;
}

async function logs(id: string, { follow = false, ...flags }: LogFlags): Promise<void> {
  const out = new Output(flags);
  const connection = await connect(flags);
  const { client, need } = connection;
  const stop = follow ? new Interruption(false) : null;
  const { asOf } = need(await client.events({ limit: 1 }));
  const build = need(await client.build(id));
  const events = await eventsOf(connection, build, asOf.seq);
  if (out.json && !follow) return out.object({ items: events, next: null, asOf });
  for (const event of events) show(out, event);
  if (stop !== null) return goOn(connection, out, build, { since: asOf.seq, stop });
  if (events.length === 0) out.talk(`nothing of build ${typed(id)} is in the history any more`);
}

/** Up to this seq, in order. */
async function eventsOf({ client, need }: Connection, build: Build, seq: number): Promise<HistoryEvent[]> {
  const subjects = new Set([build.id, ...build.instances.map(({ id, cloudId }) => cloudId ?? id)]);
  const found: HistoryEvent[] = [];
  for (const subject of subjects) {
    const { items } = await gather((page) => client.events({ ...page, subject, until: seq + 1 }), need);
    found.push(...items.filter((event) => isAbout(build, event)));
  }
  return found.toSorted((a, b) => a.seq - b.seq);
}

/** A driver may give the same id to one machine after the other: ours tells them apart. */
function isAbout({ id, instances }: Build, { kind, subject, data }: HistoryEvent): boolean {
  if (kind.startsWith('build.')) return subject === id;
  return kind.startsWith('instance.') && instances.some((machine) => machine.id === data.instance);
}

async function goOn(
  { client, settings }: Connection,
  out: Output,
  build: Build,
  { since, stop }: { readonly since: number; readonly stop: Interruption },
): Promise<void> {
  // What has changed after `since` comes in the stream.
  let end = build.seq <= since ? endOf(build) : null;
  if (end !== null) return ended(end);
  const over = new AbortController();
  const signal = AbortSignal.any([stop.signal, over.signal]);
  for await (const item of client.stream({ since, signal })) {
    if (item.kind === 'refused') throw failureOf(item.refusal, settings);
    if (item.kind === 'away') out.talk(awayText(item.reason));
    if (item.kind !== 'event') continue;
    if (item.name === 'reset') {
      out.talk('some events in between are no longer kept');
      end = await endNow(client, build.id);
    } else if (isEvent(item.data) && isAbout(build, item.data)) {
      show(out, item.data);
      end = endBy(item.data);
    }
    if (end !== null) break;
  }
  over.abort();
  if (end !== null) ended(end);
  else process.exitCode = stop.exitCode ?? EXIT.ok;
}

function ended(end: BuildOutcome): void {
  process.exitCode = end === 'runs' ? EXIT.ok : EXIT.no;
}

/** Of one that is cancelled there is something to tell until its machines are gone. */
function endOf(build: Build): BuildOutcome | null {
  return build.cancelling !== null && build.state !== 'cancelled' ? null : buildOutcome(build);
}

async function endNow(client: Client, id: string): Promise<BuildOutcome | null> {
  const now = await client.build(id);
  // One that nobody knows any more has been over for long.
  if (!now.ok) return now.kind === 'problem' && now.status === 404 ? 'cancelled' : null;
  return endOf(now.value);
}

const ends: Readonly<Record<string, BuildOutcome>> = {
  'build.started': 'runs',
  'build.finished': 'runs',
  'build.failed': 'failed',
  'build.cancelled': 'cancelled',
};

function endBy({ kind }: HistoryEvent): BuildOutcome | null {
  return ends[kind] ?? null;
}

function show(out: Output, event: HistoryEvent): void {
  if (out.json) out.objectLine(event);
  else if (out.answersTerminal) out.answer(`${formatTime(event.at, true, Date.now())}  ${eventText(event)}`);
  else {
    const row = [formatTime(event.at, false, 0), foreign(event.kind, 60), foreign(event.subject), eventText(event)];
    out.answer(...table([], [row], { terminal: false, width: 0 }));
  }
}

function isEvent(data: unknown): data is HistoryEvent {
  return typeof data === 'object' && data !== null && 'kind' in data && 'subject' in data && 'data' in data;
}
