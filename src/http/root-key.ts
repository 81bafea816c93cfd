// What a path at the root means that is no route: a key of web-rendezvous, something to be probed, or nothing. What always holds:
// a path that could be read as one of our own routes, however it is written, is never a key, because a key answers OK to whoever
// has mistyped a route, and a deploy would go on without its lock.

import type { IncomingHttpHeaders } from 'node:http';
import { isIPv6 } from 'node:net';
import { nameFault } from '../core/names.ts';

/** `key` is the path as people wrote it, decoded, with its leading slash. */
export type RootPath =
  | { readonly kind: 'signal'; readonly key: string; readonly name: string }
  /** `target` as /v1/waits takes it. */
  | { readonly kind: 'probe'; readonly key: string; readonly target: string }
  /** A key or a target, wrongly written. */
  | { readonly kind: 'wrong'; readonly of: 'signal' | 'probe'; readonly reason: string }
  | { readonly kind: 'reserved' };

/** First segments that are, were or will be something else than a key. Whatever begins with `_` is reserved too. */
export const reservedSegments: ReadonlySet<string> = new Set([
  ...['start', 'stop', 'block', 'unblock', 'maybe', 'kaboom', 'init-script', 'init-scripts'],
  ...[
    'environment',
    'environments',
    'lease',
    'leases',
    'freeze',
    'freezes',
    'key',
    'keys',
    'space',
    'spaces',
    'me',
    'event',
    'events',
  ],
  ...['signal', 'signals', 'barrier', 'barriers', 'wait', 'waits', 'job', 'jobs', 'pool', 'pools'],
  ...['image', 'images', 'instance-build', 'instance-builds', 'instance', 'instances'],
  ...['v1', 'v2', 'api', 'openapi.json', 'docs', 'healthz', 'health', 'readyz', 'ready', 'metrics', 'status'],
  ...['favicon.ico', 'robots.txt', '.well-known', 'assets'],
]);

export function rootPath(url: string): RootPath {
  const key = decoded(pathOf(url));
  if (key === null) return { kind: 'wrong', of: 'signal', reason: 'The path has a malformed escape.' };
  if (/^\/_(?:port|postgres)(?:\/|$)/.test(key)) return probed(key);
  // A backslash is what scripts on Windows join paths with.
  const path = key.replaceAll('\\', '/');
  const parts = segmentsOf(path);
  const written = path.split('/').find((part) => !/^\.{0,2}$/.test(part)) ?? '';
  // As written too: /docs/../x is a way out of /docs that nobody means.
  if (parts.length === 0 || [parts[0] as string, written].some(isReserved)) return { kind: 'reserved' };
  const name = key.slice(1);
  const fault = nameFault(name);
  return fault === null
    ? { kind: 'signal', key, name }
    : { kind: 'wrong', of: 'signal', reason: `The key, as the name of a signal, ${fault}.` };
}

/** The path of a request, as it was sent. */
export function pathOf(url: string): string {
  return url.split(/[?#]/, 1)[0] as string;
}

/** The segments of a path as another server or a reader may understand them: slashes joined, dots followed, in lower case. */
export function segmentsOf(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part.toLowerCase());
  }
  return parts;
}

/** A path with its escapes read once; null when one is malformed. */
export function decoded(path: string): string | null {
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

/** Whether somebody has opened this in a browser, and would look at an empty page for as long as a wait takes. */
export function isNavigation(method: string, headers: IncomingHttpHeaders): boolean {
  if (headers['sec-fetch-mode'] === 'navigate') return true;
  // Java's own client asks for text/html by itself, and waits like any other.
  if (method !== 'GET' || /^Java\//.test(headers['user-agent'] ?? '')) return false;
  return (headers.accept ?? '').includes('text/html');
}

/** Whether this was written for the API, and so has lost its way: those who set a key send neither. */
export function isForApi(headers: IncomingHttpHeaders): boolean {
  return headers['idempotency-key'] !== undefined || /[/+]json\b/i.test(headers['content-type'] ?? '');
}

/** As whoever overlooks what cannot be seen reads it, or a server that takes `;` for the beginning of parameters. */
function isReserved(segment: string): boolean {
  const read = segment
    .replace(/;.*$/s, '')
    .replace(/\p{Cf}/gu, '')
    .trim()
    .toLowerCase();
  return read.startsWith('_') || reservedSegments.has(read);
}

function probed(key: string): RootPath {
  const [, kind, ...rest] = key.split('/');
  const target = kind === '_port' ? portTarget(rest) : databaseTarget(rest);
  const shape = kind === '_port' ? '/_port/HOST/PORT, with a port from 1 to 65535' : '/_postgres/NAME';
  if (target !== null) return { kind: 'probe', key, target };
  return { kind: 'wrong', of: 'probe', reason: `This cannot be waited for: write ${shape}.` };
}

function portTarget([host = '', port = '', ...more]: string[]): string | null {
  const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
  if (more.length > 0 || number < 1 || number > 65_535) return null;
  const bare = /^\[(.*)\]$/.exec(host)?.[1] ?? host;
  if (isIPv6(bare) && !bare.includes('%')) return `tcp:[${bare}]:${number}`;
  return /^[\p{L}\p{N}._-]{1,253}$/u.test(host) ? `tcp:${host}:${number}` : null;
}

/** The name is taken as it is; what it may contain is for the target to say. */
function databaseTarget([name = '', ...more]: string[]): string | null {
  return name === '' || more.length > 0 ? null : `postgres:${name}`;
}
