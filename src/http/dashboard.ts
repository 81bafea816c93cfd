// The dashboard's files, as Vite has built them (scripts/build-web.ts): one page for all its addresses, and what it loads.
//
// Must always hold: the page is the same for everybody and shows nothing of the store (what somebody may see it asks of /v1, with
// their key); it loads nothing from another host, and runs no script that is not one of these files.

import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { App } from './context.ts';
import { Problem } from './problem.ts';
import { decoded, isNavigation, pathOf, segmentsOf } from './root-key.ts';

const built = fileURLToPath(new URL('../../web/dist', import.meta.url));

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** First segments of addresses that are a page to a browser; to everybody else most of them are keys. */
const pages: ReadonlySet<string> = new Set(['environments', 'meet', 'machines', 'history']);

interface Asset {
  readonly type: string;
  readonly plain: Buffer;
  readonly zipped: Buffer;
}

/** What has been sent, so that a page which is open survives a new build. Its bound is for a checkout that is built all day. */
const sent = new Map<string, Asset>();
const keptAtMost = 200;

export function dashboardAssets(app: App, folder = built): void {
  app.get(
    '/assets/:file',
    { schema: { hide: true, params: Type.Object({ file: Type.String() }) } },
    async (request, reply) => {
      const asset = await assetOf(folder, request.params.file);
      if (asset === null) throw new Problem('unknown_route', 'The dashboard has no such file (any more).');
      const zips = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
      if (zips) reply.header('content-encoding', 'gzip');
      return reply
        .type(asset.type)
        .header('vary', 'accept-encoding')
        .header('cache-control', 'public, max-age=31536000, immutable')
        .header('cross-origin-resource-policy', 'same-origin')
        .send(zips ? asset.zipped : asset.plain);
    },
  );
}

/** Whether a browser asks for one of the dashboard's addresses, and so for its page. */
export function asksForPage({ method, url, headers }: FastifyRequest): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  if (!isNavigation('GET', headers) || (headers.accept ?? '').includes('application/json')) return false;
  const [page, ...more] = segmentsOf(decoded(pathOf(url)) ?? '/?');
  if (page === undefined) return true;
  return pages.has(page) && (more.length === 0 || page === 'environments');
}

/** Whether a browser goes to a page by a link, from wherever that is. The page itself gives nothing away (see above). */
export function followsLink(request: FastifyRequest): boolean {
  const { headers } = request;
  return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document' && asksForPage(request);
}

export function sendPage(reply: FastifyReply, folder = built): FastifyReply {
  const page = join(folder, 'index.html');
  return reply
    .type('text/html; charset=utf-8')
    .headers({
      vary: 'accept',
      'cache-control': 'no-store',
      'content-security-policy': policy,
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
    .send(existsSync(page) ? readFileSync(page) : notBuilt);
}

async function assetOf(folder: string, name: string): Promise<Asset | null> {
  const type = types[extname(name)];
  if (type === undefined || !/^[\w-]+(\.[\w-]+)+$/.test(name)) return null;
  const path = join(folder, 'assets', name);
  const known = sent.get(path);
  if (known !== undefined) return known;
  const plain = await readFile(path).catch(() => null);
  if (plain === null) return null;
  const asset = { type, plain, zipped: gzipSync(plain, { level: 9 }) };
  sent.set(path, asset);
  if (sent.size > keptAtMost) sent.delete(sent.keys().next().value as string);
  return asset;
}

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Signalbox</title>
<h1>Signalbox is running</h1>
<p>Its dashboard is not built in this checkout. <code>npm run build</code> builds it, and so does <code>npm start</code>; then
load this page again.</p>
<p>All else works: <a href="/docs">the API</a>, and the command <code>signalbox status</code>.</p>
</html>
`;
