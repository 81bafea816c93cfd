// A server of our own for a test: the real one of src/main.ts, in this process, on a free port, forgetting everything at the end.
// Requests go over real sockets: `call` by fetch for what clients send, `raw` for what only an attacker or an accident sends.

import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Environment, Lease } from '../../src/api/schemas.ts';
import { type ServerSettings, serverSettings } from '../../src/config.ts';
import { startServer } from '../../src/main.ts';
import { eventually } from '../eventually.ts';

/** For whatever must happen in the end; never a measure of speed. */
const deadlineMs = 20_000;

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at one field of it
  readonly json: any;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Sent as it is, whatever it is. */
  readonly rawBody?: string;
  readonly key?: string | undefined;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export interface TestServer {
  readonly url: string;
  readonly port: number;
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  /** POST /v1/leases: the lease, which must have been made. */
  ask(body: object, options?: CallOptions & { query?: string }): Promise<Lease & { secret: string }>;
  lease(id: string, options?: CallOptions): Promise<Lease>;
  environment(name: string, options?: CallOptions): Promise<Environment>;
  /** Resolves when so many wait for an environment. */
  waiting(name: string, count: number, options?: CallOptions): Promise<void>;
  /** Makes a key and returns it. Needs a key with admin where keys are on. */
  makeKey(scopes: string[], more?: object, options?: CallOptions): Promise<string>;
  stop(): Promise<void>;
}

/** An admin key for `start({ adminKeys: [admin] })`. */
export const admin = { name: 'API_KEY', key: 'the-admin-key-of-the-tests' };

/** Starts a server that ends with the test (or with the file, when it is started in beforeAll and stopped by hand). */
export async function start(settings: Partial<ServerSettings> = {}): Promise<TestServer> {
  const server = await startForFile(settings);
  onTestFinished(() => server.stop());
  return server;
}

export async function startForFile(settings: Partial<ServerSettings> = {}): Promise<TestServer> {
  const usual = serverSettings({ port: '0', store: 'memory:', logLevel: 'silent' }, {});
  if (usual.outcome !== 'ready') throw new Error(usual.message);
  const server = await startServer({ ...usual.settings, ...settings });
  return testServer(server.url, () => server.close());
}

/** The helpers for a server at this address. */
export function testServer(url: string, stop: () => Promise<void>): TestServer {
  const call = (method: string, path: string, options: CallOptions = {}): Promise<Reply> =>
    request(url, method, path, options);
  const must = async (reply: Promise<Reply>) => {
    const { status, json, text } = await reply;
    if (status >= 300) throw new Error(`${status}: ${text}`);
    return json;
  };
  return {
    url,
    port: Number(new URL(url).port),
    call,
    ask: (body, { query = '', ...options } = {}) => must(call('POST', `/v1/leases${query}`, { body, ...options })),
    lease: (id, options) => must(call('GET', `/v1/leases/${id}`, options)),
    environment: (name, options) => must(call('GET', `/v1/environments/${encodeURIComponent(name)}`, options)),
    waiting: (name, count, options) =>
      eventually(async () => {
        const { json } = await call('GET', `/v1/environments/${encodeURIComponent(name)}`, options);
        if (json.waiting !== count) throw new Error(`${json.waiting} wait for ${name}, not ${count}`);
      }),
    makeKey: async (scopes, more = {}, options = { key: admin.key }) =>
      (await must(call('POST', '/v1/keys', { body: { name: 'a key', scopes, ...more }, ...options }))).key,
    stop,
  };
}

async function request(url: string, method: string, path: string, options: CallOptions): Promise<Reply> {
  const { body, rawBody, key, signal } = options;
  const headers: Record<string, string> = {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    ...options.headers,
  };
  const content = rawBody ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(url + path, {
    ...{ method, headers, redirect: 'manual' },
    ...(content === undefined ? {} : { body: content }),
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await response.text();
  const isJson = text !== '' && /json/.test(response.headers.get('content-type') ?? '');
  return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : null };
}

export interface RawConnection {
  readonly socket: Socket;
  /** What has come so far. */
  received(): string;
  /** Resolves with all that has come when the text is there; rejects when the connection ends without it. */
  until(text: string | RegExp): Promise<string>;
  /** Resolves with everything when the server has ended the connection. */
  ended(): Promise<string>;
}

/** Opens a connection and sends exactly this. */
export async function raw(server: TestServer, text: string | Buffer = ''): Promise<RawConnection> {
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  let received = '';
  let isOver = false;
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    received += chunk;
    tell();
  });
  const over = (): void => {
    isOver = true;
    tell();
  };
  socket.on('end', over).on('close', over).on('error', over);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  if (text.length > 0) socket.write(text);
  const wait = (done: () => boolean, what: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what} did not come; received ${received}`)), deadlineMs);
      const look = (): void => {
        if (!done() && !isOver) return;
        listeners.delete(look);
        clearTimeout(timer);
        if (done()) resolve(received);
        else reject(new Error(`the connection ended without ${what}; received ${received}`));
      };
      listeners.add(look);
      look();
    });
  const has = (wanted: string | RegExp): boolean =>
    typeof wanted === 'string' ? received.includes(wanted) : wanted.test(received);
  return {
    socket,
    received: () => received,
    until: (wanted) => wait(() => has(wanted), String(wanted)),
    ended: () => wait(() => isOver, 'the end of the connection'),
  };
}

/** Sends one request as written (the end of its headers is added) and returns the whole answer; the server ends the connection. */
export async function rawRequest(server: TestServer, lines: readonly string[], body = ''): Promise<string> {
  const connection = await raw(server, `${lines.join('\r\n')}\r\n\r\n${body}`);
  return connection.ended();
}
