// /v1/spaces: which teams there are on this server. Always about the server, whatever space the request is for; only admins of `main`
// make and remove them.

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { ListOf, PlainList, Problem as ProblemSchema, Space, SpaceRemoval, SpaceRequest } from '../../api/schemas.ts';
import { type Actor, forbidden } from '../../core/access.ts';
import type { SpaceRow } from '../../core/rows.ts';
import { putSpace, removeSpace, servedSpaces } from '../../core/space.ts';
import { mainSpace } from '../../core/space-name.ts';
import type { App, Context } from '../context.ts';
import { needsKey, Problem } from '../problem.ts';
import { sendRefusal } from '../refusal.ts';
import { time } from '../shapes.ts';
import { page } from './paging.ts';

const tags = ['spaces'];
const NameParam = Type.Object({ name: Type.String() });

export function spaceRoutes(app: App, context: Context): void {
  const { spaces } = context;
  const { replica } = spaces.main;

  app.get(
    '/v1/spaces',
    { schema: { tags, summary: 'List spaces', querystring: PlainList, response: { 200: ListOf(Space) } } },
    async (request) => {
      operator(request);
      const { limit = 100, cursor } = request.query;
      return replica.look((state, moment) => {
        const rows = servedSpaces(state).sort((a, b) => (a.id < b.id ? -1 : 1));
        const view = { state, moment, baseUrl: context.baseUrl };
        return page([null, ...rows], { limit, cursor, key: (row) => row?.id ?? mainSpace }, view, shape);
      });
    },
  );

  app.put(
    '/v1/spaces/:name',
    {
      schema: {
        tags,
        summary: 'Make a space; its first key is made by POST /v1/keys with the header Signalbox-Space',
        params: NameParam,
        body: SpaceRequest,
        response: { 200: Space, 201: Space, 403: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = operator(request);
      const { name } = request.params;
      const outcome = await replica.decide((turn) => putSpace(turn, name, request.body.description ?? null, actor), {
        needsRoom: true,
      });
      if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
      // So that whoever reads the answer may use it at once, on this server at least.
      await spaces.tried(name);
      return reply.code(outcome.value.created ? 201 : 200).send(shape(outcome.value.space));
    },
  );

  app.delete(
    '/v1/spaces/:name',
    {
      schema: {
        tags,
        summary: 'Put a space out of service; what it holds stays in its store, and is there again if it is made again',
        params: NameParam,
        querystring: SpaceRemoval,
        response: { 204: Type.Null(), 404: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = operator(request);
      const outcome = await replica.decide((turn) =>
        removeSpace(turn, request.params.name, request.query.forget === true, actor),
      );
      return outcome.ok ? reply.code(204).send(null) : sendRefusal(context, request, reply, outcome);
    },
  );

  /** Throws where who asks does not run this server. */
  function operator(request: FastifyRequest): Actor {
    const actor = context.auth.actor(request);
    if (context.auth.isOperator(request)) return actor;
    if (actor.identity === 'anonymous') throw needsKey('admin');
    const { facts } = forbidden(actor, 'admin', null);
    throw new Problem('forbidden', 'Spaces are the business of admins of main: this needs a key of theirs.', {
      facts: { ...facts },
    });
  }

  /** null: `main`, which has no row. */
  function shape(row: SpaceRow | null) {
    const name = row?.id ?? mainSpace;
    return {
      ...{ name, description: row?.description ?? '', open: spaces.get(name) !== undefined },
      ...{ createdAt: row === null ? null : time(row.createdAt), createdBy: row?.createdBy ?? null },
    };
  }
}
