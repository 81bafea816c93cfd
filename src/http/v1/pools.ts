// /v1/pools and /v1/images: environments that are machines, built as they are needed, and what they are made from.

import { Type } from 'typebox';
import { ListOf, PlainList, Problem as ProblemSchema } from '../../api/schemas.ts';
import { Image, ImageList, ImageRequest, Pool, PoolRequest } from '../../api/schemas-machines.ts';
import { forgetImage, setImage } from '../../core/machines/image.ts';
import { forgetPool, setPool } from '../../core/machines/pool.ts';
import type { PoolSpec } from '../../core/rows.ts';
import type { App, Context } from '../context.ts';
import { sendRefusal } from '../refusal.ts';
import { imageShape, poolShape } from '../shapes-machines.ts';
import { page } from './paging.ts';
import { requireScope } from './scope.ts';

const tags = ['machines'];
const NameParam = Type.Object({ name: Type.String() });
const IdParam = Type.Object({ id: Type.String() });

export function poolRoutes(app: App, context: Context): void {
  const { auth } = context;

  app.get(
    '/v1/pools',
    { schema: { tags, summary: 'List pools that build', querystring: PlainList, response: { 200: ListOf(Pool) } } },
    async (request) => {
      requireScope(auth.actor(request), 'read', null);
      const { limit = 100, cursor } = request.query;
      return request.space.replica.look((state, moment) => {
        const view = { state, moment, baseUrl: context.baseUrl };
        const rows = [...state.pools.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
        return page(rows, { limit, cursor, key: (row) => row.name }, view, (row) => poolShape(state, row, moment));
      });
    },
  );

  app.put(
    '/v1/pools/:name',
    {
      schema: {
        tags,
        summary: 'Make a pool that builds its own machines, or change it',
        params: NameParam,
        body: PoolRequest,
        response: { 200: Pool, 201: Pool, 403: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const { replica } = request.space;
      const outcome = await replica.decide((turn) => setPool(turn, request.params.name, specOf(request.body), actor), {
        needsRoom: true,
      });
      if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
      const { created, pool } = outcome.value;
      return replica.look((state, moment) => reply.code(created ? 201 : 200).send(poolShape(state, pool, moment)));
    },
  );

  app.delete(
    '/v1/pools/:name',
    {
      schema: {
        tags,
        summary: 'Remove a pool: its machines are ended once nobody holds them',
        params: NameParam,
        response: { 204: Type.Null(), 404: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const outcome = await request.space.replica.decide((turn) => forgetPool(turn, request.params.name, actor));
      return outcome.ok ? reply.code(204).send(null) : sendRefusal(context, request, reply, outcome);
    },
  );

  app.get(
    '/v1/images',
    { schema: { tags, summary: 'List images', querystring: ImageList, response: { 200: ListOf(Image) } } },
    async (request) => {
      requireScope(auth.actor(request), 'read', null);
      const { limit = 100, cursor, role, active } = request.query;
      return request.space.replica.look((state, moment) => {
        const view = { state, moment, baseUrl: context.baseUrl };
        const rows = [...state.images.values()]
          .filter(
            (row) => (role === undefined || row.role === role) && (active === undefined || row.isActive === active),
          )
          .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1));
        return page(rows, { limit, cursor, key: (row) => row.id }, view, imageShape);
      });
    },
  );

  app.put(
    '/v1/images/:id',
    {
      schema: {
        tags,
        summary: 'Say what an image is for',
        params: IdParam,
        body: ImageRequest,
        response: { 200: Image, 403: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const { role = null, name = null, active: isActive = true } = request.body;
      const outcome = await request.space.replica.decide(
        (turn) => setImage(turn, request.params.id, { role, name, isActive }, actor),
        { needsRoom: true },
      );
      return outcome.ok ? reply.send(imageShape(outcome.value)) : sendRefusal(context, request, reply, outcome);
    },
  );

  app.delete(
    '/v1/images/:id',
    {
      schema: {
        tags,
        summary: 'Forget an image; one that the driver lists is learned again',
        params: IdParam,
        response: { 204: Type.Null(), 404: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const outcome = await request.space.replica.decide((turn) => forgetImage(turn, request.params.id, actor));
      return outcome.ok ? reply.code(204).send(null) : sendRefusal(context, request, reply, outcome);
    },
  );
}

function specOf({ build, ...body }: PoolRequest): PoolSpec {
  const { labels, min = 0, max, idle = 0, idleForSeconds = 600, maxAgeSeconds = null, once = false } = body;
  const { readyWhen = 'finished', readyWithinSeconds = 1800 } = body;
  const { site, env, queue, role = 'worker', instanceType, image = null, nameTemplate = null } = build;
  const { subnet = null, securityGroup = null, slackChannel = null } = build;
  return {
    ...{ labels, min, max, idle, idleForMs: idleForSeconds * 1000, once, readyWhen },
    ...{ maxAgeMs: maxAgeSeconds === null ? null : maxAgeSeconds * 1000, readyWithinMs: readyWithinSeconds * 1000 },
    build: {
      ...{ site, env, queue, role, instanceType, image, nameTemplate, subnet, securityGroup, slackChannel },
    },
  };
}
