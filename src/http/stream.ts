// The event stream (server-sent events). What always holds: events come in the order of their seq and none is left out between
// two of them; a client that was away resumes by the id of the last one it saw, and is told (`reset`) when the history no
// longer reaches back that far; a client that does not read is let go before it costs much.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EventRecord } from '../core/rows.ts';
import type { State } from '../core/state.ts';
import type { Turn } from '../core/turn.ts';
import type { Context } from './context.ts';
import { Problem } from './problem.ts';
import { environmentShape, eventShape, freezeShape, leaseShape, type View } from './shapes.ts';

export const rowKinds = ['environments', 'leases', 'freezes'] as const;
export type RowKind = (typeof rowKinds)[number];

/** Bytes that may be on their way to one client. */
const unreadLimit = 1024 * 1024;
/** So that a proxy does not take a quiet stream for a dead one. */
const commentEveryMs = 15_000;
const eventsPerRead = 500;

export class Streams {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Opens a stream after `since` (null: from now on). Returns once it is open. */
  async open(
    request: FastifyRequest,
    reply: FastifyReply,
    since: number | null,
    rows: ReadonlySet<RowKind>,
  ): Promise<void> {
    const { replica, metrics, settings, stopping } = this.#context;
    if (metrics.streams >= settings.maxStreams) {
      throw new Problem('server_full', 'As many event streams are open as the server takes (--max-streams).', {
        headers: { 'retry-after': '5' },
      });
    }
    const { raw } = reply;
    reply.hijack();
    raw.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
      'Signalbox-Request-Id': request.id,
    });
    metrics.streams++;
    const backlog: EventRecord[][] = [];
    let live = false;
    const write = (text: string): void => {
      if (raw.writableLength > unreadLimit) raw.destroy();
      else raw.write(text);
    };
    const stopListening = replica.onTurn((turn) => {
      if (!live) backlog.push([...turn.events]);
      for (const event of live ? turn.events : []) write(eventText(event));
      // Rows are how things are now, so those of a turn during the catching up are simply sent again below.
      if (live && rows.size > 0) for (const text of this.#rowTexts(turn, rows)) write(text);
    });
    const comment = setInterval(() => write(': still here\n\n'), commentEveryMs);
    const end = (): void => {
      raw.end();
    };
    stopping.addEventListener('abort', end, { once: true });
    raw.once('close', () => {
      stopListening();
      clearInterval(comment);
      stopping.removeEventListener('abort', end);
      metrics.streams--;
    });
    write(': signalbox\nretry: 1000\n\n');
    const asOf = await replica.look((state) => state.seq);
    let last = since ?? asOf;
    if (since !== null) last = await this.#catchUp(since, write);
    for (const events of backlog) for (const event of events) if (event.seq > last) write(eventText(event));
    live = true;
    if (stopping.aborted) end();
  }

  async #catchUp(since: number, write: (text: string) => void): Promise<number> {
    const { log } = this.#context.replica;
    const oldest = await log.oldestEvent();
    if (oldest !== null && since > 0 && since < oldest - 1)
      write(`event: reset\nid: ${oldest - 1}\ndata: ${JSON.stringify({ oldest })}\n\n`);
    let last = since;
    for (;;) {
      const events = await log.events({ afterSeq: last, order: 'asc', limit: eventsPerRead });
      for (const event of events) write(eventText(event));
      last = events.at(-1)?.seq ?? last;
      if (events.length < eventsPerRead) return last;
    }
  }

  /** Rows that a turn has changed, and environments whose holders or queue it has changed. */
  *#rowTexts(turn: Turn, rows: ReadonlySet<RowKind>): Generator<string> {
    const view: View = { state: turn.state, moment: turn.moment, baseUrl: this.#context.baseUrl };
    const environments = new Set<string>();
    const sent = new Set<string>();
    for (const change of turn.changes) {
      if (change.kind === 'environment') environments.add(change.id);
      if (change.kind === 'freeze' && rows.has('freezes'))
        yield rowText('freezes', change.id, change.seq, change.row === null ? null : freezeShape(change.row));
      if (change.kind !== 'lease') continue;
      const row = turn.state.leases.get(change.id) ?? null;
      for (const name of row?.granted ?? []) environments.add(name);
      for (const want of row?.wants ?? []) if ('environment' in want) environments.add(want.environment);
      if (!rows.has('leases') || sent.has(change.id)) continue;
      sent.add(change.id);
      yield rowText('leases', change.id, change.seq, row === null ? null : leaseShape(view, row));
    }
    if (rows.has('environments')) for (const name of environments) yield environmentText(view, turn.state, name);
  }
}

function environmentText(view: View, state: State, name: string): string {
  const row = state.environments.get(name);
  return rowText('environments', name, state.seq, row === undefined ? null : environmentShape(view, row));
}

function eventText(event: EventRecord): string {
  return `event: ${event.kind}\nid: ${event.seq}\ndata: ${JSON.stringify(eventShape(event))}\n\n`;
}

function rowText(kind: RowKind, id: string, seq: number, row: unknown): string {
  return `event: row\ndata: ${JSON.stringify({ kind, id, seq, row })}\n\n`;
}
