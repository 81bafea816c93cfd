// A refusal of the core as a reply: the same code, and ids of leases among its facts become the leases.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Refusal } from '../core/errors.ts';
import type { Blocker } from '../core/lease/standing.ts';
import type { Context } from './context.ts';
import { needsKey, Problem, sendProblem } from './problem.ts';
import { blockerShape, leaseShape } from './shapes.ts';

export async function sendRefusal(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
): Promise<FastifyReply> {
  if ((refusal.code === 'forbidden' || refusal.code === 'not_yours') && context.auth.sentNoKey(request)) {
    return sendProblem(request, reply, needsKey(String(refusal.facts?.needs)));
  }
  const { lease, blockedBy, ...facts } = { ...refusal.facts } as Record<string, unknown>;
  if (typeof lease === 'string') {
    const shape = await request.space.replica.look((state, moment) => {
      const row = state.leases.get(lease);
      return row === undefined ? null : leaseShape({ state, moment, baseUrl: context.baseUrl }, row);
    });
    if (shape !== null) facts.lease = shape;
  }
  if (Array.isArray(blockedBy)) facts.blockedBy = (blockedBy as Blocker[]).map(blockerShape);
  return sendProblem(
    request,
    reply,
    new Problem(refusal.code, refusal.message, {
      ...(refusal.field === undefined ? {} : { field: refusal.field }),
      facts,
    }),
  );
}
