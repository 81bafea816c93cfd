// One HTTP request to one outcome: headers, time limit, and the decision whether what came back is an answer of Signalbox.
// Nothing is retried here; who may retry what is known one floor higher (place.ts, cli/run/hold.ts).

import type { Outcome, Problem, Unreachable } from './outcome.ts';

export type Fetch = typeof globalThis.fetch;

export interface Transport {
  /** Without a slash at the end. */
  readonly url: string;
  readonly key: string | null;
  /** The space that is named; null: that of the key. */
  readonly space: string | null;
  readonly fetch: Fetch;
  readonly signal: AbortSignal | null;
}

export interface RequestOptions<Value> {
  readonly query?: Readonly<Record<string, string | number | boolean | null | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Whether the body has the shape that this route answers in. */
  readonly accept?: (body: unknown) => body is Value;
}

export const defaultTimeoutMs = 15_000;

export async function request<Value>(
  transport: Transport,
  method: string,
  path: string,
  options: RequestOptions<Value> = {},
): Promise<Outcome<Value>> {
  const limit = AbortSignal.timeout(Math.max(Math.ceil(options.timeoutMs ?? defaultTimeoutMs), 0));
  const callers = [transport.signal, options.signal].filter((signal) => signal != null);
  const headers: Record<string, string> = { accept: 'application/json', ...whoAndWhere(transport), ...options.headers };
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  let response: Response;
  let text: string;
  try {
    response = await transport.fetch(address(transport.url, path, options.query), {
      method,
      headers,
      body: options.body === undefined ? null : JSON.stringify(options.body),
      signal: AbortSignal.any([limit, ...callers]),
      // A followed redirect turns POST into GET: the answer would be to another question.
      redirect: 'manual',
    });
    text = await response.text();
  } catch (error) {
    const aborted = callers.some((signal) => signal.aborted);
    return unreachable(aborted ? 'given up' : connectionWords(error), { aborted });
  }
  return judge(response, text, options.accept);
}

/** What every request says of who asks, and of which space. */
export function whoAndWhere({ key, space }: Transport): Record<string, string> {
  return {
    ...(key !== null && { authorization: `Bearer ${key}` }),
    ...(space !== null && { 'signalbox-space': space }),
  };
}

function judge<Value>(
  response: Response,
  text: string,
  accept: ((body: unknown) => body is Value) | undefined,
): Outcome<Value> {
  const { status, headers } = response;
  const retryAfterMs = retryAfter(headers.get('retry-after'));
  if (status === 204) {
    return {
      ok: true,
      value: undefined as Value,
      status,
      replayed: false,
      retryAfterMs,
      requestId: requestIdOf(headers),
    };
  }
  const body = isJson(headers.get('content-type')) ? parse(text) : undefined;
  if (status >= 200 && status < 300 && body !== undefined && (accept === undefined || accept(body))) {
    const replayed = headers.get('idempotency-replayed') === 'true';
    return { ok: true, value: body as Value, status, replayed, retryAfterMs, requestId: requestIdOf(headers) };
  }
  if (status >= 400 && isProblem(body)) return { ok: false, kind: 'problem', status, problem: body, retryAfterMs };
  return unreachable(notSignalbox(status, headers), { retryAfterMs });
}

function notSignalbox(status: number, headers: Headers): string {
  if (status >= 300 && status < 400) return `redirected to ${headers.get('location') ?? 'nowhere'}; use that address`;
  if (status === 502 || status === 503 || status === 504) return `a proxy answers ${status}`;
  return `answer ${status} is not from Signalbox`;
}

function unreachable(reason: string, more: { aborted?: boolean; retryAfterMs?: number | null } = {}): Unreachable {
  return {
    ok: false,
    kind: 'unreachable',
    reason,
    aborted: more.aborted ?? false,
    retryAfterMs: more.retryAfterMs ?? null,
  };
}

export function address(url: string, path: string, query: RequestOptions<unknown>['query'] = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) search.set(name, String(value));
  }
  const tail = search.toString();
  return `${url.replace(/\/+$/, '')}${path}${tail === '' ? '' : `?${tail}`}`;
}

function isJson(contentType: string | null): boolean {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase();
  return type === 'application/json' || type === 'application/problem+json';
}

function parse(text: string): unknown {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' && body !== null ? body : undefined;
  } catch {
    return undefined;
  }
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && typeof body.code === 'string';
}

function requestIdOf(headers: Headers): string | null {
  return headers.get('signalbox-request-id');
}

/** Seconds or an HTTP date, at most a minute: a wrong header must not put a client to sleep for a day. */
function retryAfter(value: string | null): number | null {
  if (value === null) return null;
  const seconds = /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 60) * 1000 : null;
}

const wordsOfCode: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection lost',
  EPIPE: 'connection lost',
  UND_ERR_SOCKET: 'connection lost',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'host name not found',
  ETIMEDOUT: 'no answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'no answer in time',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  UND_ERR_BODY_TIMEOUT: 'no answer in time',
  EHOSTUNREACH: 'host not reachable',
  ENETUNREACH: 'network not reachable',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not trusted; set SIGNALBOX_CA_FILE',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted; set SIGNALBOX_CA_FILE',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted; set SIGNALBOX_CA_FILE',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not trusted; set SIGNALBOX_CA_FILE',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

/** fetch hides what happened in `cause`; several addresses of a name in its `errors`. */
function connectionWords(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'no answer in time';
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const first = cause instanceof AggregateError ? cause.errors[0] : cause;
  const code = first instanceof Error && 'code' in first ? String(first.code) : '';
  const message = first instanceof Error ? first.message : String(first);
  return wordsOfCode[code] ?? (message === '' ? 'no connection' : message);
}
