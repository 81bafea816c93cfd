// Sends what clients ask to real servers, each request of a client to another server, and writes the history. What always holds: one
// monotonic clock for all of it; an operation is written once, when its reply has been read completely or is lost for good; what was
// answered 503, or from a copy that may be old, counts as lost.

import { eventually } from '../eventually.ts';
import type { Answer, Asked, History, Operation, Seen } from './history.ts';

export interface Sending {
  /** How long to stay on the line, when it waits. */
  readonly waitSeconds?: number;
  /** The connection is cut after so long, unless the answer has come. */
  readonly cutAfterMs?: number;
}

interface LeaseJson extends Omit<Seen, 'granted'> {
  readonly granted: readonly { readonly environment: string }[];
}

/** A history that does not end is a fault of the clients. */
const operationsAtMost = 100_000;

export class Recorder implements History {
  readonly operations: Operation[] = [];
  readonly capacities = new Map<string, number>();
  readonly #urls: readonly string[];
  readonly #next = new Map<string, number>();
  #declared = 0;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
  }

  /** Declares an environment, at whichever server is there. */
  async declare(name: string, capacity: number, labels: Record<string, string> = {}): Promise<void> {
    const body = JSON.stringify({ capacity, labels });
    const headers = { 'content-type': 'application/json' };
    await eventually(async () => {
      const url = this.#urls[this.#declared++ % this.#urls.length];
      const reply = await fetch(`${url}/v1/environments/${name}`, { method: 'PUT', headers, body });
      if (!reply.ok) throw new Error(`${name} was not declared: ${await reply.text()}`);
    });
    this.capacities.set(name, capacity);
  }

  async send(client: string, asked: Asked, { waitSeconds = 0, cutAfterMs }: Sending = {}): Promise<Operation> {
    if (this.operations.length >= operationsAtMost) throw new Error('the clients do not end');
    const turn = this.#next.get(client) ?? this.#next.size;
    this.#next.set(client, turn + 1);
    const url = this.#urls[turn % this.#urls.length] as string;
    const cut = new AbortController();
    const timer = cutAfterMs === undefined ? undefined : setTimeout(() => cut.abort(), cutAfterMs);
    const [path, init] = requestFor(client, asked, waitSeconds);
    const start = performance.now();
    const answer = await fetch(url + path, { ...init, signal: cut.signal }).then(
      (reply) => read(reply).catch((): Answer => ({ kind: 'unknown' })),
      (): Answer => ({ kind: 'unknown' }),
    );
    const end = answer.kind === 'unknown' ? Number.POSITIVE_INFINITY : performance.now();
    clearTimeout(timer);
    const operation = { client, start, end, asked, answer };
    this.operations.push(operation);
    return operation;
  }
}

function requestFor(client: string, asked: Asked, waitSeconds: number): [string, RequestInit] {
  const json = { 'content-type': 'application/json' };
  switch (asked.kind) {
    case 'acquire': {
      const { key, wants, priority, ttlMs, queues } = asked;
      const ttlSeconds = ttlMs === null ? null : ttlMs / 1000;
      const body = { wants, priority, ttlSeconds, queueSeconds: queues ? null : 0, holder: { name: client } };
      const headers = { ...json, 'idempotency-key': key };
      return [`/v1/leases?wait=${waitSeconds}`, { method: 'POST', headers, body: JSON.stringify(body) }];
    }
    case 'poll':
      return [`/v1/leases/${asked.lease}?wait=${waitSeconds}`, {}];
    case 'renew':
      return [`/v1/leases/${asked.lease}/renew`, { method: 'POST' }];
    case 'release':
      return [`/v1/leases/${asked.lease}`, { method: 'DELETE' }];
    case 'revoke': {
      const body = JSON.stringify({ reason: 'a test', now: asked.now });
      return [`/v1/leases/${asked.lease}/revoke`, { method: 'POST', headers: json, body }];
    }
    case 'check':
      return [`/v1/environments/${asked.environment}/fence/${asked.fence}`, {}];
  }
}

const refusals = ['environment_busy', 'lease_ended', 'lease_revoked', 'lease_unknown', 'not_held'];

async function read(reply: Response): Promise<Answer> {
  const text = await reply.text();
  if (reply.status === 503 || reply.headers.get('signalbox-stale') === 'true') return { kind: 'unknown' };
  const json = JSON.parse(text);
  if (reply.ok) {
    if (typeof json.current === 'boolean') return { kind: 'fence', current: json.current };
    return { kind: 'lease', lease: seen(json.lease ?? json) };
  }
  if (!refusals.includes(json.code)) return { kind: 'unexpected', text: `${reply.status}: ${text}` };
  return { kind: 'refused', code: json.code, lease: json.lease === undefined ? null : seen(json.lease) };
}

function seen({ id, state, fence, granted }: LeaseJson): Seen {
  return { id, state, fence, granted: granted.map(({ environment }) => environment) };
}
