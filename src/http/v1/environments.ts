// /v1/environments: what is shared, who holds it, and whether a fence is still current.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import {
  CleanRequest,
  Environment,
  EnvironmentDelete,
  EnvironmentList,
  EnvironmentRequest,
  FenceReply,
  ListOf,
  Problem as ProblemSchema,
} from '../../api/schemas.ts';
import { may } from '../../core/access.ts';
import { clean } from '../../core/dirty.ts';
import { configure, deleteEnvironment, type EnvironmentChange } from '../../core/environment.ts';
import { nameFault, nearestName } from '../../core/names.ts';
import type { Labels } from '../../core/rows.ts';
import { labelsMatch } from '../../core/selectors.ts';
import type { App, Context } from '../context.ts';
import { Problem } from '../problem.ts';
import { sendRefusal } from '../refusal.ts';
import { environmentShape } from '../shapes.ts';
import { page } from './paging.ts';
import { readableBy, requireScope } from './scope.ts';

const tags = ['environments'];
const NameParam = Type.Object({ name: Type.String() });
const responses = { 200: Environment, 404: ProblemSchema };

export function environmentRoutes(app: App, context: Context): void {
  const { auth } = context;

  app.get(
    '/v1/environments',
    {
      schema: {
        tags,
        summary: 'List environments by name',
        querystring: EnvironmentList,
        response: { 200: ListOf(Environment) },
      },
    },
    async (request) => {
      const readable = readableBy(auth.actor(request));
      const { labels, limit = 100, cursor } = request.query;
      const selector = parseSelector(labels ?? '');
      return request.space.replica.look((state, moment) => {
        const view = { state, moment, baseUrl: context.baseUrl };
        const rows = [...state.environments.values()]
          .filter((row) => labelsMatch(selector, row.labels) && (readable?.(row.name) ?? true))
          .sort((a, b) => (a.name < b.name ? -1 : 1));
        return page(rows, { limit, cursor, key: (row) => row.name }, view, (row) => environmentShape(view, row));
      });
    },
  );

  app.get(
    '/v1/environments/:name',
    { schema: { tags, summary: 'Look at an environment', params: NameParam, response: responses } },
    async (request, reply) => {
      requireScope(auth.actor(request), 'read', request.params.name);
      return showEnvironment(request, reply, request.params.name, 200);
    },
  );

  for (const method of ['PUT', 'PATCH'] as const) {
    app.route({
      method,
      url: '/v1/environments/:name',
      schema: {
        tags,
        summary: method === 'PUT' ? 'Declare an environment, or change it' : 'Change an environment that is there',
        params: NameParam,
        body: EnvironmentRequest,
        response: method === 'PUT' ? { ...responses, 201: Environment } : responses,
      },
      handler: async (request, reply) => {
        const { name } = request.params;
        const actor = auth.actor(request);
        const change = toChange(request.body);
        const outcome = await request.space.replica.decide(
          (turn) => {
            if (method === 'PATCH' && !turn.state.environments.has(name))
              throw unknownEnvironment(name, turn.state.environments.keys());
            return configure(turn, name, change, actor);
          },
          { needsRoom: method === 'PUT' },
        );
        if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
        return showEnvironment(request, reply, name, outcome.value.created ? 201 : 200);
      },
    });
  }

  app.delete(
    '/v1/environments/:name',
    {
      schema: {
        tags,
        summary: 'Delete it; with force also under its holders',
        params: NameParam,
        querystring: EnvironmentDelete,
        response: { 204: Type.Null(), 409: ProblemSchema },
      },
    },
    async (request, reply) => {
      const { force = false, reason = '' } = request.query;
      const actor = auth.actor(request);
      const outcome = await request.space.replica.decide((turn) =>
        deleteEnvironment(turn, request.params.name, actor, force ? { reason } : null),
      );
      return outcome.ok ? reply.code(204).send(null) : sendRefusal(context, request, reply, outcome);
    },
  );

  app.post(
    '/v1/environments/:name/clean',
    {
      schema: {
        tags,
        summary: 'Free the slots that were left behind',
        params: NameParam,
        body: CleanRequest,
        response: responses,
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const actor = auth.actor(request);
      const outcome = await request.space.replica.decide((turn) =>
        clean(turn, name, actor, request.body.reason ?? null),
      );
      return outcome.ok ? showEnvironment(request, reply, name, 200) : sendRefusal(context, request, reply, outcome);
    },
  );

  app.get(
    '/v1/environments/:name/fence/:fence',
    {
      schema: {
        tags,
        summary: 'Whether a held lease with this fence includes this environment',
        params: Type.Object({ name: Type.String(), fence: Type.Integer({ minimum: 0 }) }),
        response: { 200: FenceReply },
      },
    },
    async (request) => {
      const { name, fence } = request.params;
      const actor = auth.actor(request);
      // A job that may take it may also ask whether it still has it.
      if (!may(actor, 'acquire', name)) requireScope(actor, 'read', name);
      return request.space.replica.look((state) => {
        if (!state.environments.has(name)) throw unknownEnvironment(name, state.environments.keys());
        return { current: state.heldBy(name).some((lease) => lease.fence === fence), environment: name, fence };
      });
    },
  );

  async function showEnvironment(
    request: FastifyRequest,
    reply: FastifyReply,
    name: string,
    status: number,
  ): Promise<FastifyReply> {
    const shape = await request.space.replica.look((state, moment) => {
      const row = state.environments.get(name);
      if (row === undefined) throw unknownEnvironment(name, state.environments.keys());
      return environmentShape({ state, moment, baseUrl: context.baseUrl }, row);
    });
    return reply.code(status).send(shape);
  }
}

export function parseSelector(text: string): Labels {
  const labels: [string, string][] = [];
  for (const pair of text.split(',')) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    if (at < 1)
      throw new Problem('invalid_request', `labels is a list of key=value with commas between; "${pair}" is none.`, {
        field: 'labels',
      });
    labels.push([pair.slice(0, at), pair.slice(at + 1)]);
  }
  // Not by assignment: a label may be called __proto__.
  return Object.fromEntries(labels);
}

/** A time as the API takes it, in milliseconds; throws where it is none. */
export function parseTime(text: string, field: string): number {
  const at = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    throw new Problem('invalid_request', `${field} is a time such as 2026-11-23T08:00:00Z.`, { field });
  return at;
}

function toChange(body: EnvironmentRequest): EnvironmentChange {
  const { capacity, labels, description, onExpire, ttlSeconds, maxHoldSeconds, state, reason, until } = body;
  const ms = (seconds: number | null | undefined): number | null | undefined =>
    seconds == null ? seconds : Math.round(seconds * 1000);
  const untilAt = until == null ? until : parseTime(until, 'until');
  return {
    capacity,
    labels,
    description,
    onExpire,
    ttlMs: ms(ttlSeconds),
    maxHoldMs: ms(maxHoldSeconds),
    state,
    reason,
    untilAt,
  };
}

export function unknownEnvironment(name: string, known: Iterable<string>): Problem {
  const fault = nameFault(name);
  if (fault !== null) return new Problem('invalid_name', `The name of the environment ${fault}.`, { field: 'name' });
  const nearest = nearestName(name, known);
  const hint = nearest === null ? 'signalbox status lists those that there are.' : `Did you mean ${nearest}?`;
  return new Problem('environment_unknown', `There is no environment "${name}". ${hint}`, {
    field: 'name',
    facts: { nearest },
  });
}
