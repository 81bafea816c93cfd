// /v1/signals: set, look or wait, clear, list.

import { Type } from 'typebox';
import { LeaseWait, ListOf, PlainList, Problem as ProblemSchema } from '../../api/schemas.ts';
import { Signal, SignalRequest } from '../../api/schemas-meet.ts';
import { refuse } from '../../core/errors.ts';
import { clearSignal, maxPayloadBytes, setSignal } from '../../core/meet/signal.ts';
import { nameFault } from '../../core/names.ts';
import type { SignalRow } from '../../core/rows.ts';
import type { App, Context } from '../context.ts';
import { sendRefusal } from '../refusal.ts';
import { payloadInLists, signalShape } from '../shapes-meet.ts';
import { toHolder, toMs } from './leases.ts';
import { page } from './paging.ts';
import { readableBy, requireOneOf } from './scope.ts';
import { shuttingDown, waitFor } from './waits.ts';

const tags = ['signals'];
const NameParam = Type.Object({ name: Type.String() });
/** Room for the payload, and for what stands around it. */
const bodyLimit = maxPayloadBytes + 8 * 1024;

export function signalRoutes(app: App, context: Context): void {
  const { auth } = context;

  app.get(
    '/v1/signals',
    {
      schema: {
        tags,
        summary: 'List signals, and those that are waited for without being set',
        querystring: PlainList,
        response: { 200: ListOf(Signal) },
      },
    },
    async (request) => {
      const readable = readableBy(auth.actor(request));
      const { limit = 100, cursor } = request.query;
      return request.space.replica.look((state, moment) => {
        const names = new Set([...state.signals.keys(), ...request.space.waits.signalsAwaited()]);
        const shown = [...names].filter((name) => readable === null || readable(name)).sort();
        const view = { state, moment, baseUrl: context.baseUrl };
        return page(shown, { limit, cursor, key: (name) => name }, view, (name) =>
          signalShape(name, state.signals.get(name) ?? null, moment, request.space.waits, payloadInLists),
        );
      });
    },
  );

  app.put(
    '/v1/signals/:name',
    {
      bodyLimit,
      schema: {
        tags,
        summary: 'Set a signal, or set it as failed',
        params: NameParam,
        body: Type.Union([SignalRequest, Type.Null()]),
        response: { 200: Signal, 201: Signal, 413: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const { data = null, failure = null, ttlSeconds, holder } = request.body ?? {};
      if (data !== null && failure !== null) {
        const refusal = refuse('invalid_request', 'Give either data or failure.', { field: 'failure' });
        return sendRefusal(context, request, reply, refusal);
      }
      const setting = { data, failure, ttlMs: toMs(ttlSeconds), holder: toHolder(holder) };
      const { name } = request.params;
      const outcome = await request.space.replica.decide((turn) => setSignal(turn, name, setting, actor), {
        needsRoom: true,
      });
      if (!outcome.ok) return sendRefusal(context, request, reply, outcome);
      const { signal, created } = outcome.value;
      return request.space.replica.look((_state, moment) =>
        reply.code(created ? 201 : 200).send(signalShape(name, signal, moment, request.space.waits)),
      );
    },
  );

  app.get(
    '/v1/signals/:name',
    {
      schema: {
        tags,
        summary: 'Look at a signal, or wait until it is set',
        params: NameParam,
        querystring: LeaseWait,
        response: { 200: Signal, 404: ProblemSchema, 409: ProblemSchema },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const actor = auth.actor(request);
      const milliseconds = (request.query.wait ?? 0) * 1000;
      const fault = nameFault(name);
      if (fault !== null) {
        const refusal = refuse('invalid_name', `The name of the signal ${fault}.`, { field: 'name' });
        return sendRefusal(context, request, reply, refusal);
      }
      requireOneOf(actor, milliseconds > 0 ? ['wait'] : ['wait', 'read'], name);
      // What is set is told even where nobody more may wait; whoever waits is looked at once more, standing in line.
      let standing = await request.space.waits.look({ kind: 'signal', name });
      if (standing.state === 'pending' && milliseconds > 0) {
        const end = await waitFor(context, request, actor, { kind: 'signal', name }, milliseconds);
        if ('ok' in end) return sendRefusal(context, request, reply, end);
        if (end.outcome === 'stopping') throw shuttingDown();
        standing = end.standing;
      }
      if (standing.state === 'pending') {
        const message = `Signal "${name}" is not set${milliseconds > 0 ? `; waited ${milliseconds / 1000} s` : ''}.`;
        return sendRefusal(context, request, reply, refuse('signal_unset', message));
      }
      const { by, detail: reason } = standing;
      if (standing.state === 'failed') {
        const message = `Signal "${name}" was set as failed by ${by}: ${reason}`;
        return sendRefusal(context, request, reply, refuse('signal_failed', message, { facts: { by, reason } }));
      }
      // As it was when it was set, though it may have been cleared or set anew since.
      const row = standing.row as SignalRow;
      return request.space.replica.look((_state, moment) =>
        reply.send(signalShape(name, row, moment, request.space.waits)),
      );
    },
  );

  app.delete(
    '/v1/signals/:name',
    {
      schema: {
        tags,
        summary: 'Clear a signal; answers nobody who waits',
        params: NameParam,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const outcome = await request.space.replica.decide((turn) => clearSignal(turn, request.params.name, actor));
      return outcome.ok ? reply.code(204).send(null) : sendRefusal(context, request, reply, outcome);
    },
  );
}
