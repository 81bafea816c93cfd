// The dialect of web-rendezvous: whatever path no other route has taken is a key. PUT or POST sets it, GET waits for it, DELETE
// clears it; /_port/HOST/PORT and /_postgres/NAME wait for what they name. A key is the signal of that name, without the leading
// slash. What always holds: a HEAD changes nothing and waits for nothing; what could be one of our own routes is never a key
// (root-key.ts); whatever is refused says so in a sentence of plain text, and with its code in the header Signalbox-Code.

import type { FastifyReply, FastifyRequest } from 'fastify';
import { type ProblemCode, problemKinds } from '../../api/problems.ts';
import { forbidden, may } from '../../core/access.ts';
import type { Refusal } from '../../core/errors.ts';
import { clearSignal, setSignal } from '../../core/meet/signal.ts';
import type { Standing } from '../../core/meet/waiting.ts';
import type { Seen } from '../../replica/waits.ts';
import type { App, Context } from '../context.ts';
import { leadToPage } from '../home.ts';
import { anyBody, headerText } from '../plain.ts';
import { codeOfReply, needsKey, Problem, problemOf } from '../problem.ts';
import { isForApi, isNavigation, rootPath } from '../root-key.ts';
import type { RouteList } from '../route-list.ts';
import { conditionOf, shuttingDown, waitFor, waitWhileConnected } from '../v1/waits.ts';

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

const methods = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'PATCH', 'OPTIONS', 'TRACE'];
const allowed = { signal: ['DELETE', 'GET', 'POST', 'PUT'], probe: ['GET'] } as const;
const longestSeconds = 3600;
const nobody = { name: null, url: null, ref: null };
const plainSetting = { data: null, failure: null, ttlMs: undefined, holder: nobody };
/** What the older system has one status for, whatever is wrong with a path. */
const malformed: readonly ProblemCode[] = ['invalid_name', 'invalid_target', 'invalid_duration'];

export function webRendezvous(app: App, context: Context, routes: RouteList): void {
  anyBody(app);
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error as Error);
    // Of what is no key, and of our own mistakes, every route tells alike.
    if (problem === null || rootPath(request.url).kind === 'reserved') throw error;
    return refuse(reply, problem);
  });
  app.route({
    method: methods,
    url: '/*',
    schema: { hide: true },
    handler: atRoot(context, routes),
  });
}

/** Answers whatever no other route has taken. */
export function atRoot(context: Context, routes: RouteList): Handler {
  return async (request, reply) => {
    const { method, headers, url } = request;
    const path = rootPath(url);
    const page = leadToPage(request, reply);
    if (page !== null) return page;
    if (path.kind === 'reserved') return routes.miss(request, reply);
    const allow: readonly string[] = allowed[path.kind === 'wrong' ? path.of : path.kind];
    if (!allow.includes(method)) return refuse(reply, notAllowed(method, allow.join(', ')));
    if ((method === 'PUT' || method === 'POST') && isForApi(headers)) return routes.miss(request, reply, noJson);
    if (isNavigation(method, headers)) return refuse(reply, new Problem('unknown_route', noPage));
    if (path.kind === 'wrong') {
      const code = path.of === 'signal' ? 'invalid_name' : 'invalid_target';
      return refuse(reply, new Problem(code, path.reason));
    }
    if (path.kind === 'probe') return awaitProbe(context, request, reply, path);
    reply.header('Signalbox-Signal', headerText(path.name));
    return method === 'GET' ? awaitKey(context, request, reply, path) : changeKey(context, request, reply, path.name);
  };
}

const noPage = 'This is no page: a key is waited for by curl and the like. What is waited for now is at /.';
const noJson =
  'A key at the root takes no JSON and no Idempotency-Key, so that a mistyped route never answers OK: PUT /v1/signals/NAME does.';

function notAllowed(method: string, allow: string): Problem {
  return new Problem('method_not_allowed', `${method} is not allowed here, but ${allow} is.`, { headers: { allow } });
}

async function changeKey(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  name: string,
): Promise<FastifyReply> {
  const actor = context.auth.actor(request);
  if (request.method === 'DELETE') {
    const outcome = await request.space.replica.decide((turn) => clearSignal(turn, name, actor));
    return outcome.ok ? reply.code(204).send() : refuse(reply, inWords(context, request, outcome));
  }
  const outcome = await request.space.replica.decide((turn) => setSignal(turn, name, plainSetting, actor), {
    needsRoom: true,
  });
  return outcome.ok ? say(reply, 200, 'OK') : refuse(reply, inWords(context, request, outcome));
}

async function awaitKey(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  { key, name }: { key: string; name: string },
): Promise<FastifyReply> {
  const actor = context.auth.actor(request);
  const milliseconds = timeoutOf(request.url, context.settings.timeoutSeconds);
  if (!may(actor, 'wait', name)) return refuse(reply, inWords(context, request, forbidden(actor, 'wait', name)));
  const awaited = { kind: 'signal', name } as const;
  // What is set is told even where nobody more may wait; whoever waits is looked at once more, standing in line.
  let standing = await request.space.waits.look(awaited);
  if (standing.state === 'pending') {
    const end = await waitFor(context, request, actor, awaited, milliseconds);
    if ('ok' in end) return refuse(reply, inWords(context, request, end));
    if (end.outcome === 'stopping') throw shuttingDown();
    standing = end.standing;
  }
  return tell(reply, key, standing, { pending: 'signal_unset', failed: 'signal_failed' });
}

async function awaitProbe(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  { key, target }: { key: string; target: string },
): Promise<FastifyReply> {
  const actor = context.auth.actor(request);
  const milliseconds = timeoutOf(request.url, context.settings.timeoutSeconds);
  const condition = await conditionOf(context, request, actor, { target });
  if ('ok' in condition) return refuse(reply, inWords(context, request, condition));
  const ask = { mode: 'all', conditions: [condition], holder: nobody, milliseconds } as const;
  const end = await waitWhileConnected(context, request, actor, ask);
  if ('ok' in end) return refuse(reply, inWords(context, request, end));
  if (end.outcome === 'stopping') throw shuttingDown();
  return tell(reply, key, (end.conditions[0] as Seen).standing, null);
}

/** Milliseconds of `?timeout=SECONDS`. Throws where it is no such number. */
function timeoutOf(url: string, defaultSeconds: number): number {
  const written = new URLSearchParams(url.split('?', 2)[1] ?? '').get('timeout');
  if (written === null) return defaultSeconds * 1000;
  const seconds = /^(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})$/.test(written) ? Number(written) : Number.NaN;
  if (seconds <= longestSeconds) return seconds * 1000;
  throw new Problem('invalid_duration', `timeout is a number of seconds from 0 to ${longestSeconds}.`);
}

/** The end of a wait, in web-rendezvous' words. */
function tell(
  reply: FastifyReply,
  key: string,
  { state, detail }: Standing,
  codes: { pending: ProblemCode; failed: ProblemCode } | null,
): FastifyReply {
  if (state === 'met') return say(reply, 200, 'OK');
  if (codes !== null) withCode(reply, codes[state]);
  if (state === 'pending') return say(reply, 404, `Timeout : '${key}'`);
  // A reason is somebody's text, and curl shows it at a terminal.
  return say(reply, 404, `Failed : '${key}' ${detail.replace(/\p{Cc}+/gu, ' ')}`);
}

function say(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type('text/plain; charset=utf-8').send(text);
}

function withCode(reply: FastifyReply, code: ProblemCode): void {
  codeOfReply.set(reply, code);
  reply.header('Signalbox-Code', code);
}

function refuse(reply: FastifyReply, { code, message, headers }: Problem): FastifyReply {
  const { status } = problemKinds[code];
  if (status === 503) reply.header('retry-after', '1');
  if (code === 'too_many_waits') reply.header('retry-after', '5');
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
  withCode(reply, code);
  return say(reply, malformed.includes(code) ? 400 : status, message);
}

/** A refusal of the core; to whoever sent no key, that a key might help. */
function inWords({ auth }: Context, request: FastifyRequest, { code, message, facts }: Refusal): Problem {
  if (code === 'forbidden' && auth.sentNoKey(request)) return needsKey(String(facts?.needs));
  return new Problem(code, message);
}
