// /v1/environments/{name}/lanes and /stats: its past, made from the history. What always holds: a reply costs a bounded part of the
// history, and only a few are made at once, so that a page that many look at holds up nobody who takes turns.

import { setImmediate as breath } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Problem as ProblemSchema } from '../../api/schemas.ts';
import { Lanes, LanesQuery, Stats, StatsQuery } from '../../api/schemas-figures.ts';
import { knownOf } from '../../core/history/known.ts';
import { type Lanes as LanesRow, lanesOf } from '../../core/history/lanes.ts';
import { type Stats as StatsRow, statsOf } from '../../core/history/stats.ts';
import { type Timeline, timelineOf } from '../../core/history/timeline.ts';
import type { EventRecord, Moment } from '../../core/rows.ts';
import type { Replica } from '../../replica/replica.ts';
import type { App, Context } from '../context.ts';
import { Problem } from '../problem.ts';
import { time, timeOrNull } from '../shapes.ts';
import { parseTime, unknownEnvironment } from './environments.ts';
import { requireScope } from './scope.ts';

const tags = ['environments'];
const NameParam = Type.Object({ name: Type.String() });
const dayMs = 24 * 60 * 60 * 1000;
const longestMs = 366 * dayMs;
/** Events of one reply: half a second of reading. */
const eventsRead = 50_000;
const eventsPerRead = 1_000;
const freezesRead = 1_000;
const atOnce = 2;
const waitingAtMost = 100;

interface Range {
  readonly since: number;
  /** Null: now. */
  readonly until: number | null;
}

interface Past {
  readonly timeline: Timeline;
  readonly told: Pick<Lanes, 'environment' | 'since' | 'until' | 'from' | 'truncated' | 'asOf'>;
}

export function figureRoutes(app: App, { auth }: Context): void {
  const turns = new Turns();

  app.get(
    '/v1/environments/:name/lanes',
    {
      schema: {
        tags,
        summary: 'Who held it when, when it was closed, and how many waited',
        params: NameParam,
        querystring: LanesQuery,
        response: { 200: Lanes, 404: ProblemSchema },
      },
    },
    async (request): Promise<Lanes> => {
      requireScope(auth.actor(request), 'read', request.params.name);
      const { since, until, max = 500 } = request.query;
      const range = { since: timeOf(since, 'since'), until: timeOf(until, 'until') };
      return turns.take(async () => {
        const { timeline, told } = await read(request, request.params.name, range, dayMs);
        // Turns are taken in between.
        await breath();
        return { ...told, ...lanesShape(lanesOf(timeline, max)) };
      });
    },
  );

  app.get(
    '/v1/environments/:name/stats',
    {
      schema: {
        tags,
        summary: 'How much it was held, how long people waited, and what one more slot would change',
        params: NameParam,
        querystring: StatsQuery,
        response: { 200: Stats, 404: ProblemSchema },
      },
    },
    async (request): Promise<Stats> => {
      requireScope(auth.actor(request), 'read', request.params.name);
      const range = { since: timeOf(request.query.since, 'since'), until: null };
      return turns.take(async () => {
        const { timeline, told } = await read(request, request.params.name, range, 7 * dayMs);
        await breath();
        return { ...told, ...statsShape(statsOf(timeline)) };
      });
    },
  );
}

/** A few at a time; whoever comes later waits his turn. */
class Turns {
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= atOnce) {
      if (this.#waiting.length >= waitingAtMost)
        throw new Problem('server_full', 'As many figures are being made as the server takes. Try again in a moment.', {
          headers: { 'retry-after': '5' },
        });
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

function timeOf(text: string | undefined, field: string): number | null {
  return text === undefined ? null : parseTime(text, field);
}

async function read(
  request: FastifyRequest,
  name: string,
  asked: { since: number | null; until: number | null },
  usualMs: number,
): Promise<Past> {
  const { known, seq, moment } = await request.space.replica.look((state, moment) => {
    const known = knownOf(state, name);
    if (known === null) throw unknownEnvironment(name, state.environments.keys());
    return { known, seq: state.seq, moment };
  });
  const range = rangeOf(asked, moment, usualMs);
  const until = range.until ?? moment.at;
  const { events, from, truncated, isComplete } = await eventsOf(request, name, range, seq);
  const freezes = await freezesOf(request.space.replica, from, seq);
  await breath();
  const told = { events: events.filter(isOfIt), freezes, known, isComplete, name, from, until };
  return {
    timeline: timelineOf(told),
    told: {
      ...{ environment: name, since: time(range.since), until: time(until), from: time(from), truncated },
      asOf: { seq, at: time(moment.at) },
    },
  };
}

/** A signal or a key may have the same name. */
function isOfIt({ kind }: EventRecord): boolean {
  return kind.startsWith('lease.') || kind.startsWith('environment.');
}

function rangeOf(
  { since, until }: { since: number | null; until: number | null },
  now: Moment,
  usualMs: number,
): Range {
  const isPast = until !== null && until < now.at;
  const end = isPast ? until : now.at;
  const begin = since ?? end - usualMs;
  if (begin >= end)
    throw new Problem('invalid_request', 'since must lie before until, and in the past.', { field: 'since' });
  if (end - begin > longestMs)
    throw new Problem('invalid_request', 'since lies more than 366 days before until.', { field: 'since' });
  return { since: begin, until: isPast ? until : null };
}

interface Read {
  /** In the order of their seq. */
  readonly events: EventRecord[];
  readonly from: number;
  readonly truncated: boolean;
  readonly isComplete: boolean;
}

/** Backwards from the end of the range, so that of too much the newest is told; and a little of what came after it. */
async function eventsOf(
  { space }: FastifyRequest,
  subject: string,
  { since, until }: Range,
  seq: number,
): Promise<Read> {
  const { log } = space.replica;
  const found: EventRecord[] = [];
  const within = { subject, ...(until === null ? {} : { until }) };
  for (let beforeSeq = seq + 1; ; beforeSeq = found.at(-1)?.seq ?? 0) {
    const page = await log.events({ ...within, beforeSeq, order: 'desc', limit: eventsPerRead });
    for (const event of page) found.push(event);
    // A clock that has gone back leaves some that are older among the others: not one page of them.
    if (page.length < eventsPerRead || page.every(({ at }) => at < since) || found.length >= eventsRead) break;
  }
  const last = found.at(-1);
  const truncated = found.length >= eventsRead && last !== undefined && last.at > since;
  const [oldest] = truncated ? [last] : await log.events({ beforeSeq: seq + 1, order: 'asc', limit: 1 });
  const from = Math.min(Math.max(since, oldest?.at ?? since), until ?? Number.POSITIVE_INFINITY);
  const after =
    until === null
      ? []
      : await log.events({
          ...{ subject, since: until, beforeSeq: seq + 1, order: 'asc', limit: eventsPerRead },
          ...(last === undefined ? {} : { afterSeq: last.seq }),
        });
  const events = [...found, ...after].sort((a, b) => a.seq - b.seq);
  return { events, from, truncated, isComplete: after.length < eventsPerRead };
}

/** What was read last: freezes are rare, and nothing but a look through all that happened finds them. */
const freezesSeen = new WeakMap<
  Replica,
  { readonly since: number; readonly seq: number; readonly events: EventRecord[] }
>();

/** The last freezes by labels since a time, in the order of their seq. */
async function freezesOf(replica: Replica, since: number, seq: number): Promise<EventRecord[]> {
  const seen = freezesSeen.get(replica);
  // After a restore the seqs begin anew further back.
  const known = seen !== undefined && seen.since <= since && seen.seq <= seq ? seen : { since, seq: 0, events: [] };
  const found = await replica.log.events({
    ...{ kind: 'freeze.', since: known.since, afterSeq: known.seq, beforeSeq: seq + 1 },
    ...{ order: 'desc', limit: freezesRead },
  });
  const events = [...known.events, ...found.reverse()].slice(-freezesRead);
  freezesSeen.set(replica, { since: known.since, seq, events });
  return events.filter(({ at }) => at >= since);
}

const seconds = (milliseconds: number): number => Math.round(milliseconds) / 1000;
const secondsOrNull = (milliseconds: number | null): number | null =>
  milliseconds === null || !Number.isFinite(milliseconds) ? null : seconds(milliseconds);

function lanesShape({ blocks, closed, waiting, capacity, ...rest }: LanesRow) {
  return {
    slots: rest.slots,
    slotsLeftOut: rest.slotsLeftOut,
    capacity: capacity.map(({ at, value }) => ({ at: time(at), capacity: value })),
    blocks: blocks.map(({ isDirty, from, to, waitedMs, slot, ...block }) => ({
      ...{ slot, state: isDirty ? 'dirty' : 'held', from: time(from), to: timeOrNull(to) },
      ...{ ...block, waitedSeconds: secondsOrNull(waitedMs) },
    })),
    mergedWithinSeconds: secondsOrNull(rest.mergedWithinMs),
    closed: closed.map((each) => ({ ...each, from: time(each.from), to: timeOrNull(each.to) })),
    waiting: waiting.map(({ at, value }) => ({ at: time(at), waiting: value })),
  };
}

function statsShape({ waits, byHolder, others, oneMore, ...rest }: StatsRow) {
  return {
    leases: rest.leases,
    heldShare: rest.heldShare,
    heldSeconds: seconds(rest.heldMs),
    closedSeconds: seconds(rest.closedMs),
    waits: {
      count: waits.count,
      p50Seconds: secondsOrNull(waits.p50Ms),
      p95Seconds: secondsOrNull(waits.p95Ms),
      sumSeconds: seconds(waits.sumMs),
      ...{ timedOut: waits.timedOut, cancelled: waits.cancelled },
    },
    byHolder: byHolder.map(({ name, leases, heldMs, share }) => ({
      name,
      leases,
      heldSeconds: seconds(heldMs),
      share,
    })),
    others: {
      ...{ holders: others.holders, leases: others.leases, heldSeconds: seconds(others.heldMs), share: others.share },
    },
    oneMore: {
      p50Seconds: secondsOrNull(oneMore.p50Ms),
      p95Seconds: secondsOrNull(oneMore.p95Ms),
      savedSeconds: seconds(oneMore.savedMs),
    },
  };
}
