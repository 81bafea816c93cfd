// /v1/instance-builds, /v1/instances: asking for machines, seeing how far that is, and ending them.

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { closed, ListOf, PlainList, Problem as ProblemSchema } from '../../api/schemas.ts';
import { Build, BuildLook, BuildRequest, BuildWait, Ending, Instance } from '../../api/schemas-machines.ts';
import { askBuild, cancelBuild, machinesPerBuild, sayReady } from '../../core/machines/build.ts';
import { isThere, terminate } from '../../core/machines/instance.ts';
import type { BuildRow, BuildSpec } from '../../core/rows.ts';
import { idsForBuild, machineIds } from '../../replica/ids.ts';
import { whileConnected } from '../connected.ts';
import type { App, Context } from '../context.ts';
import { Problem } from '../problem.ts';
import { sendRefusal } from '../refusal.ts';
import { buildShape, instanceShape } from '../shapes-machines.ts';
import { page } from './paging.ts';
import { requireDriver, requireScope, requireScopeEverywhere } from './scope.ts';

const tags = ['machines'];
const IdParam = Type.Object({ id: Type.String() });
const usualRole = 'worker';

export function machineRoutes(app: App, context: Context): void {
  const { auth } = context;

  app.post(
    '/v1/instance-builds',
    {
      schema: {
        tags,
        summary: 'Ask for machines; the same id again is the same build',
        body: BuildRequest,
        querystring: BuildWait,
        response: { 200: Build, 202: Build, 403: ProblemSchema, 409: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      requireScopeEverywhere(actor, 'build');
      requireDriver(context);
      const { id = machineIds.build() } = request.body;
      if (!/^[\w.-]{1,100}$/.test(id))
        throw new Problem('invalid_request', 'An id has letters, digits, . _ and -, at most 100.', { field: 'id' });
      const spec = specOf(request.body);
      // One for each machine; where there are too many of them, or none, the core says so.
      const ids = idsForBuild(Math.min(spec.count, machinesPerBuild));
      const outcome = await request.space.replica.decide((turn) => askBuild(turn, { id, spec, ...ids }, actor), {
        needsRoom: true,
      });
      if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
      const shape = await settled(request, id, (request.query.wait ?? 0) * 1000);
      return reply.code(outcome.value.created ? 202 : 200).send(shape);
    },
  );

  app.get(
    '/v1/instance-builds',
    {
      schema: { tags, summary: 'List builds, newest first', querystring: PlainList, response: { 200: ListOf(Build) } },
    },
    async (request) => {
      requireScope(auth.actor(request), 'read', null);
      const { limit = 100, cursor } = request.query;
      return request.space.replica.look((state, moment) => {
        const rows = [...state.builds.values()].sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1));
        const view = { state, moment, baseUrl: context.baseUrl };
        return page(rows, { limit, cursor, key: (row) => row.id }, view, (row) => buildShape(state, row));
      });
    },
  );

  app.get(
    '/v1/instance-builds/:id',
    {
      schema: {
        tags,
        summary: 'Look at a build; with wait, as soon as it has got further',
        params: IdParam,
        querystring: BuildLook,
        response: { 200: Build, 404: ProblemSchema },
      },
    },
    async (request) => {
      requireScope(auth.actor(request), 'read', null);
      const { wait = 0, after } = request.query;
      return settled(request, request.params.id, wait * 1000, after);
    },
  );

  app.delete(
    '/v1/instance-builds/:id',
    {
      schema: {
        tags,
        summary: 'Cancel a build: its machines are ended, however far it is',
        params: IdParam,
        body: Type.Union([Ending, Type.Null()]),
        response: { 202: Build, 404: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const { id } = request.params;
      const cancel = { id, job: machineIds.job(), reason: request.body?.reason ?? null };
      const outcome = await request.space.replica.decide((turn) => cancelBuild(turn, cancel, actor));
      if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
      return request.space.replica.look((state) => reply.code(202).send(buildShape(state, outcome.value)));
    },
  );

  app.get(
    '/v1/instances',
    {
      schema: {
        tags,
        summary: 'List machines that are there',
        querystring: PlainList,
        response: { 200: ListOf(Instance) },
      },
    },
    async (request) => {
      requireScope(auth.actor(request), 'read', null);
      const { limit = 100, cursor } = request.query;
      return request.space.replica.look((state, moment) => {
        const view = { state, moment, baseUrl: context.baseUrl };
        const rows = state.instances.values().filter(isThere).toArray();
        return page(rows, { limit, cursor, key: (row) => row.id }, view, instanceShape);
      });
    },
  );

  app.delete(
    '/v1/instances/:id',
    {
      schema: {
        tags,
        summary: 'End a machine, by its id here or at the driver',
        params: IdParam,
        body: Type.Union([Ending, Type.Null()]),
        response: { 202: Instance, 404: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const ask = { id: request.params.id, job: machineIds.job(), reason: request.body?.reason ?? null };
      const outcome = await request.space.replica.decide((turn) => terminate(turn, ask, actor));
      if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
      return reply.code(202).send(instanceShape(outcome.value));
    },
  );

  app.post(
    '/v1/instances/:id/ready',
    {
      schema: {
        tags,
        summary: 'Say that a machine is ready, by its id here or at the driver: its init script is done',
        params: IdParam,
        body: Type.Union([Type.Object({}, closed), Type.Null()]),
        response: { 200: Instance, 404: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      requireScopeEverywhere(actor, 'build');
      const { id } = request.params;
      const outcome = await request.space.replica.decide((turn) => sayReady(turn, id, actor.name));
      if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
      return reply.send(instanceShape(outcome.value));
    },
  );

  /** How a build stands once its row has changed, or patience ends; at once where it is over. */
  async function settled(request: FastifyRequest, id: string, milliseconds: number, after?: number): Promise<Build> {
    const { replica } = request.space;
    const row = await replica.look(({ builds }) => builds.get(id));
    if (row === undefined) throw new Problem('build_unknown', `There is no build ${id}.`);
    if (milliseconds > 0 && !isOver(row) && (after === undefined || after === row.seq)) {
      await whileConnected(request, (gone) =>
        changed(
          request,
          row,
          AbortSignal.any([gone, context.stopping, request.space.shut, AbortSignal.timeout(Math.ceil(milliseconds))]),
        ),
      );
    }
    return replica.look((state) => buildShape(state, state.builds.get(id) ?? row));
  }

  /** Resolves when the row is another one than this, or when the signal aborts. */
  function changed({ space: { replica } }: FastifyRequest, { id, seq }: BuildRow, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        stop();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const look = (builds: ReadonlyMap<string, BuildRow>): void => {
        if (builds.get(id)?.seq !== seq) end();
      };
      const stop = replica.onTurn(({ state }) => look(state.builds));
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
      // It may have changed since it was looked at.
      else void Promise.resolve(replica.look(({ builds }) => look(builds))).catch(end);
    });
  }
}

function isOver({ state, cancelling }: BuildRow): boolean {
  return (
    state === 'cancelled' ||
    (cancelling === null && (state === 'started' || state === 'finished' || state === 'failed'))
  );
}

function specOf(body: BuildRequest): BuildSpec {
  const { site, env, queue, role = usualRole, instanceType, count = 1 } = body;
  const { image = null, nameTemplate = null, subnet = null, securityGroup = null, slackChannel = null } = body;
  return { site, env, queue, role, instanceType, count, image, nameTemplate, subnet, securityGroup, slackChannel };
}
