// The client library: every route of /v1 as a method that answers with an outcome, never with an exception. fetch only, no
// dependencies, so that it runs in Node, in a browser and in a test alike. A method sends one request; what
// waits and retries is `takePlace` (place.ts), `waitUntil` (waiting.ts), `meet` (arriving.ts) and `followBuild` (building.ts).

import {
  isBarrier,
  isBuild,
  isEnvironment,
  isFenceAnswer,
  isImage,
  isInstance,
  isLease,
  isPage,
  isPool,
  isSignal,
  isSpace,
  isTask,
  isWaitList,
  isWaitReply,
} from './guards.ts';
import type { Outcome } from './outcome.ts';
import { type StreamItem, type StreamOptions, streamEvents } from './stream.ts';
import { type Fetch, type RequestOptions, request, type Transport } from './transport.ts';
import type {
  ArrivalRequest,
  Barrier,
  BarrierRequest,
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
  Signal,
  SignalRequest,
  Space,
  SpaceRequest,
  WaitList,
  WaitReply,
  WaitRequest,
} from './types.ts';
import type { EnvironmentStats, Lanes } from './types-figures.ts';
import type {
  Build,
  BuildRequest,
  Image,
  ImageRequest,
  Instance,
  Job,
  Pool,
  PoolRequest,
  Task,
} from './types-machines.ts';

export interface ClientOptions {
  /** Where the server is, with or without a slash at the end. */
  readonly url: string;
  readonly key?: string | null;
  /** For admins of main, and where no key is asked for; without it the space is that of the key. */
  readonly space?: string | null;
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

export interface OfGeneration extends CallOptions {
  /** Which meeting of that name; absent or empty: the one without a generation. */
  readonly generation?: string;
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
      space: options.space || null,
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
  clean(name: string, body: { reason?: string | null }, options: CallOptions = {}): Promise<Outcome<Environment>> {
    return this.#send('POST', `${environmentPath(name)}/clean`, { body, ...limits(options) });
  }

  fence(name: string, fence: number, options: CallOptions = {}): Promise<Outcome<FenceAnswer>> {
    return this.#send('GET', `${environmentPath(name)}/fence/${fence}`, { accept: isFenceAnswer, ...limits(options) });
  }

  /** Who held it when; `since` and `until` as RFC 3339 times: by default the last day. `max`: how many blocks at most. */
  environmentLanes(
    name: string,
    query: { since?: string; until?: string; max?: number } = {},
    options: CallOptions = {},
  ): Promise<Outcome<Lanes>> {
    return this.#send('GET', `${environmentPath(name)}/lanes`, { query, ...limits(options) });
  }

  /** How much it was held and how long people waited, by default in the last 7 days. */
  environmentStats(
    name: string,
    query: { since?: string } = {},
    options: CallOptions = {},
  ): Promise<Outcome<EnvironmentStats>> {
    return this.#send('GET', `${environmentPath(name)}/stats`, { query, ...limits(options) });
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

  /** All that are set or failed, and those that somebody waits for. */
  signals(query: Paging = {}, options: CallOptions = {}) {
    return this.#list<Signal>('/v1/signals', query, options);
  }

  /** As it is, or with `wait` (seconds, at most 60) once it is set. 404 `signal_unset`, 409 `signal_failed`. */
  signal(name: string, options: CallOptions & { wait?: number } = {}): Promise<Outcome<Signal>> {
    const query = { wait: options.wait };
    return this.#send('GET', signalPath(name), { query, accept: isSignal, ...limits(options, options.wait) });
  }

  /** Sets it: 201 it was not set before. The same again is the same, with a new ttl. */
  putSignal(name: string, body: SignalRequest = {}, options: CallOptions = {}): Promise<Outcome<Signal>> {
    return this.#send('PUT', signalPath(name), { body, accept: isSignal, ...limits(options) });
  }

  /** Clears it; whoever waits for it goes on waiting. */
  deleteSignal(name: string, options: CallOptions = {}): Promise<Outcome<unknown>> {
    return this.#send('DELETE', signalPath(name), limits(options));
  }

  barriers(query: Paging = {}, options: CallOptions = {}) {
    return this.#list<Barrier>('/v1/barriers', query, options);
  }

  barrier(name: string, options: OfGeneration = {}): Promise<Outcome<Barrier>> {
    const query = { generation: options.generation || undefined };
    return this.#send('GET', barrierPath(name), { query, accept: isBarrier, ...limits(options) });
  }

  /** Declares who meets; the same again changes nothing, others than before are 409 `barrier_differs`. */
  putBarrier(name: string, body: BarrierRequest, options: OfGeneration = {}): Promise<Outcome<Barrier>> {
    const query = { generation: options.generation || undefined };
    return this.#send('PUT', barrierPath(name), { query, body, accept: isBarrier, ...limits(options) });
  }

  /** A party arrives, and waits for the others for `wait` seconds (0 to 60): 200 open, 202 waiting, 409 `barrier_broken`. */
  arrive(
    name: string,
    body: ArrivalRequest,
    options: OfGeneration & { wait?: number } = {},
  ): Promise<Outcome<Barrier>> {
    const query = { generation: options.generation || undefined, wait: options.wait };
    const path = `${barrierPath(name)}/arrivals`;
    return this.#send('POST', path, { query, body, accept: isBarrier, ...limits(options, options.wait) });
  }

  /** Breaks it for everyone who waits; with `forget` its name and generation can be used anew. */
  deleteBarrier(
    name: string,
    query: { reason?: string; forget?: boolean } = {},
    options: OfGeneration = {},
  ): Promise<Outcome<Barrier>> {
    const asked = { ...query, generation: options.generation || undefined };
    return this.#send('DELETE', barrierPath(name), { query: asked, accept: isBarrier, ...limits(options) });
  }

  /** Waits for any or all of a list, `timeoutSeconds` at most (default 30); `waitUntil` (waiting.ts) goes on for longer. */
  wait(body: WaitRequest, options: CallOptions = {}): Promise<Outcome<WaitReply>> {
    const held = body.timeoutSeconds ?? 30;
    return this.#send('POST', '/v1/waits', { body, accept: isWaitReply, ...limits(options, held) });
  }

  /** Who waits for what, what was waited for in vain, and what is being tried: of the server that answers. */
  waits(query: Paging = {}, options: CallOptions = {}): Promise<Outcome<WaitList>> {
    return this.#send('GET', '/v1/waits', {
      query: query as NonNullable<RequestOptions<unknown>['query']>,
      accept: isWaitList,
      ...limits(options),
    });
  }

  /** Newest first, those that are over too. */
  builds(query: Paging = {}, options: CallOptions = {}) {
    return this.#list<Build>('/v1/instance-builds', query, options);
  }

  /** As it is, or with `wait` (seconds, at most 60) once it has got further than `after`, the seq of what is known of it. */
  build(id: string, options: CallOptions & { wait?: number; after?: number } = {}): Promise<Outcome<Build>> {
    const query = { wait: options.wait, after: options.after };
    return this.#send('GET', buildPath(id), { query, accept: isBuild, ...limits(options, options.wait) });
  }

  /** Asks for machines: 202 from now on, 200 the id was known. Where no answer came: again with the same id is the same build. */
  createBuild(body: BuildRequest, options: CallOptions = {}): Promise<Outcome<Build>> {
    return this.#send('POST', '/v1/instance-builds', { body, accept: isBuild, ...limits(options) });
  }

  /** It ends, and its machines with it, however far it is. Again: what could not be ended is tried anew. */
  cancelBuild(id: string, body: { reason?: string } = {}, options: CallOptions = {}): Promise<Outcome<Build>> {
    return this.#send('DELETE', buildPath(id), { body, accept: isBuild, ...limits(options) });
  }

  /** Those that are there, or may be. */
  instances(query: Paging = {}, options: CallOptions = {}) {
    return this.#list<Instance>('/v1/instances', query, options);
  }

  /** `id`: ours, or the driver's. */
  terminateInstance(id: string, body: { reason?: string } = {}, options: CallOptions = {}): Promise<Outcome<Instance>> {
    const path = `/v1/instances/${encodeURIComponent(id)}`;
    return this.#send('DELETE', path, { body, accept: isInstance, ...limits(options) });
  }

  /** Its init script is done. `id`: ours, or the driver's. */
  instanceReady(id: string, options: CallOptions = {}): Promise<Outcome<Instance>> {
    const path = `/v1/instances/${encodeURIComponent(id)}/ready`;
    return this.#send('POST', path, { body: {}, accept: isInstance, ...limits(options) });
  }

  images(query: Paging & { role?: string; active?: boolean } = {}, options: CallOptions = {}) {
    return this.#list<Image>('/v1/images', query, options);
  }

  putImage(id: string, body: ImageRequest, options: CallOptions = {}): Promise<Outcome<Image>> {
    return this.#send('PUT', `/v1/images/${encodeURIComponent(id)}`, { body, accept: isImage, ...limits(options) });
  }

  deleteImage(id: string, options: CallOptions = {}): Promise<Outcome<null>> {
    return this.#send('DELETE', `/v1/images/${encodeURIComponent(id)}`, { ...limits(options) });
  }

  pools(query: Paging = {}, options: CallOptions = {}) {
    return this.#list<Pool>('/v1/pools', query, options);
  }

  /** 201 where it is new. */
  putPool(name: string, body: PoolRequest, options: CallOptions = {}): Promise<Outcome<Pool>> {
    return this.#send('PUT', `/v1/pools/${encodeURIComponent(name)}`, { body, accept: isPool, ...limits(options) });
  }

  deletePool(name: string, options: CallOptions = {}): Promise<Outcome<null>> {
    return this.#send('DELETE', `/v1/pools/${encodeURIComponent(name)}`, { ...limits(options) });
  }

  /** For workers: the next job that is due, or this one; null: none is. */
  claimJob(body: { worker: string; holdSeconds: number; job?: string }, options: CallOptions = {}) {
    return this.#send('POST', '/v1/jobs/claim', { body, accept: isTask, ...limits(options) }) as Promise<
      Outcome<Task | null>
    >;
  }

  /** For workers: writes down what was done, in the name of a claim. */
  tellJob(job: string, body: { number: number; command: object }, options: CallOptions = {}): Promise<Outcome<Task>> {
    const path = `/v1/jobs/${encodeURIComponent(job)}/work`;
    return this.#send('POST', path, { body, accept: isTask, ...limits(options) });
  }

  /** What workers have to do, and what was given up. */
  jobs(query: Paging = {}, options: CallOptions = {}) {
    return this.#list<Job>('/v1/jobs', query, options);
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

  /** `main` first. Of the whole server, whatever space this client is for: admins of main only, as for the two below. */
  spaces(query: Paging = {}, options: CallOptions = {}) {
    return this.#list<Space>('/v1/spaces', query, options);
  }

  /** Makes it, or changes what is said of it. */
  putSpace(name: string, body: SpaceRequest = {}, options: CallOptions = {}): Promise<Outcome<Space>> {
    return this.#send('PUT', spacePath(name), { body, accept: isSpace, ...limits(options) });
  }

  /** Puts it out of service; what it holds is there again when it is made again. `forget`: then it may be in another store. */
  deleteSpace(
    name: string,
    { forget = false, ...options }: CallOptions & { forget?: boolean } = {},
  ): Promise<Outcome<unknown>> {
    return this.#send('DELETE', spacePath(name), { ...limits(options), ...(forget && { query: { forget } }) });
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

function signalPath(name: string): string {
  return `/v1/signals/${encodeURIComponent(name)}`;
}

function barrierPath(name: string): string {
  return `/v1/barriers/${encodeURIComponent(name)}`;
}

function buildPath(id: string): string {
  return `/v1/instance-builds/${encodeURIComponent(id)}`;
}

function spacePath(name: string): string {
  return `/v1/spaces/${encodeURIComponent(name)}`;
}

function owner(options: AsOwner): Record<string, string> {
  return options.secret ? { 'signalbox-lease-secret': options.secret } : {};
}

/** A held-back answer needs its wait and some time for the way. */
function limits(options: CallOptions, waitSeconds = 0): { timeoutMs?: number; signal?: AbortSignal } {
  const timeoutMs = options.timeoutMs ?? (waitSeconds > 0 ? waitSeconds * 1000 + 10_000 : undefined);
  return { ...(timeoutMs !== undefined && { timeoutMs }), ...(options.signal && { signal: options.signal }) };
}
