// Whether a gRPC server says that it serves: `grpc:HOST:PORT[/SERVICE]`, by grpc.health.v1.Health/Check. One call is one HTTP/2
// request, and its two messages have one field each, so this speaks them over node:http2. grpc-js was tried: it takes no socket,
// and leaves one open for ever at a peer that accepts and never answers the TLS handshake; it also heeds proxies of the environment.
// What always holds: one request, no retry, and the connection is the line's.

import { type ClientHttp2Session, type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { ProbeTarget } from '../core/meet/target.ts';
import { codeOf } from './connection.ts';
import { tryOn, Verdict } from './line.ts';
import type { Endpoint, Finding, Probe } from './probe.ts';

export const probe: Probe = (target, endpoint, options, signal) =>
  tryOn(options, signal, async (line) => {
    const socket = line.connect(endpoint);
    const transport = target.tls ? await line.secure(endpoint, options, ['h2']) : socket;
    const session = open(transport, target, endpoint);
    session.on('error', (error) => line.fail(verdict(error)));
    line.farewell = () => session.close();
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      'grpc-timeout': `${options.connectTimeoutMs}m`,
      'user-agent': 'signalbox',
      te: 'trailers',
    });
    stream.end(requestFor(target.resource));
    return found(await answerTo(stream), target.resource);
  });

function open(transport: Duplex, target: ProbeTarget, endpoint: Endpoint): ClientHttp2Session {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return connect(`${target.tls ? 'https' : 'http'}://${host}:${endpoint.port}`, {
    createConnection: () => transport,
    settings: { enablePush: false },
  });
}

interface Answer {
  readonly httpStatus: number;
  /** null: none was sent. */
  readonly grpcStatus: number | null;
  readonly body: Buffer;
}

function answerTo(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let headers: IncomingHttpHeaders = {};
    const body: Buffer[] = [];
    stream.on('response', (got) => {
      headers = { ...headers, ...got };
    });
    // gRPC says how a call went after the message, or at once where there is none.
    stream.on('trailers', (got) => {
      headers = { ...headers, ...got };
    });
    stream.on('data', (chunk: Buffer) => body.push(chunk));
    stream.once('error', (error) => reject(verdict(error)));
    stream.once('close', () => {
      const status = headers['grpc-status'];
      resolve({
        httpStatus: Number(headers[':status'] ?? 0),
        grpcStatus: status === undefined ? null : Number(status),
        body: Buffer.concat(body),
      });
    });
  });
}

/** Statuses of gRPC that mean something here (grpc/grpc, doc/statuscodes.md); all others mean "not now". */
const okStatus = 0;
const notFound = 5;
const permissionDenied = 7;
const unimplemented = 12;
const unauthenticated = 16;

function found(answer: Answer, service: string): Finding {
  const { httpStatus, grpcStatus, body } = answer;
  switch (grpcStatus) {
    case okStatus:
      return serving(body, service);
    case notFound:
      return { state: 'unready', detail: `service "${service}" is not known there` };
    case unimplemented:
      return { state: 'misconfigured', detail: 'the server has no health service (grpc.health.v1.Health)' };
    case permissionDenied:
    case unauthenticated:
      return { state: 'misconfigured', detail: 'the server does not let everybody ask for its health' };
    case null:
      return withoutStatus(httpStatus);
    default:
      return { state: 'unready', detail: `gRPC status ${grpcStatus}` };
  }
}

/** An HTTP/2 server or a proxy that is not gRPC, read as gRPC's own clients do (doc/http-grpc-status-mapping.md). */
function withoutStatus(httpStatus: number): Finding {
  if (httpStatus === 404) return { state: 'misconfigured', detail: 'no gRPC is spoken there (HTTP 404)' };
  if (httpStatus === 401 || httpStatus === 403)
    return {
      state: 'misconfigured',
      detail: `the server does not let everybody ask for its health (HTTP ${httpStatus})`,
    };
  if (httpStatus === 0) return { state: 'unready', detail: 'broke off the call' };
  return { state: 'unready', detail: `HTTP ${httpStatus} without a gRPC status` };
}

/** `message HealthCheckResponse { ServingStatus status = 1; }`, framed as `compressed? (1 byte), length (4 bytes), message`. */
function serving(body: Buffer, service: string): Finding {
  const message = body.subarray(5);
  if (body.length < 5 || body[0] !== 0 || body.readUInt32BE(1) !== message.length)
    return { state: 'unready', detail: 'the answer is not one of a health service' };
  const status = message[0] === 0x08 ? message[1] : 0;
  if (status === 1) return { state: 'up', detail: 'SERVING' };
  if (status === 3) return { state: 'unready', detail: `service "${service}" is not known there` };
  return { state: 'unready', detail: status === 2 ? 'NOT_SERVING' : 'UNKNOWN' };
}

/** `message HealthCheckRequest { string service = 1; }`, framed in the same way. A target has 2,000 characters at most. */
function requestFor(service: string): Buffer {
  const name = Buffer.from(service);
  const length = name.length < 0x80 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >> 7];
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...length]), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

function verdict(error: unknown): unknown {
  return codeOf(error).startsWith('ERR_HTTP2_') ? new Verdict('unready', 'something answers that is not gRPC') : error;
}
