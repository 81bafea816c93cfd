// /v1/freezes: nothing that carries these labels is granted until the freeze ends.

import { Type } from 'typebox';
import { Freeze, FreezeRequest, ListOf, PlainList, Problem as ProblemSchema } from '../../api/schemas.ts';
import { endFreeze, putFreeze } from '../../core/freeze.ts';
import type { App, Context } from '../context.ts';
import { sendRefusal } from '../refusal.ts';
import { freezeShape } from '../shapes.ts';
import { parseTime } from './environments.ts';
import { page } from './paging.ts';
import { requireScope } from './scope.ts';

const tags = ['freezes'];
const NameParam = Type.Object({ name: Type.String() });

export function freezeRoutes(app: App, context: Context): void {
  const { auth } = context;

  app.get(
    '/v1/freezes',
    { schema: { tags, summary: 'List freezes', querystring: PlainList, response: { 200: ListOf(Freeze) } } },
    async (request) => {
      requireScope(auth.actor(request), 'read', null);
      const { limit = 100, cursor } = request.query;
      return request.space.replica.look((state, moment) => {
        const view = { state, moment, baseUrl: context.baseUrl };
        const rows = [...state.freezes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
        return page(rows, { limit, cursor, key: (row) => row.name }, view, freezeShape);
      });
    },
  );

  app.put(
    '/v1/freezes/:name',
    {
      schema: {
        tags,
        summary: 'Freeze by labels, later environments too',
        params: NameParam,
        body: FreezeRequest,
        response: { 200: Freeze, 201: Freeze, 403: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const { labels = {}, reason, until } = request.body;
      const untilAt = until == null ? null : parseTime(until, 'until');
      const outcome = await request.space.replica.decide(
        (turn) => putFreeze(turn, request.params.name, { labels, reason, untilAt }, actor),
        { needsRoom: true },
      );
      if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
      return reply.code(outcome.value.created ? 201 : 200).send(freezeShape(outcome.value.freeze));
    },
  );

  app.delete(
    '/v1/freezes/:name',
    {
      schema: { tags, summary: 'End a freeze', params: NameParam, response: { 204: Type.Null(), 404: ProblemSchema } },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const outcome = await request.space.replica.decide((turn) => endFreeze(turn, request.params.name, actor));
      return outcome.ok ? reply.code(204).send(null) : sendRefusal(context, request, reply, outcome);
    },
  );
}
