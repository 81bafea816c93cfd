// /v1/keys and /v1/me: making keys, which are shown once, and telling a caller what theirs may do.

import { Type } from 'typebox';
import { Key, KeyRequest, ListOf, Me, PlainList, Problem as ProblemSchema } from '../../api/schemas.ts';
import { grantTexts } from '../../core/access.ts';
import { createKey, deleteKey } from '../../core/key.ts';
import { mainSpace } from '../../core/space-name.ts';
import { randomText } from '../../replica/ids.ts';
import { makeKey } from '../auth.ts';
import type { App, Context } from '../context.ts';
import { Problem } from '../problem.ts';
import { sendRefusal } from '../refusal.ts';
import { keyShape } from '../shapes.ts';
import { page } from './paging.ts';
import { requireScopeEverywhere } from './scope.ts';

const tags = ['keys'];

export function keyRoutes(app: App, context: Context): void {
  const { auth } = context;

  app.get(
    '/v1/me',
    { schema: { tags, summary: 'Who asks, and what they may do', response: { 200: Me } } },
    async (request) => {
      const actor = auth.actor(request);
      const anonymous = actor.identity === 'anonymous';
      return {
        name: actor.name,
        scopes: grantTexts(actor),
        maxPriority: actor.maxPriority,
        space: request.space.name,
        anonymous,
        keys: auth.keysOn,
      };
    },
  );

  app.get(
    '/v1/keys',
    { schema: { tags, summary: 'List keys', querystring: PlainList, response: { 200: ListOf(Key) } } },
    async (request) => {
      requireScopeEverywhere(auth.actor(request), 'admin');
      const { limit = 100, cursor } = request.query;
      return request.space.replica.look((state, moment) => {
        const view = { state, moment, baseUrl: context.baseUrl };
        return page([...state.keys.values()], { limit, cursor, key: (row) => row.id }, view, keyShape);
      });
    },
  );

  app.post(
    '/v1/keys',
    {
      schema: {
        tags,
        summary: 'Make a key; it is shown this once',
        body: KeyRequest,
        response: { 201: Key, 403: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      requireScopeEverywhere(actor, 'admin');
      // From the first key on, wherever it is, every request needs one.
      if (!auth.keysOn && request.space.name !== mainSpace)
        throw new Problem(
          'invalid_request',
          'Make an admin key of main first, or nobody could look after the server.',
          {
            field: 'Signalbox-Space',
          },
        );
      const { name, scopes, maxPriority = 0, expiresInSeconds } = request.body;
      const { id, hash, key } = makeKey(randomText(8));
      const outcome = await request.space.replica.decide(
        (turn) => {
          const expiresAt = expiresInSeconds == null ? null : turn.moment.at + Math.round(expiresInSeconds * 1000);
          return createKey(turn, { id, name, hash, scopes, maxPriority, expiresAt }, actor);
        },
        { needsRoom: true },
      );
      if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
      return reply.code(201).send({ ...keyShape(outcome.value), key });
    },
  );

  app.delete(
    '/v1/keys/:id',
    {
      schema: {
        tags,
        summary: 'Revoke a key',
        params: Type.Object({ id: Type.String() }),
        response: { 204: Type.Null(), 404: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      requireScopeEverywhere(actor, 'admin');
      const outcome = await request.space.replica.decide((turn) => deleteKey(turn, request.params.id, actor));
      return outcome.ok ? reply.code(204).send(null) : sendRefusal(context, request, reply, outcome);
    },
  );
}
