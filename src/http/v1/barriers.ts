// /v1/barriers: declare who meets, arrive (and wait for the others), look, cancel, forget.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { ListOf, PlainList, Problem as ProblemSchema } from '../../api/schemas.ts';
import {
  ArrivalQuery,
  ArrivalRequest,
  Barrier,
  BarrierDelete,
  BarrierOpen,
  BarrierQuery,
  BarrierRequest,
  BarrierWaiting,
} from '../../api/schemas-meet.ts';
import type { Actor } from '../../core/access.ts';
import { accept, type Outcome, refuse } from '../../core/errors.ts';
import {
  type Arriving,
  arrive,
  barrierId,
  cancelBarrier,
  forgetBarrier,
  isNews,
  putBarrier,
  unknownBarrier,
} from '../../core/meet/barrier.ts';
import { missingText } from '../../core/meet/missing.ts';
import type { BarrierRow } from '../../core/rows.ts';
import { whileConnected } from '../connected.ts';
import type { App, Context } from '../context.ts';
import { sendRefusal } from '../refusal.ts';
import { barrierShape, partiesInLists } from '../shapes-meet.ts';
import { toMs } from './leases.ts';
import { page } from './paging.ts';
import { readableBy, requireOneOf } from './scope.ts';
import { nobody, textOf } from './waits.ts';

const tags = ['barriers'];
const NameParam = Type.Object({ name: Type.String() });

export function barrierRoutes(app: App, context: Context): void {
  const { auth } = context;

  app.get(
    '/v1/barriers',
    { schema: { tags, summary: 'List barriers', querystring: PlainList, response: { 200: ListOf(Barrier) } } },
    async (request) => {
      const readable = readableBy(auth.actor(request));
      const { limit = 100, cursor } = request.query;
      return request.space.replica.look((state, moment) => {
        const view = { state, moment, baseUrl: context.baseUrl };
        const ids = [...state.barriers.keys()].sort();
        const rows = ids.map((id) => state.barriers.get(id) as BarrierRow);
        const shown = rows.filter(({ name }) => readable === null || readable(name));
        const key = ({ name, generation }: BarrierRow): string => barrierId(name, generation);
        return page(shown, { limit, cursor, key }, view, (row) => barrierShape(row, moment, partiesInLists));
      });
    },
  );

  app.put(
    '/v1/barriers/:name',
    {
      schema: {
        tags,
        summary: 'Declare who meets; the same again changes nothing',
        params: NameParam,
        querystring: BarrierQuery,
        body: BarrierRequest,
        response: { 200: Barrier, 201: Barrier, 409: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const { parties, timeoutSeconds } = request.body;
      const declaration = {
        name: request.params.name,
        generation: request.query.generation ?? '',
        count: typeof parties === 'number' ? parties : parties.length,
        names: typeof parties === 'number' ? null : parties,
        timeoutMs: toMs(timeoutSeconds) ?? undefined,
      };
      const outcome = await request.space.replica.decide((turn) => putBarrier(turn, declaration, actor), {
        needsRoom: true,
      });
      if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
      const { barrier, created } = outcome.value;
      return request.space.replica.look((_state, moment) =>
        reply.code(created ? 201 : 200).send(barrierShape(barrier, moment)),
      );
    },
  );

  app.post(
    '/v1/barriers/:name/arrivals',
    {
      schema: {
        tags,
        summary: 'A party arrives, and perhaps waits for the others; again is no second arrival',
        params: NameParam,
        querystring: ArrivalQuery,
        body: ArrivalRequest,
        response: { 200: BarrierOpen, 202: BarrierWaiting, 409: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const { name } = request.params;
      const { generation = '', wait = 0 } = request.query;
      const arriving = { name, generation, party: request.body.party, failure: request.body.failure ?? null };
      const arrival = async (): Promise<Outcome<BarrierRow>> => {
        const needsRoom = await request.space.replica.look((state) => isNews(state, arriving));
        return request.space.replica.decide((turn) => arrive(turn, arriving, actor), { needsRoom });
      };
      const outcome = await (wait === 0 ? arrival() : arriveAndWait(request, actor, arriving, wait * 1000, arrival));
      if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
      // The arrival counts, so whoever must go is told where the barrier stands, and not that nothing was done.
      if (outcome.value.state === 'waiting' && context.stopping.aborted) reply.header('retry-after', '1');
      return answer(request, reply, outcome.value);
    },
  );

  app.get(
    '/v1/barriers/:name',
    {
      schema: {
        tags,
        summary: 'Look at a barrier',
        params: NameParam,
        querystring: BarrierQuery,
        response: { 200: Barrier, 404: ProblemSchema },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { generation = '' } = request.query;
      const actor = auth.actor(request);
      requireOneOf(actor, ['wait', 'read'], name);
      return request.space.replica.look((state, moment) => {
        const row = state.barriers.get(barrierId(name, generation));
        return row === undefined
          ? sendRefusal(context, request, reply, unknownBarrier(state, name, generation, actor))
          : reply.send(barrierShape(row, moment));
      });
    },
  );

  app.delete(
    '/v1/barriers/:name',
    {
      schema: {
        tags,
        summary: 'Break it for everyone who waits; with forget, also drop it',
        params: NameParam,
        querystring: BarrierDelete,
        response: { 200: Barrier, 404: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const { generation = '', reason = null, forget = false } = request.query;
      const asked = { name: request.params.name, generation, reason };
      const outcome = await request.space.replica.decide((turn) =>
        (forget ? forgetBarrier : cancelBarrier)(turn, asked, actor),
      );
      if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
      return request.space.replica.look((_state, moment) => reply.send(barrierShape(outcome.value, moment)));
    },
  );

  /** Stands in line before the party arrives: whatever comes of the barrier in the turn of its arrival is seen. */
  function arriveAndWait(
    request: FastifyRequest,
    actor: Actor,
    { name, generation }: Arriving,
    milliseconds: number,
    arrival: () => Promise<Outcome<BarrierRow>>,
  ): Promise<Outcome<BarrierRow>> {
    return whileConnected(request, async (gone) => {
      const needless = new AbortController();
      const awaited = { kind: 'barrier', name, generation } as const;
      const ended = request.space.waits.wait({
        ...{
          mode: 'all',
          conditions: [{ text: textOf(awaited), awaited }],
          holder: nobody,
          by: actor.name,
          identity: actor.identity,
        },
        ...{ milliseconds, signal: AbortSignal.any([gone, needless.signal]) },
      });
      try {
        const outcome = await arrival();
        if (!outcome.ok || outcome.value.state !== 'waiting') return outcome;
        const end = await ended;
        return 'ok' in end ? end : accept((end.conditions[0]?.standing.row as BarrierRow | null) ?? outcome.value);
      } finally {
        needless.abort();
      }
    });
  }

  async function answer(request: FastifyRequest, reply: FastifyReply, row: BarrierRow): Promise<FastifyReply> {
    const barrier = await request.space.replica.look((_state, moment) => barrierShape(row, moment, partiesInLists));
    if (row.state !== 'broken') return reply.code(row.state === 'open' ? 200 : 202).send(barrier);
    const who = row.end?.party == null ? '' : `${row.end.party}: `;
    const why = row.end?.reason == null ? '' : `: ${who}${row.end.reason}`;
    const { missing, missingCount } = barrier;
    const lacks = missingCount === 0 ? '' : `; missing: ${missingText(row)}`;
    const message = `Barrier "${row.name}" broke (${row.end?.how} by ${row.end?.by}${why})${lacks}.`;
    return sendRefusal(
      context,
      request,
      reply,
      refuse('barrier_broken', message, { facts: { missing, missingCount, missingText: missingText(row), barrier } }),
    );
  }
}
