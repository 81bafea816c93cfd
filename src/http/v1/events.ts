// /v1/events: the history, page by page or as a stream.

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { EventItem, EventList, EventStream, ListOf } from '../../api/schemas.ts';
import type { Actor } from '../../core/access.ts';
import type { EventRecord } from '../../core/rows.ts';
import type { EventQuery } from '../../log/log.ts';
import type { App, Context } from '../context.ts';
import { Problem } from '../problem.ts';
import { eventShape, time } from '../shapes.ts';
import { maySee, Streams } from '../stream.ts';
import { type RowKind, rowKinds } from '../stream-rows.ts';
import { parseTime } from './environments.ts';
import { readableBy } from './scope.ts';

const tags = ['history'];
/** How much of the history one page of a limited reader looks at. */
const eventsPerRead = 500;
const readsPerPage = 20;

interface EventPage {
  readonly items: EventRecord[];
  readonly next: string | null;
}

export function eventRoutes(app: App, context: Context): void {
  const { auth } = context;
  const streams = new Streams(context);

  app.get(
    '/v1/events',
    {
      schema: {
        tags,
        summary: 'What happened, oldest first unless order=desc',
        querystring: EventList,
        response: { 200: ListOf(EventItem) },
      },
    },
    async (request) => {
      const actor = auth.actor(request);
      const isLimited = readableBy(actor) !== null;
      const { since, until, limit = 100, order = 'asc', cursor, ...filters } = request.query;
      const query: EventQuery = {
        ...filters,
        ...range(since, until),
        ...after(cursor, order),
        order,
        limit: limit + 1,
      };
      // The moment first: whatever comes later is in the stream that is opened from it.
      const asOf = await request.space.replica.look((state, moment) => ({ seq: state.seq, at: time(moment.at) }));
      const { items, next } = isLimited
        ? await limitedPage(request, query, limit, actor)
        : await wholePage(request, query, limit);
      return { items: items.map(eventShape), next, asOf };
    },
  );

  app.get(
    '/v1/events/stream',
    {
      exposeHeadRoute: false,
      schema: {
        tags,
        summary: 'What happens, as server-sent events; resumable by Last-Event-ID',
        querystring: EventStream,
        response: {
          200: { description: 'The stream', content: { 'text/event-stream': { schema: Type.String() } } },
        },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const readable = readableBy(actor);
      const given = request.headers['last-event-id'] ?? request.query.since;
      const since = given === undefined ? null : seqOf(String(given), 'Last-Event-ID');
      const sees = readable === null ? () => true : (event: EventRecord) => maySee(actor, event);
      await streams.open(request, reply, { since, rows: rowsWanted(request.query.rows), readable, sees });
      return reply;
    },
  );

  async function wholePage(request: FastifyRequest, query: EventQuery, limit: number): Promise<EventPage> {
    const found = await request.space.replica.log.events({ ...query, limit: limit + 1 });
    const items = found.slice(0, limit);
    return { items, next: found.length > limit ? String(items.at(-1)?.seq) : null };
  }

  /** For somebody who may not see everything. Looks at a bounded part of the history: a page may be short and yet not the last. */
  async function limitedPage(
    request: FastifyRequest,
    query: EventQuery,
    limit: number,
    actor: Actor,
  ): Promise<EventPage> {
    const items: EventRecord[] = [];
    let from: Partial<EventQuery> = {};
    for (let read = 0; read < readsPerPage; read++) {
      const found = await request.space.replica.log.events({ ...query, ...from, limit: eventsPerRead });
      for (const event of found) {
        if (!maySee(actor, event)) continue;
        if (items.length === limit) return { items, next: String(items.at(-1)?.seq) };
        items.push(event);
      }
      const last = found.at(-1);
      if (last === undefined || found.length < eventsPerRead) return { items, next: null };
      from = query.order === 'asc' ? { afterSeq: last.seq } : { beforeSeq: last.seq };
    }
    return { items, next: String(from.afterSeq ?? from.beforeSeq) };
  }
}

/** `since` and `until` as seqs, where they are numbers, else as times. */
function range(since: string | undefined, until: string | undefined): Partial<EventQuery> {
  const isSeq = (text: string): boolean => /^\d{1,16}$/.test(text);
  return {
    ...(since === undefined ? {} : isSeq(since) ? { afterSeq: Number(since) } : { since: parseTime(since, 'since') }),
    ...(until === undefined ? {} : isSeq(until) ? { beforeSeq: Number(until) } : { until: parseTime(until, 'until') }),
  };
}

function after(cursor: string | undefined, order: 'asc' | 'desc'): Partial<EventQuery> {
  if (cursor === undefined) return {};
  if (!/^\d{1,16}$/.test(cursor))
    throw new Problem('invalid_cursor', 'Use `next` of the page before as the cursor, unchanged.', { field: 'cursor' });
  return order === 'asc' ? { afterSeq: Number(cursor) } : { beforeSeq: Number(cursor) };
}

function seqOf(text: string, field: string): number {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  throw new Problem('invalid_request', `${field} is the id of an event: a number.`, { field });
}

function rowsWanted(text: string | undefined): ReadonlySet<RowKind> {
  const wanted = new Set<RowKind>();
  for (const name of (text ?? '').split(',')) {
    if (name === '') continue;
    const kind = rowKinds.find((known) => known === name);
    if (kind === undefined)
      throw new Problem('invalid_request', `rows is a list of ${rowKinds.join(', ')}; "${name}" is none of them.`, {
        field: 'rows',
      });
    wanted.add(kind);
  }
  return wanted;
}
