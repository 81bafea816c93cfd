// What never becomes a request: headers that come too slowly or are too long, and what is not HTTP at all. Node tells us of the
// error and leaves the socket to us; the answer is a problem like any other, and the connection ends.

import type { Socket } from 'node:net';
import { type ProblemCode, problemKinds } from '../api/problems.ts';

const details: Partial<Record<ProblemCode, string>> = {
  request_timeout: 'The request did not come in time: headers may take 5 seconds, the whole request 15.',
  headers_too_large: 'The headers are larger than 16 KiB.',
  malformed_request: 'This is not a well-formed HTTP request.',
};

export function onClientError(error: NodeJS.ErrnoException, socket: Socket, requestId: string): ProblemCode | null {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return null;
  }
  const code = codeOf(error.code);
  // A reply that has begun cannot be followed by another.
  const answer = (socket as Socket & { _httpMessage?: { headersSent: boolean } | null })._httpMessage;
  if (answer?.headersSent !== true) socket.write(text(code, requestId));
  socket.destroySoon();
  return code;
}

function codeOf(code: string | undefined): ProblemCode {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout';
  return code === 'HPE_HEADER_OVERFLOW' ? 'headers_too_large' : 'malformed_request';
}

function text(code: ProblemCode, requestId: string): string {
  const { status, title } = problemKinds[code];
  const type = `/docs/errors#${code}`;
  const body = JSON.stringify({ type, title, status, code, detail: details[code] ?? title, requestId });
  return [
    `HTTP/1.1 ${status} ${title}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Signalbox-Request-Id: ${requestId}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
