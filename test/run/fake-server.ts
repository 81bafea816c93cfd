// A Signalbox server of one file, for tests of its clients: one slot per environment, first come first served, ttl by a monotonic
// clock. Its faults can be switched on: lost replies, 503, refused or unanswered renewals, a proxy's pages, going away.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Blocker, Lease, LeaseRequest } from '../../src/client/types.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface Kept extends Mutable<Omit<Lease, 'expiresInSeconds'>> {
  key: string | null;
  endsAtMs: number | null;
  request: LeaseRequest;
}

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly key: string | null;
  readonly body: unknown;
  readonly secret: string | null;
}

/** What happens to a request instead of an honest answer. */
export type Fault =
  /** Carried out, and the connection is cut instead of an answer. */
  | 'drop_reply'
  /** Neither carried out nor answered. */
  | 'hang'
  | 'cut'
  | 'busy_503'
  | 'proxy_502'
  | 'html_200'
  | 'unauthenticated';

export interface FaultRule {
  readonly method: string;
  /** Part of the path. */
  readonly path: string;
  readonly fault: Fault;
  /** How many requests it still hits. */
  times: number;
}

export class FakeServer {
  readonly faults: FaultRule[] = [];
  readonly seen: Seen[] = [];
  readonly leases = new Map<string, Kept>();
  /** Environments that are made at first use: name to nearest. */
  readonly unknown = new Map<string, string | null>();
  readonly frozen = new Map<string, string>();
  maxHoldSeconds: number | null = null;
  #server: Server | null = null;
  #port = 0;
  #ids = 0;
  #seq = 0;
  #fence = 4181;
  #changed: (() => void)[] = [];
  #timer: NodeJS.Timeout | null = null;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<this> {
    const server = createServer((request, response) => void this.#handle(request, response));
    await new Promise<void>((resolve) => {
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    this.#timer = setInterval(() => this.#expire(), 50);
    return this;
  }

  /** Connections are refused until `start`; what is known stays known, and time does not pass for leases meanwhile. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    const server = this.#server;
    this.#server = null;
    server?.closeAllConnections();
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(null)));
  }

  fault(method: string, path: string, fault: Fault, times = 1): FaultRule {
    const rule = { method, path, fault, times };
    this.faults.push(rule);
    return rule;
  }

  /** Somebody else holds it. */
  occupy(
    environment: string,
    name = 'shop deploy #1841 (anna)',
    url: string | null = 'https://ci.example/shop/1841',
  ): Kept {
    const lease = this.#make({ environment, holder: { name, url }, ttlSeconds: null }, null);
    this.#grant();
    return lease;
  }

  release(lease: Kept): void {
    this.#end(lease, 'released', 'released', lease.holder.name ?? '', null);
    this.#grant();
  }

  revoke(id: string, by: string, reason: string): void {
    const lease = this.#of(id);
    lease.revoking = { by, reason, at: new Date().toISOString() };
    this.#touch(lease);
  }

  end(id: string, how: NonNullable<Lease['end']>['how'], by: string, reason: string | null): void {
    const lease = this.#of(id);
    const state = lease.state === 'waiting' ? (how === 'absent' ? 'timed_out' : 'cancelled') : 'expired';
    this.#end(lease, state, how, by, reason);
    this.#grant();
  }

  /** Leases that were asked for over HTTP, in order. */
  get asked(): Kept[] {
    return [...this.leases.values()].filter(({ key }) => key !== null);
  }

  #of(id: string): Kept {
    const lease = this.leases.get(id);
    if (lease === undefined) throw new Error(`no lease ${id}`);
    return lease;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
    } catch {
      return;
    }
    const text = Buffer.concat(chunks).toString();
    const seen: Seen = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      key: one(request.headers['idempotency-key']),
      body: text === '' ? null : JSON.parse(text),
      secret: one(request.headers['signalbox-lease-secret']),
    };
    this.seen.push(seen);
    const rule = this.faults.find(
      ({ method, path, times }) => times > 0 && method === seen.method && seen.path.includes(path),
    );
    if (rule !== undefined) rule.times -= 1;
    const fault = rule?.fault ?? null;
    if (fault === 'cut') return void request.socket.destroy();
    if (fault === 'hang') return;
    if (fault === 'busy_503') return problem(response, 503, 'shutting_down', {}, { 'retry-after': '1' });
    if (fault === 'unauthenticated') return problem(response, 401, 'key_expired', {});
    if (fault === 'proxy_502') return html(response, 502, 'Bad Gateway');
    if (fault === 'html_200') return html(response, 200, 'OK');
    const reply = await this.#answer(seen, request);
    if (fault === 'drop_reply') return void request.socket.destroy();
    if (reply !== null) json(response, reply.status, reply.body, reply.headers);
  }

  async #answer(seen: Seen, request: IncomingMessage): Promise<Reply | null> {
    const [, , collection, id, verb] = seen.path.split('/');
    if (collection !== 'leases') return problemReply(404, 'unknown_route');
    if (id === undefined) return seen.method === 'POST' ? this.#ask(seen) : this.#list(seen);
    const lease = this.leases.get(id);
    if (lease === undefined) return problemReply(404, 'lease_unknown');
    if (seen.method === 'GET') return this.#wait(lease, seen, request);
    if (verb === 'renew') return this.#renew(lease);
    if (lease.state === 'held') this.#end(lease, 'released', 'released', 'self', null);
    else if (lease.state === 'waiting') this.#end(lease, 'cancelled', 'cancelled', 'self', null);
    else if (lease.state !== 'released' && lease.end?.how !== 'cancelled') return this.#gone(lease);
    this.#grant();
    return { status: 200, body: this.#shown(lease) };
  }

  #ask(seen: Seen): Reply {
    const asked = seen.body as LeaseRequest;
    const known = [...this.leases.values()].find(({ key }) => key !== null && key === seen.key);
    if (known !== undefined && known.endedAt !== null) return this.#gone(known);
    const lease = known ?? this.#make(asked, seen.key);
    this.#grant();
    if (asked.queueSeconds === 0 && lease.state === 'waiting') {
      this.leases.delete(lease.id);
      return problemReply(409, 'environment_busy', { blockedBy: this.#blockers(lease) });
    }
    const headers: Record<string, string> = known === undefined ? {} : { 'idempotency-replayed': 'true' };
    return {
      status: lease.state === 'held' ? 201 : 202,
      body: { ...this.#shown(lease), secret: lease.secret },
      headers,
    };
  }

  #list(seen: Seen): Reply {
    const environment = seen.query.get('environment');
    const items = [...this.leases.values()].filter(
      (lease) => lease.state === seen.query.get('state') && names(lease.request).includes(environment ?? ''),
    );
    const asOf = { seq: this.#seq, at: new Date().toISOString() };
    return { status: 200, body: { items: items.map((lease) => this.#shown(lease)), next: null, asOf } };
  }

  async #wait(lease: Kept, seen: Seen, request: IncomingMessage): Promise<Reply | null> {
    const after = seen.query.get('after');
    const endAt = performance.now() + Number(seen.query.get('wait') ?? 0) * 1000;
    const done = () => (after === null ? lease.state !== 'waiting' : lease.seq > Number(after));
    while (!done() && performance.now() < endAt && !request.socket.destroyed) {
      await new Promise<void>((resolve) => {
        this.#changed.push(resolve);
        setTimeout(resolve, Math.min(endAt - performance.now(), 200));
      });
    }
    return { status: 200, body: this.#shown(lease) };
  }

  #renew(lease: Kept): Reply {
    if (lease.state === 'waiting') return problemReply(409, 'not_held');
    if (lease.state !== 'held') return this.#gone(lease);
    if (lease.revoking !== null) return problemReply(410, 'lease_revoked', { lease: this.#shown(lease) });
    if (lease.ttlSeconds !== null) lease.endsAtMs = performance.now() + lease.ttlSeconds * 1000;
    this.#touch(lease);
    return { status: 200, body: this.#shown(lease) };
  }

  #gone(lease: Kept): Reply {
    return problemReply(410, 'lease_ended', { lease: this.#shown(lease) });
  }

  #make(request: LeaseRequest, key: string | null): Kept {
    const id = `ls_fake${++this.#ids}`;
    const lease: Kept = {
      id,
      state: 'waiting',
      wants: names(request).map((environment) => ({ environment })),
      granted: [],
      holder: { name: null, url: null, ref: null, ...request.holder },
      reason: request.reason ?? null,
      priority: request.priority ?? 0,
      ttlSeconds: request.ttlSeconds ?? null,
      queueSeconds: request.queueSeconds ?? null,
      maxHoldSeconds: request.maxHoldSeconds ?? null,
      fence: null,
      seq: ++this.#seq,
      position: null,
      blockedBy: [],
      etaSeconds: 540,
      queuedAt: new Date().toISOString(),
      grantedAt: null,
      expiresAt: null,
      endedAt: null,
      end: null,
      revoking: null,
      page: `https://signalbox.example/leases/${id}`,
      secret: `secret-of-${id}`,
      key,
      endsAtMs: null,
      request,
    };
    const made = names(request).flatMap((environment) => {
      const nearest = this.unknown.get(environment);
      return nearest === undefined ? [] : [{ environment, nearest }];
    });
    for (const { environment } of made) this.unknown.delete(environment);
    if (made.length > 0) lease.created = made;
    this.leases.set(id, lease);
    return lease;
  }

  #grant(): void {
    for (const lease of this.leases.values()) {
      if (lease.state !== 'waiting') continue;
      const wanted = names(lease.request);
      if (wanted.some((name) => this.#holderOf(name) !== null || this.frozen.has(name))) continue;
      lease.state = 'held';
      lease.granted = wanted.map((environment) => ({ environment }));
      lease.fence = ++this.#fence;
      lease.grantedAt = new Date().toISOString();
      lease.endsAtMs = lease.ttlSeconds === null ? null : performance.now() + lease.ttlSeconds * 1000;
    }
    for (const lease of this.leases.values()) if (lease.endedAt === null) this.#touch(lease);
  }

  #holderOf(environment: string): Kept | null {
    for (const lease of this.leases.values()) {
      if (lease.state === 'held' && lease.granted.some((granted) => granted.environment === environment)) return lease;
    }
    return null;
  }

  #expire(): void {
    const now = performance.now();
    const over = [...this.leases.values()].filter(
      ({ state, endsAtMs }) => state === 'held' && endsAtMs !== null && endsAtMs <= now,
    );
    for (const lease of over) {
      const revoked = lease.revoking;
      if (revoked) this.#end(lease, 'revoked', 'revoked', revoked.by, revoked.reason);
      else this.#end(lease, 'expired', 'expired', 'signalbox', null);
    }
    if (over.length > 0) this.#grant();
  }

  #end(
    lease: Kept,
    state: Lease['state'],
    how: NonNullable<Lease['end']>['how'],
    by: string,
    reason: string | null,
  ): void {
    lease.state = state;
    lease.endedAt = new Date().toISOString();
    lease.end = { how, by, reason };
    this.#touch(lease);
  }

  #touch(lease: Kept): void {
    lease.seq = ++this.#seq;
    const changed = this.#changed;
    this.#changed = [];
    for (const wake of changed) wake();
  }

  #blockers(lease: Kept): Blocker[] {
    return names(lease.request).flatMap((environment): Blocker[] => {
      const reason = this.frozen.get(environment);
      if (reason !== undefined) {
        return [{ environment, why: 'frozen', holder: { name: 'carla', url: null, ref: null }, since: null, reason }];
      }
      const holder = this.#holderOf(environment);
      return holder ? [{ environment, why: 'held', holder: holder.holder, since: holder.grantedAt }] : [];
    });
  }

  #shown(lease: Kept): Lease {
    const { key: _key, endsAtMs, request: _request, secret: _secret, ...shown } = lease;
    const waiting = [...this.leases.values()].filter(({ state }) => state === 'waiting');
    return {
      ...shown,
      position: lease.state === 'waiting' ? waiting.indexOf(lease) + 1 : null,
      blockedBy: lease.state === 'waiting' ? this.#blockers(lease) : [],
      expiresInSeconds: endsAtMs === null ? null : (endsAtMs - performance.now()) / 1000,
    };
  }
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function names(request: LeaseRequest): string[] {
  const wants = request.wants ?? [{ environment: request.environment ?? '' }];
  return wants.map((want) => ('environment' in want ? want.environment : Object.values(want.labels).join()));
}

function one(header: string | string[] | undefined): string | null {
  return typeof header === 'string' ? header : null;
}

function problemReply(status: number, code: string, extras: object = {}): Reply {
  return { status, body: { title: code, status, code, detail: `This is ${code}.`, requestId: 'rq_1', ...extras } };
}

function problem(response: ServerResponse, status: number, code: string, extras: object, headers = {}): void {
  json(response, status, problemReply(status, code, extras).body, headers);
}

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const type = status >= 400 ? 'application/problem+json' : 'application/json';
  response.writeHead(status, { 'content-type': type, 'signalbox-request-id': 'rq_1', ...headers });
  response.end(JSON.stringify(body));
}

function html(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/html' });
  response.end(`<html><body>${text}</body></html>`);
}
