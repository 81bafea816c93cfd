// The event stream (server-sent events). What always holds: events come in the order of their seq and none is left out between
// two of them; a client that was away resumes by the id of the last one it saw, and is told (`reset`) when the history no
// longer reaches back that far; a client that does not read is let go before it costs much.
//
// A stream first catches up, reading the log at the pace of its client; while it does, new turns are only noted. When a read
// ends behind the last turn that was noted, it goes live in that same moment, and is written to as turns become durable.

import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Actor, may } from '../core/access.ts';
import type { EventRecord } from '../core/rows.ts';
import type { Happened } from '../replica/learned.ts';
import type { Replica } from '../replica/replica.ts';
import type { Space } from '../replica/spaces.ts';
import type { Context } from './context.ts';
import { Problem } from './problem.ts';
import { eventShape } from './shapes.ts';
import {
  changedSince,
  type Ids,
  knownTexts,
  noIds,
  noteGone,
  type RowKind,
  type RowsView,
  rowsOfTurn,
  rowTexts,
} from './stream-rows.ts';

/** Bytes that may be on their way to one client. */
const unreadLimit = 1024 * 1024;
/** So that a proxy does not take a quiet stream for a dead one. */
const commentEveryMs = 15_000;
const eventsPerRead = 500;

/** Whether the actor may see an event: one whose reading is limited sees what concerns the names it may read. */
export function maySee(actor: Actor, { kind, subject }: EventRecord): boolean {
  return /^(lease|environment|signal|barrier)\./.test(kind) && may(actor, 'read', subject);
}

export interface StreamAsk {
  /** Seq of the last event that the client has seen; null = from now on. */
  readonly since: number | null;
  readonly rows: ReadonlySet<RowKind>;
  /** Names that it is about; null = all. */
  readonly readable: ((name: string) => boolean) | null;
  readonly sees: (event: EventRecord) => boolean;
}

export class Streams {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Opens a stream, and returns once it is live or over. */
  async open(request: FastifyRequest, reply: FastifyReply, ask: StreamAsk): Promise<void> {
    const { metrics, settings } = this.#context;
    if (metrics.streams >= settings.maxStreams) {
      throw new Problem('server_full', 'As many event streams are open as the server takes (--max-streams).', {
        headers: { 'retry-after': '5' },
      });
    }
    const { raw } = reply;
    reply.hijack();
    metrics.streams++;
    try {
      await this.#serve(raw, ask, request.space);
      if (!raw.destroyed) await once(raw, 'close');
    } catch (error) {
      // Its client comes back and goes on where it was.
      request.log.warn({ err: error, requestId: request.id }, 'an event stream broke');
      raw.destroy();
    } finally {
      metrics.streams--;
    }
  }

  async #serve(raw: ServerResponse, ask: StreamAsk, space: Space): Promise<void> {
    const { stopping } = this.#context;
    const { replica } = space;
    let live = false;
    let last = 0;
    let noted = 0;
    const onTurn = (turn: Happened): void => {
      noted = turn.events.at(-1)?.seq ?? noted;
      if (!live) return;
      for (const event of turn.events) if (event.seq > last && ask.sees(event)) send(raw, eventText(event));
      for (const text of rowsOfTurn(turn, ask, { ...this.#context, waits: space.waits })) send(raw, text);
    };
    const stopListening = replica.onTurn(onTurn);
    // What was told may not have been so: the client comes back and catches up with what is.
    const stopReloading = replica.onReload(() => raw.end());
    const comment = setInterval(() => send(raw, ': still here\n\n'), commentEveryMs);
    const end = (): void => {
      raw.end();
    };
    for (const signal of [stopping, space.shut]) signal.addEventListener('abort', end, { once: true });
    raw.once('close', () => {
      stopListening();
      stopReloading();
      clearInterval(comment);
      for (const signal of [stopping, space.shut]) signal.removeEventListener('abort', end);
    });
    raw.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    });
    send(raw, ': signalbox\nretry: 1000\n\n');

    const from = ask.since ?? (await replica.look((state) => state.seq));
    const gone = noIds();
    last = await tellReset(raw, replica, from);
    do {
      last = await catchUp(raw, replica, ask, last, gone);
      // Nothing may wait between this question and going live.
    } while (last < noted && isOpen(raw));
    live = true;
    if (ask.rows.size > 0) await this.#tellRows(raw, space, ask, from, gone);
    if (stopping.aborted) end();
  }

  /** Writes the rows that have changed since, as fast as the client reads them, and that this is all; turns that come meanwhile go between. */
  async #tellRows(raw: ServerResponse, space: Space, ask: StreamAsk, from: number, gone: Ids): Promise<void> {
    const { baseUrl } = this.#context;
    const { replica, waits } = space;
    let seq = from;
    const changed = await replica.look((state) => {
      seq = state.seq;
      return changedSince(state, from, gone);
    });
    let view: RowsView;
    let isKnown = false;
    const texts = rowTexts(() => view, ask, changed);
    for (let isDone = false; !isDone && isOpen(raw); ) {
      isDone = await replica.look((state, moment) => {
        view = { state, moment, baseUrl, waits };
        if (ask.since !== null && !isKnown) for (const text of knownTexts(view, ask)) send(raw, text);
        isKnown = true;
        for (let next = texts.next(); next.done !== true; next = texts.next()) {
          send(raw, next.value);
          if (raw.writableNeedDrain) return false;
        }
        return true;
      });
      await drained(raw);
    }
    // Without an id: whoever comes back before this goes on from where they were, and misses no row.
    send(raw, `event: told\ndata: ${JSON.stringify({ seq })}\n\n`);
  }
}

/** Says so when the history no longer reaches back to where the client was. */
async function tellReset(raw: ServerResponse, replica: Replica, from: number): Promise<number> {
  const oldest = await replica.log.oldestEvent();
  if (oldest === null || from === 0 || from >= oldest - 1) return from;
  send(raw, `event: reset\nid: ${oldest - 1}\ndata: ${JSON.stringify({ oldest })}\n\n`);
  return oldest - 1;
}

/** Writes what the log has after `since`, as fast as the client reads it; returns the seq up to which it has read. */
async function catchUp(
  raw: ServerResponse,
  replica: Replica,
  ask: StreamAsk,
  since: number,
  gone: Ids,
): Promise<number> {
  let last = since;
  while (isOpen(raw)) {
    const events = await replica.log.events({
      afterSeq: last,
      order: 'asc',
      limit: eventsPerRead,
    });
    for (const event of events) {
      noteGone(gone, event);
      if (ask.sees(event)) send(raw, eventText(event));
    }
    last = events.at(-1)?.seq ?? last;
    if (events.length < eventsPerRead) return last;
    await drained(raw);
  }
  return last;
}

const isOpen = (raw: ServerResponse): boolean => !raw.destroyed && !raw.writableEnded;

/** Writes to a client; lets go of one that has left too much unread. */
function send(raw: ServerResponse, text: string): void {
  if (!isOpen(raw)) return;
  if (raw.writableLength > unreadLimit) raw.destroy();
  else raw.write(text);
}

async function drained(raw: ServerResponse): Promise<void> {
  if (!raw.writableNeedDrain || !isOpen(raw)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      raw.off('drain', done);
      raw.off('close', done);
      resolve();
    };
    raw.once('drain', done);
    raw.once('close', done);
  });
}

function eventText(event: EventRecord): string {
  return `event: ${event.kind}\nid: ${event.seq}\ndata: ${JSON.stringify(eventShape(event))}\n\n`;
}
