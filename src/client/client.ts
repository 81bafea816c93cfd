// The client library: every route of /v1 as a method that answers with an outcome, never with an exception. fetch only, no
// dependencies, so that it runs in Node, in a browser and in a test alike. A method sends one request; `takePlace` (place.ts)
// is what waits, retries and never loses the place in the queue.

import type { Outcome } from './outcome.ts';
import { type StreamItem, type StreamOptions, streamEvents } from './stream.ts';
import { type Fetch, type RequestOptions, request, type Transport } from './transport.ts';
import type {
  Environment,
  EnvironmentChange,
  FenceAnswer,
  Freeze,
  HistoryEvent,
  Key,
  KeyRequest,
  Labels,
  Lease,
  LeaseRequest,
  Me,
  Page,
  Paging,
  Revoked,
  RevokeRequest,
} from './types.ts';

export interface ClientOptions {
  /** Where the server is, with or without a slash at the end. */
  readonly url: string;
  readonly key?: string | null;
  /** Another fetch: one with a CA file or a proxy, or a test's. */
  readonly fetch?: Fetch;
  /** Ends everything that this client has under way. */
  readonly signal?: AbortSignal;
}

/** For one request: a time limit (default 15 s, or the wait and 10 s) and a signal that ends it. */
export interface CallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface AsOwner extends CallOptions {
  /** Shows that the lease is ours when the key does not (docs/concepts.md). */
  readonly secret?: string | null;
}

export class Client {
  readonly url: string;
  readonly #transport: Transport;

  constructor(options: ClientOptions) {
    this.url = options.url.replace(/\/+$/, '');
    this.#transport = {
      url: this.url,
      key: options.key ?? null,
      fetch: options.fetch ?? globalThis.fetch.bind(globalThis),
      signal: options.signal ?? null,
    };
  }

  /**
   * Asks for a lease: 201 held, 202 waiting. The same key with the same request is the same lease however often it is sent, so
   * make the key once and replay it until an answer comes. `wait`: seconds (0 to 60) to hold the answer back while it waits.
   */
  acquire(
    body: LeaseRequest,
    options: CallOptions & { idempotencyKey: string; wait?: number },
  ): Promise<Outcome<Lease>> {
    return this.#send('POST', '/v1/leases', {
      body,
      query: { wait: options.wait },
      headers: { 'idempotency-key': options.idempotencyKey },
      accept: isLease,
      ...limits(options, options.wait),
    });
  }

  /** The lease as it is. With `wait`: when it no longer waits; with `after` too: when its seq is greater; or when time is up. */
  lease(id: string, options: AsOwner & { wait?: number; after?: number } = {}): Promise<Outcome<Lease>> {
    return this.#send('GET', `/v1/leases/${encodeURIComponent(id)}`, {
      query: { wait: options.wait, after: options.after },
      headers: owner(options),
      accept: isLease,
      ...limits(options, options.wait),
    });
  }

  renew(id: string, options: AsOwner = {}): Promise<Outcome<Lease>> {
    return this.#send('POST', `/v1/leases/${encodeURIComponent(id)}/renew`, {
      headers: owner(options),
      accept: isLease,
      ...limits(options),
    });
  }

  /** Gives a held lease back, or leaves the queue. Again is 200 again; a lease that ended otherwise is 410 `lease_ended`. */
  release(id: string, options: AsOwner = {}): Promise<Outcome<Lease>> {
    return this.#send('DELETE', `/v1/leases/${encodeURIComponent(id)}`, {
      headers: owner(options),
      accept: isLease,
      ...limits(options),
    });
  }

  revoke(id: string, body: RevokeRequest, options: CallOptions = {}): Promise<Outcome<Revoked>> {
    return this.#send('POST', `/v1/leases/${encodeURIComponent(id)}/revoke`, { body, ...limits(options) });
  }

  /** `state`: waiting (in the order of the queue), held, ended, or one exact state. */
  leases(query: Paging & { environment?: string; state?: string } = {}, options: CallOptions = {}) {
    return this.#list<Lease>('/v1/leases', query, options);
  }

  environments(query: Paging & { labels?: Labels } = {}, options: CallOptions = {}) {
    const labels = query.labels && Object.entries(query.labels).map(([name, value]) => `${name}=${value}`);
    return this.#list<Environment>('/v1/environments', { ...query, labels: labels?.join(',') }, options);
  }

  environment(name: string, options: CallOptions = {}): Promise<Outcome<Environment>> {
    return this.#send('GET', environmentPath(name), { accept: isEnvironment, ...limits(options) });
  }

  /** Declares it, or changes what is given; what is left out stays as it is. */
  putEnvironment(name: string, body: EnvironmentChange, options: CallOptions = {}): Promise<Outcome<Environment>> {
    return this.#send('PUT', environmentPath(name), { body, accept: isEnvironment, ...limits(options) });
  }

  /** Changes only what is given. */
  changeEnvironment(name: string, body: EnvironmentChange, options: CallOptions = {}): Promise<Outcome<Environment>> {
    return this.#send('PATCH', environmentPath(name), { body, accept: isEnvironment, ...limits(options) });
  }

  deleteEnvironment(
    name: string,
    query: { force?: boolean; reason?: string } = {},
    options: CallOptions = {},
  ): Promise<Outcome<unknown>> {
    return this.#send('DELETE', environmentPath(name), { query, ...limits(options) });
  }

  /** Frees the slots that a lost holder left dirty (onExpire: hold). */
  clean(name: string, body: { reason: string }, options: CallOptions = {}): Promise<Outcome<Environment>> {
    return this.#send('POST', `${environmentPath(name)}/clean`, { body, ...limits(options) });
  }

  fence(name: string, fence: number, options: CallOptions = {}): Promise<Outcome<FenceAnswer>> {
    return this.#send('GET', `${environmentPath(name)}/fence/${fence}`, { accept: isFenceAnswer, ...limits(options) });
  }

  freezes(query: Paging = {}, options: CallOptions = {}) {
    return this.#list<Freeze>('/v1/freezes', query, options);
  }

  /** Empty labels freeze everything. */
  putFreeze(
    name: string,
    body: { labels: Labels; reason: string; until?: string | null },
    options: CallOptions = {},
  ): Promise<Outcome<Freeze>> {
    return this.#send('PUT', `/v1/freezes/${encodeURIComponent(name)}`, { body, ...limits(options) });
  }

  deleteFreeze(name: string, options: CallOptions = {}): Promise<Outcome<unknown>> {
    return this.#send('DELETE', `/v1/freezes/${encodeURIComponent(name)}`, limits(options));
  }

  keys(query: Paging = {}, options: CallOptions = {}) {
    return this.#list<Key>('/v1/keys', query, options);
  }

  createKey(body: KeyRequest, options: CallOptions = {}): Promise<Outcome<Key>> {
    return this.#send('POST', '/v1/keys', { body, ...limits(options) });
  }

  deleteKey(id: string, options: CallOptions = {}): Promise<Outcome<unknown>> {
    return this.#send('DELETE', `/v1/keys/${encodeURIComponent(id)}`, limits(options));
  }

  me(options: CallOptions = {}): Promise<Outcome<Me>> {
    return this.#send('GET', '/v1/me', limits(options));
  }

  events(query: EventQuery = {}, options: CallOptions = {}) {
    return this.#list<HistoryEvent>('/v1/events', query, options);
  }

  /** The history as it happens, for as long as the signal lets it; see stream.ts. */
  stream(options: StreamOptions = {}): AsyncIterable<StreamItem> {
    return streamEvents(this.#transport, options);
  }

  /** Whether a Signalbox server is there at all; needs no key. */
  health(options: CallOptions = {}): Promise<Outcome<{ ok: boolean }>> {
    return this.#send('GET', '/healthz', limits(options));
  }

  #list<Item>(path: string, query: RequestOptions<unknown>['query'] | object, options: CallOptions) {
    return this.#send<Page<Item>>('GET', path, {
      query: query as NonNullable<RequestOptions<unknown>['query']>,
      accept: isPage<Item>,
      ...limits(options),
    });
  }

  #send<Value>(method: string, path: string, options: RequestOptions<Value>): Promise<Outcome<Value>> {
    return request(this.#transport, method, path, options);
  }
}

export interface EventQuery extends Paging {
  /** A seq, or an RFC 3339 time. */
  readonly since?: number | string;
  readonly until?: number | string;
  readonly subject?: string;
  readonly kind?: string;
  readonly actor?: string;
  readonly lease?: string;
  readonly order?: 'asc' | 'desc';
}

function environmentPath(name: string): string {
  return `/v1/environments/${encodeURIComponent(name)}`;
}

function owner(options: AsOwner): Record<string, string> {
  return options.secret ? { 'signalbox-lease-secret': options.secret } : {};
}

/** A held-back answer needs its wait and some time for the way. */
function limits(options: CallOptions, waitSeconds = 0): { timeoutMs?: number; signal?: AbortSignal } {
  const timeoutMs = options.timeoutMs ?? (waitSeconds > 0 ? waitSeconds * 1000 + 10_000 : undefined);
  return { ...(timeoutMs !== undefined && { timeoutMs }), ...(options.signal && { signal: options.signal }) };
}

function isLease(body: unknown): body is Lease {
  const lease = body as Partial<Lease>;
  return typeof lease.id === 'string' && typeof lease.state === 'string' && Array.isArray(lease.granted);
}

function isEnvironment(body: unknown): body is Environment {
  const environment = body as Partial<Environment>;
  return typeof environment.name === 'string' && typeof environment.capacity === 'number';
}

function isFenceAnswer(body: unknown): body is FenceAnswer {
  return typeof (body as Partial<FenceAnswer>).current === 'boolean';
}

function isPage<Item>(body: unknown): body is Page<Item> {
  return Array.isArray((body as Partial<Page<Item>>).items);
}
