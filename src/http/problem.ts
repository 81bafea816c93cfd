// Errors as replies: RFC 9457 problems with a stable code. Expected refusals of the core, and every error that may be thrown on
// the way, become one here. What always holds: no secret, stack trace or internal text leaves the server.

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type ProblemCode, problemKinds } from '../api/problems.ts';
import { ReplicaBusy, ReplicaStopped, StoreAway, StoreFull } from '../replica/command.ts';

/** An error with a code, thrown by what comes before a route (keys, validation) and by routes that cannot go on. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly field: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ProblemCode,
    detail: string,
    more: { field?: string; facts?: Record<string, unknown>; headers?: Record<string, string> } = {},
  ) {
    super(detail);
    this.code = code;
    this.field = more.field;
    this.facts = more.facts ?? {};
    this.headers = more.headers ?? {};
  }
}

/** The refusal of somebody who sent no key where one might help. */
export function needsKey(scope: string | null): Problem {
  const what = scope === null ? 'a key' : `a key with the scope ${scope}`;
  return new Problem('unauthenticated', `This needs ${what}. Send it as Authorization: Bearer.`, {
    headers: { 'www-authenticate': 'Bearer' },
    facts: scope === null ? {} : { needs: scope },
  });
}

/** Which code each reply carried, for the metrics. */
export const codeOfReply = new WeakMap<FastifyReply, ProblemCode>();

export function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  const kind = problemKinds[problem.code];
  codeOfReply.set(reply, problem.code);
  for (const [name, value] of Object.entries(problem.headers)) reply.header(name, value);
  const again = retryAfterSeconds(problem.code);
  if (again !== null && problem.headers['retry-after'] === undefined) reply.header('retry-after', String(again));
  return reply
    .code(kind.status)
    .type('application/problem+json')
    .send({
      type: `/docs/errors#${problem.code}`,
      title: kind.title,
      status: kind.status,
      code: problem.code,
      detail: problem.message,
      ...(problem.field === undefined ? {} : { field: problem.field }),
      requestId: request.id,
      ...problem.facts,
    });
}

/** When it makes sense to ask again: soon where a server comes back, later where others must go first; null: never as it is. */
function retryAfterSeconds(code: ProblemCode): number | null {
  if (problemKinds[code].status === 503) return 1;
  return code === 'too_many_waits' || code === 'queue_full' ? 5 : null;
}

/** What an error that was thrown on the way tells the client; null when it is a mistake of ours. */
export function problemOf(error: Error): Problem | null {
  if (error instanceof Problem) return error;
  if (error instanceof StoreFull) {
    return new Problem(
      'store_full',
      'The disk of the store is full: nothing new is granted until there is room. Renewals and releases go on.',
    );
  }
  if (error instanceof StoreAway)
    return new Problem('store_away', 'The store cannot be reached just now. Nothing was done; ask again.');
  if (error instanceof ReplicaBusy)
    return new Problem('server_full', 'More requests are waiting than the server takes at once.');
  if (error instanceof ReplicaStopped) {
    return error.message.includes('stopping')
      ? new Problem('shutting_down', 'The server is stopping; nothing was done. Ask again.')
      : new Problem(
          'store_failed',
          'The store has failed; whether this was done is not known. Ask again with the same Idempotency-Key.',
        );
  }
  return frameworkProblem(error as FastifyError);
}

/** The same; a mistake of ours is logged, and the client is told where to find it, and nothing of what it is. */
export function problemOrOurs(error: Error, request: FastifyRequest): Problem {
  const problem = problemOf(error);
  if (problem !== null) return problem;
  request.log.error({ err: error, requestId: request.id, route: request.routeOptions?.url }, 'a mistake of ours');
  return new Problem('internal', 'A mistake of ours. It is in the server’s log under this request id.');
}

/** Fastify's own errors, by their code. */
function frameworkProblem(error: FastifyError): Problem | null {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new Problem('body_too_large', 'The body is larger than 64 KiB (72 KiB where a signal is set).', {
        headers: { connection: 'close' },
      });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new Problem('unsupported_media_type', 'Send the body as JSON, with Content-Type: application/json.');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new Problem('malformed_request', 'The body is not as long as its Content-Length says.');
    case 'FST_ERR_BAD_URL':
      return new Problem(
        'malformed_request',
        'The path has a malformed escape: a % is followed by two hexadecimal digits, in UTF-8.',
      );
    default:
      break;
  }
  return error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500
    ? new Problem('malformed_request', error.message)
    : null;
}
