// /v1/jobs: what is to be done outside, for people; and where workers beside the server claim it and tell what they do.

import { Type } from 'typebox';
import { ListOf, PlainList, Problem as ProblemSchema } from '../../api/schemas.ts';
import { Claim, Job, Task, Work } from '../../api/schemas-machines.ts';
import type { Actor } from '../../core/access.ts';
import type { App, Context } from '../context.ts';
import { sendRefusal } from '../refusal.ts';
import { jobShape } from '../shapes-machines.ts';
import { page } from './paging.ts';
import { requireScope, requireScopeEverywhere } from './scope.ts';

const tags = ['machines'];
/** A look at what the driver lists names every machine, with its facts. */
const bodyLimit = 4 * 1024 * 1024;

export function jobRoutes(app: App, context: Context): void {
  const { auth } = context;

  app.get(
    '/v1/jobs',
    {
      schema: {
        tags,
        summary: 'List what workers have to do, and what was given up',
        querystring: PlainList,
        response: { 200: ListOf(Job) },
      },
    },
    async (request) => {
      requireScope(auth.actor(request), 'read', null);
      const { limit = 100, cursor } = request.query;
      return request.space.replica.look((state, moment) => {
        const view = { state, moment, baseUrl: context.baseUrl };
        return page([...state.jobs.values()], { limit, cursor, key: (row) => row.id }, view, (row) =>
          jobShape(row, moment),
        );
      });
    },
  );

  app.post(
    '/v1/jobs/claim',
    {
      schema: {
        tags,
        summary: 'For workers: claim the next job that is due',
        body: Claim,
        response: { 200: Task, 204: Type.Null() },
      },
    },
    async (request, reply) => {
      requireWorker(auth.actor(request));
      const { worker, holdSeconds, job } = request.body;
      const task = await context.deskOf(request.space).claim(worker, holdSeconds * 1000, job);
      return task === null ? reply.code(204).send(null) : reply.send(task);
    },
  );

  app.post(
    '/v1/jobs/:id/work',
    {
      bodyLimit,
      schema: {
        tags,
        summary: 'For workers: write down what was done, or is about to be',
        params: Type.Object({ id: Type.String() }),
        body: Work,
        response: { 200: Task, 409: ProblemSchema },
      },
    },
    async (request, reply) => {
      requireWorker(auth.actor(request));
      const { number, command } = request.body;
      const outcome = await context.deskOf(request.space).tell({ job: request.params.id, number }, command);
      return outcome.ok ? reply.send(outcome.value) : sendRefusal(context, request, reply, outcome);
    },
  );
}

/** Whoever works on jobs makes machines and ends them, and is believed in both. */
function requireWorker(actor: Actor): void {
  requireScopeEverywhere(actor, 'build');
  requireScopeEverywhere(actor, 'terminate');
}
