// /v1/events: the history, page by page or as a stream.

import { EventItem, EventList, EventStream, ListOf } from '../../api/schemas.ts';
import type { EventQuery } from '../../log/log.ts';
import { boundReading } from '../connections.ts';
import type { App, Context } from '../context.ts';
import { Problem } from '../problem.ts';
import { eventShape, time } from '../shapes.ts';
import { type RowKind, rowKinds, Streams } from '../stream.ts';
import { parseTime } from './environments.ts';
import { requireScope } from './scope.ts';

const tags = ['history'];

export function eventRoutes(app: App, context: Context): void {
  const { replica, auth } = context;
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
    async (request, reply) => {
      requireScope(auth.actor(request), 'read', null);
      const { since, until, limit = 100, order = 'asc', cursor, ...filters } = request.query;
      const query: EventQuery = {
        ...filters,
        ...range(since, until),
        ...after(cursor, order),
        order,
        limit: limit + 1,
      };
      boundReading(reply.raw);
      // The moment first: whatever comes later is in the stream that is opened from it.
      const asOf = await replica.look((state, moment) => ({ seq: state.seq, at: time(moment.at) }));
      const found = await replica.log.events(query);
      const items = found.slice(0, limit);
      const last = items.at(-1);
      return {
        items: items.map(eventShape),
        next: found.length > limit && last !== undefined ? String(last.seq) : null,
        asOf,
      };
    },
  );

  app.get(
    '/v1/events/stream',
    {
      schema: {
        tags,
        summary: 'What happens, as server-sent events; resumable by Last-Event-ID',
        querystring: EventStream,
      },
    },
    async (request, reply) => {
      requireScope(auth.actor(request), 'read', null);
      const given = request.headers['last-event-id'] ?? request.query.since;
      const since = given === undefined ? null : seqOf(String(given), 'Last-Event-ID');
      await streams.open(request, reply, since, rowsWanted(request.query.rows));
      return reply;
    },
  );
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
