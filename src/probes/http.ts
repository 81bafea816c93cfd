// Whether an HTTP server answers a GET as it is asked to. What always holds: the connection goes to the address that was
// checked, wherever the name leads by now; redirects are not followed, because nobody has checked where they lead; a detail
// holds no credentials and nothing of the path, and nothing that the server has said but the number of its status.

import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  type RequestOptions,
  request as requestPlain,
  STATUS_CODES,
} from 'node:http';
import { Agent as HttpsAgent, request as requestTls } from 'node:https';
import { isIP } from 'node:net';
import type { ProbeTarget } from '../core/meet/target.ts';
import { codeOf, connectFinding, noAnswer, tlsFinding } from './connection.ts';
import type { Endpoint, Finding, Probe, ProbeOptions } from './probe.ts';
import { statusFits } from './status.ts';

/** As much of the body as is looked through for what it must contain. */
const maxBodyBytes = 1024 * 1024;

export const probe: Probe = (target, endpoint, options, signal) =>
  new Promise((resolve) => {
    const request = open(target, endpoint, options);
    let finding: Finding | null = null;
    let unfinished = closedWithoutAnswer;
    let connected = false;
    /** The first thing that is known is what counts; whatever closing the connection brings up comes after it. */
    const settle = (found: Finding) => {
      finding ??= found;
      request.destroy();
    };
    const late = noAnswer(options.connectTimeoutMs);
    const stop = () => settle({ state: connected ? 'unready' : 'down', detail: late });
    request.once('socket', (socket) => {
      socket.once('connect', () => {
        connected = true;
      });
    });
    request.once('response', (response) => {
      unfinished = cutOff;
      answered(response, options, settle);
    });
    request.on('error', (error) => settle(faultFinding(error, connected, target.tls)));
    request.once('close', () => {
      signal.removeEventListener('abort', stop);
      resolve(finding ?? unfinished);
    });
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    else request.end();
  });

function open(target: ProbeTarget, { address, port, host }: Endpoint, { insecure }: ProbeOptions): ClientRequest {
  const plain: RequestOptions = {
    ...{ method: 'GET', host: address, port, path: target.resource === '' ? '/' : target.resource },
    headers: { host: hostHeader(host, port, target.tls), accept: '*/*', 'user-agent': 'signalbox' },
    ...(target.user === null && target.password === null
      ? {}
      : { auth: `${target.user ?? ''}:${target.password ?? ''}` }),
  };
  if (!target.tls) return requestPlain({ ...plain, agent: new HttpAgent({ keepAlive: false }) });
  // A certificate is for the name that was asked for; for an address it must name the address.
  const name = isIP(host) === 0 ? { servername: host.replace(/\.$/, '') } : {};
  const agent = new HttpsAgent({ keepAlive: false, maxCachedSessions: 0 });
  return requestTls({ ...plain, ...name, agent, rejectUnauthorized: !insecure });
}

function hostHeader(host: string, port: number, tls: boolean): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === (tls ? 443 : 80) ? name : `${name}:${port}`;
}

function answered(response: IncomingMessage, options: ProbeOptions, settle: (found: Finding) => void): void {
  const status = response.statusCode ?? 0;
  const said = `${status} ${STATUS_CODES[status] ?? ''}`.trim();
  const redirects = status >= 300 && status < 400 && response.headers.location !== undefined;
  if (!statusFits(options.status, status))
    settle({ state: 'unready', detail: redirects ? `${said} (redirects are not followed)` : said });
  else if (options.contains === null || options.contains === '') settle({ state: 'up', detail: said });
  else readBody(response, options.contains, said, settle);
}

function readBody(response: IncomingMessage, text: string, said: string, settle: (found: Finding) => void): void {
  const search = new Search(text);
  const without = (why: string) => settle({ state: 'unready', detail: `${said}, but ${why}` });
  response.on('data', (chunk: Buffer) => {
    if (search.take(chunk)) settle({ state: 'up', detail: said });
    else if (search.bytes >= maxBodyBytes) without('its first MiB does not contain the text');
  });
  response.once('end', () => without('the body does not contain the text'));
}

/** Looks for a text in a body that comes in pieces, keeping no more of it than could be the beginning of the text. */
class Search {
  bytes = 0;
  readonly #text: Buffer;
  #kept: Buffer = Buffer.alloc(0);

  constructor(text: string) {
    this.#text = Buffer.from(text);
  }

  take(chunk: Buffer): boolean {
    const part = Buffer.concat([this.#kept, chunk.subarray(0, maxBodyBytes - this.bytes)]);
    this.bytes += chunk.length;
    this.#kept = part.subarray(Math.max(0, part.length - this.#text.length + 1));
    return part.includes(this.#text);
  }
}

const closedWithoutAnswer: Finding = { state: 'unready', detail: 'the connection was closed without an answer' };
const cutOff: Finding = { state: 'unready', detail: 'the answer was cut off' };

function faultFinding(error: Error, connected: boolean, tls: boolean): Finding {
  if (!connected) return connectFinding(error);
  const code = codeOf(error);
  if (/^HPE_/.test(code)) {
    // An alert of TLS, type 21, is what a server answers that wanted a handshake.
    const [first] = (error as { rawPacket?: Buffer }).rawPacket ?? [];
    if (first === 21 && !tls) return { state: 'misconfigured', detail: 'this port speaks TLS: ask with https://' };
    return { state: 'unready', detail: 'what answers does not speak HTTP' };
  }
  return tlsFinding(error) ?? (/^(ECONN|EPIPE)/.test(code) ? closedWithoutAnswer : connectFinding(error));
}
