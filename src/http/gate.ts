// What every request passes before its route: it must be one clear HTTP request, and without a key it must not be one that a
// web page of somebody else has sent from a person's browser.

import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { Authentication } from './auth.ts';
import { followsLink } from './dashboard.ts';
import { Problem } from './problem.ts';

/** Headers of which two would let two readers of one request understand different things. */
const onlyOnce = new Set([
  'host',
  'authorization',
  'idempotency-key',
  'x-api-key',
  'signalbox-lease-secret',
  'signalbox-space',
  'content-length',
  'transfer-encoding',
  'content-type',
]);
const withoutBody = new Set(['GET', 'HEAD']);

/** Refuses what two servers could read in two ways (request smuggling), and bodies where none belongs. */
export function refuseUnclear(request: FastifyRequest): void {
  if (request.raw.httpVersion !== '1.0' && (request.headers.host ?? '') === '') {
    throw new Problem('malformed_request', 'The header Host is missing.', { field: 'Host' });
  }
  const raw = request.raw.rawHeaders;
  const seen = new Set<string>();
  for (let i = 0; i < raw.length; i += 2) {
    const name = (raw[i] as string).toLowerCase();
    if (!onlyOnce.has(name)) continue;
    if (seen.has(name))
      throw new Problem('malformed_request', `The header ${raw[i]} was sent twice.`, { field: raw[i] as string });
    seen.add(name);
  }
  const encoding = request.headers['transfer-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'chunked') {
    throw new Problem('malformed_request', 'The only Transfer-Encoding is chunked.', {
      field: 'Transfer-Encoding',
      headers: { connection: 'close' },
    });
  }
  const hasBody = encoding !== undefined || (request.headers['content-length'] ?? '0') !== '0';
  if (hasBody && withoutBody.has(request.method)) {
    throw new Problem('malformed_request', `A ${request.method} has no body here.`, {
      headers: { connection: 'close' },
    });
  }
  if (request.url.charCodeAt(0) !== 0x2f)
    throw new Problem('malformed_request', 'Send the path alone, beginning with /.');
}

/**
 * Without a key the browser of somebody on this machine is as trusted as they are, so what a page of another site makes it
 * send must be refused: other names for this address (DNS rebinding), other origins, other sites.
 */
export function refuseForged(request: FastifyRequest, auth: Authentication, insecure: boolean): void {
  if (!auth.isAnonymous(request)) return;
  const { origin, host } = request.headers;
  if (!auth.keysOn && !insecure && !isLoopbackName(host ?? '')) {
    throw new Problem(
      'forged_request',
      `Without a key this server answers to localhost and 127.0.0.1 only, not to ${host ?? 'no name'}. Configure a key (API_KEY).`,
    );
  }
  if (origin !== undefined && !isSameOrigin(origin, host ?? '')) {
    throw new Problem(
      'forged_request',
      `This came from a page of ${origin}. Without a key only the server's own pages may ask.`,
    );
  }
  const site = request.headers['sec-fetch-site'];
  // A link in the log of a job leads to the dashboard; what that then asks for comes from our own page.
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !followsLink(request)) {
    throw new Problem(
      'forged_request',
      'This came from a page of another site. Without a key only the server’s own pages may ask.',
    );
  }
}

function isSameOrigin(origin: string, host: string): boolean {
  const name = /^https?:\/\/(.+)$/.exec(origin)?.[1];
  return name !== undefined && name.toLowerCase() === host.toLowerCase();
}

function isLoopbackName(host: string): boolean {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    name === '[::1]' ||
    (isIP(name) === 4 && name.startsWith('127.'))
  );
}
