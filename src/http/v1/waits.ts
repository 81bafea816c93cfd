// /v1/waits: wait for any or all of a list, and who waits for what. And `waitFor`, by which other routes wait for one thing.

import type { FastifyRequest } from 'fastify';
import { PlainList, Problem as ProblemSchema } from '../../api/schemas.ts';
import { type WaitCondition, WaitList, WaitReply, WaitRequest } from '../../api/schemas-meet.ts';
import { type Actor, environmentsOf, forbidden, may } from '../../core/access.ts';
import { type Refusal, refuse } from '../../core/errors.ts';
import { barrierId } from '../../core/meet/barrier.ts';
import { parseTarget } from '../../core/meet/target.ts';
import { type Awaited, waitRefusal } from '../../core/meet/waiting.ts';
import { nearestName } from '../../core/names.ts';
import type { State } from '../../core/state.ts';
import { keyOf } from '../../probes/prober.ts';
import { type ProbeAsk, questionOf } from '../../probes/question.ts';
import type { Space } from '../../replica/spaces.ts';
import type { Condition, OpenWait, Seen, WaitAsk, WaitEnd } from '../../replica/waits.ts';
import { whileConnected } from '../connected.ts';
import type { App, Context } from '../context.ts';
import { Problem } from '../problem.ts';
import { sendRefusal } from '../refusal.ts';
import { conditionShapes, openWaitShape, probeShape, timedOutShape } from '../shapes-meet.ts';
import { toHolder } from './leases.ts';
import { page } from './paging.ts';
import { readableBy } from './scope.ts';

type Watch = Extract<Condition, { watch: unknown }>['watch'];

const tags = ['waits'];
const defaultSeconds = 30;
/** Of signals that did not come: more hints nobody reads, and each costs a look at many names. */
const hintsAtMost = 16;
/** Not all may be known to whoever asks. */
const namesLookedAt = 5_000;
/** Of what timed out, and of what is tried: the latest. */
const listedAtMost = 100;
/** Whoever waits without saying for whom. */
export const nobody = { name: null, url: null, ref: null };

export function waitRoutes(app: App, context: Context): void {
  const { auth, prober } = context;

  app.post(
    '/v1/waits',
    {
      schema: {
        tags,
        summary: 'Wait for any or all of: signals, barriers, free environments, ends of leases, machines, probes',
        body: WaitRequest,
        response: { 200: WaitReply, 403: ProblemSchema, 422: ProblemSchema, 429: ProblemSchema },
      },
    },
    async (request, reply) => {
      const actor = auth.actor(request);
      const { any, all, timeoutSeconds = defaultSeconds, holder } = request.body;
      if ((any === undefined) === (all === undefined))
        throw new Problem('invalid_request', 'Give either any or all.', { field: 'any' });
      const mode = any === undefined ? 'all' : 'any';
      // All at once: a name that does not resolve takes its time.
      const read = await Promise.all(
        (any ?? all ?? []).map((written) =>
          conditionOf(context, request, actor, typeof written === 'string' ? { target: written } : written),
        ),
      );
      const conditions: Condition[] = [];
      for (const [i, condition] of read.entries()) {
        if ('ok' in condition) return sendRefusal(context, request, reply, placed(condition, mode, i));
        conditions.push(condition);
      }
      const asked = { mode, conditions, holder: toHolder(holder), milliseconds: timeoutSeconds * 1000 } as const;
      const end = await waitWhileConnected(context, request, actor, asked);
      if ('ok' in end) return sendRefusal(context, request, reply, end);
      if (end.outcome === 'stopping') throw shuttingDown();
      const { startedAt } = end;
      const nearest = await nearestSignals(end, request.space, actor);
      return reply.send({
        outcome: end.outcome,
        waitedSeconds: (end.endedAt - startedAt) / 1000,
        conditions: conditionShapes(end.conditions, startedAt, nearest),
      });
    },
  );

  app.get(
    '/v1/waits',
    {
      schema: {
        tags,
        summary: 'Who waits for what since when on this server, and what was waited for in vain',
        querystring: PlainList,
        response: { 200: WaitList },
      },
    },
    async (request) => {
      const readable = readableBy(auth.actor(request));
      const { limit = 100, cursor } = request.query;
      const { replica, waits } = request.space;
      return replica.look((state, moment) => {
        const isReadable = (text: string): boolean =>
          readable === null || namesIn(state, text).some((name) => readable(name));
        const open = waits
          .list()
          .filter(({ conditions }) => conditions.every(({ text }) => isReadable(text)))
          .toArray();
        const view = { state, moment, baseUrl: context.baseUrl };
        const timedOut = waits.recentlyTimedOut().filter(({ text }) => isReadable(text));
        // Those of this space: what others wait for is their business.
        const awaited = new Set(waits.list().flatMap(({ conditions }) => conditions.map(({ text }) => text)));
        const probes = prober.targets().filter(({ text }) => awaited.has(text) && isReadable(text));
        return {
          ...page(open, { limit, cursor, key: ({ id }: OpenWait) => id }, view, openWaitShape),
          timedOut: timedOut.slice(0, listedAtMost).map(timedOutShape),
          timedOutCount: timedOut.length,
          probes: probes.slice(-listedAtMost).map(probeShape),
          probesCount: probes.length,
        };
      });
    },
  );

  /** Of signals that did not come: one that is set, may be waited for by the same key, and was perhaps meant. */
  async function nearestSignals(
    { outcome, conditions }: WaitEnd,
    { replica }: Space,
    actor: Actor,
  ): Promise<Map<string, string>> {
    const nearest = new Map<string, string>();
    if (outcome !== 'timed_out') return nearest;
    await replica.look(({ signals }) => {
      const unset = conditions.filter(
        ({ text, standing }) => standing.state === 'pending' && text.startsWith('signal:'),
      );
      const missing = new Set(unset.map(({ text }) => text));
      const candidates = signals
        .keys()
        .take(namesLookedAt)
        .filter((name) => may(actor, 'wait', name))
        .toArray();
      for (const text of [...missing].slice(0, hintsAtMost)) {
        const found = nearestName(text.slice('signal:'.length), candidates);
        if (found !== null) nearest.set(text, `signal:${found}`);
      }
    });
    return nearest;
  }
}

/** How a wait for one thing ended, and how that stood then. */
export interface OneEnd {
  readonly outcome: WaitEnd['outcome'];
  readonly standing: Seen['standing'];
}

/** Waits for one thing while the client is there. The actor's rights were looked at before. */
export async function waitFor(
  context: Context,
  request: FastifyRequest,
  actor: Actor,
  awaited: Exclude<Awaited, { kind: 'lease' | 'instance' }>,
  milliseconds: number,
): Promise<OneEnd | Refusal> {
  const conditions = [{ text: textOf(awaited), awaited }];
  const end = await waitWhileConnected(context, request, actor, {
    mode: 'all',
    conditions,
    holder: nobody,
    milliseconds,
  });
  return 'ok' in end ? end : { outcome: end.outcome, standing: (end.conditions[0] as Seen).standing };
}

/** Waits while the client is there. */
export async function waitWhileConnected(
  { stopping }: Context,
  request: FastifyRequest,
  actor: Actor,
  ask: Omit<WaitAsk, 'by' | 'identity' | 'signal'>,
): Promise<WaitEnd | Refusal> {
  if (stopping.aborted) throw shuttingDown();
  return whileConnected(request, (signal) =>
    request.space.waits.wait({ ...ask, by: actor.name, identity: actor.identity, signal }),
  );
}

export function shuttingDown(): Problem {
  return new Problem('shutting_down', 'The server is stopping. Ask again: how things stand then is what counts.');
}

/** What is to be waited for, if it can be and this actor may. */
export async function conditionOf(
  context: Context,
  request: FastifyRequest,
  actor: Actor,
  written: WaitCondition,
): Promise<Condition | Refusal> {
  const parsed = parseTarget(written.target);
  if (!parsed.ok) return parsed;
  const target = parsed.value;
  const { generation, target: _target, ...ofProbes } = written;
  if (generation !== undefined && target.kind !== 'barrier') return notOf('generation', 'a barrier');
  if (target.kind !== 'probe') {
    const given = Object.entries(ofProbes).find(([, value]) => value !== undefined);
    if (given !== undefined) return notOf(given[0], 'a probe');
    const awaited: Awaited = target.kind === 'barrier' ? { ...target, generation: generation ?? '' } : target;
    const refusal = await request.space.replica.look((state) => waitRefusal(state, awaited, actor));
    return refusal ?? { text: textOf(awaited), awaited };
  }
  if (!may(actor, 'probe', target.text)) return forbidden(actor, 'probe', target.text);
  const question = questionOf(target.probe, ofProbes as ProbeAsk);
  if (!question.ok) return question;
  const refusal = await context.prober.admit(target.probe, question.value.options);
  if (refusal !== null) return refusal;
  const watch: Watch = (tell) =>
    context.prober.watch(question.value, (standing) => tell({ ...standing, by: null, row: null }));
  return { text: target.text, outside: keyOf(target.probe, question.value.options), watch };
}

function notOf(field: string, what: string): Refusal {
  return refuse('invalid_request', `${field} is of ${what}, and this target is none.`, { field });
}

/** Which of the list is meant. */
function placed(refusal: Refusal, list: string, index: number): Refusal {
  return { ...refusal, field: `${list}.${index}.${refusal.field ?? 'target'}` };
}

/** As in a target. A generation stands behind a tab, which is in no name: shapes-meet.ts shows it as people read it. */
export function textOf(awaited: Awaited): string {
  if (awaited.kind === 'lease') return `lease:${awaited.id}`;
  if (awaited.kind === 'instance') return `instance:${awaited.id}${awaited.ready ? '/ready' : ''}`;
  return awaited.kind === 'barrier'
    ? `barrier:${barrierId(awaited.name, awaited.generation)}`
    : `${awaited.kind}:${awaited.name}`;
}

/** The names in a target, against which the globs of a key are held; of a probe the target itself. */
function namesIn(state: State, text: string): readonly string[] {
  const [, kind, name = ''] = /^(signal|barrier|env|lease):([^\t]*)/.exec(text) ?? [];
  if (kind !== 'lease') return [kind === undefined ? text : name];
  const lease = state.leases.get(name);
  return lease === undefined ? [] : environmentsOf(lease);
}
