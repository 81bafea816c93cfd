// A server that answers every request in the same way and remembers what it was asked: for what a real server does not show,
// such as which key was sent to it.

import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface Reply {
  readonly status: number;
  readonly type?: string;
  readonly body: string;
}

export interface RecordingServer {
  readonly url: string;
  readonly port: number;
  readonly seen: readonly Seen[];
}

/** Answers with `reply`, or with what it makes of a request. Ends with the test. */
export async function recordingServer(reply: Reply | ((seen: Seen, count: number) => Reply)): Promise<RecordingServer> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const asked = { method: request.method ?? '', path: request.url ?? '', headers: request.headers };
      seen.push(asked);
      const {
        status,
        type = 'application/json',
        body,
      } = typeof reply === 'function' ? reply(asked, seen.length) : reply;
      response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
    });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, seen };
}

/** A list, in the shape of the API. */
export function pageOf(items: readonly unknown[], at = '2026-11-21T12:00:00.000Z'): string {
  return JSON.stringify({ items, next: null, asOf: { seq: 1, at } });
}

export const emptyList: Reply = { status: 200, body: pageOf([]) };
