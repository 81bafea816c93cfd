// How the server sends the dashboard: its files, headers and size, and who is let in to them.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { fastify } from 'fastify';
import { beforeAll, expect, test } from 'vitest';
import { buildIfStale } from '../../scripts/build-web.ts';
import { sendPage } from '../../src/http/dashboard.ts';
import { admin, rawRequest, start } from '../http/server.ts';

const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const dist = join(import.meta.dirname, '../../web/dist');
const firstLoadMax = 60 * 1024;

beforeAll(() => buildIfStale());

test('the page runs no inline script and loads nothing from another host', async () => {
  const { call } = await start({ adminKeys: [admin] });
  for (const path of ['/', '/environments/a%2Fb', '/meet', '/machines', '/history']) {
    const page = await call('GET', path, { headers: html });
    expect([path, page.status, page.headers.get('content-type')]).toEqual([path, 200, 'text/html; charset=utf-8']);
    expect(page.headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.text).not.toMatch(/<script(?![^>]*src="\/assets\/)|<style|\son\w+=|https?:\/\//);
  }
});

test('its files are kept for ever under names that change with them, and are sent zipped', async () => {
  const { call } = await start();
  const { text } = await call('GET', '/', { headers: html });
  const files = [...text.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path]) => path as string);
  expect(files.map((path) => path.replace(/^.*\./, '')).sort()).toEqual(['css', 'js', 'svg']);
  for (const path of files) {
    const file = await call('GET', path, { headers: { 'accept-encoding': 'gzip' } });
    expect([file.status, file.headers.get('content-encoding')]).toEqual([200, 'gzip']);
    expect(file.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    const plain = await call('GET', path, { headers: { 'accept-encoding': 'identity' } });
    expect([plain.headers.get('content-encoding'), plain.text]).toEqual([null, file.text]);
  }
});

test('nothing else can be read by way of them', async () => {
  const { call } = await start();
  for (const name of [
    'none.js',
    '..%2findex.html',
    '..%2f..%2f..%2fpackage.json',
    'x.js%00.css',
    '.js',
    'made-of.json',
  ])
    expect([name, (await call('GET', `/assets/${name}`)).status]).toEqual([name, 404]);
});

test(`the first load is at most ${firstLoadMax} bytes of script, zipped`, () => {
  const page = readFileSync(join(dist, 'index.html'), 'utf8');
  const first = [...page.matchAll(/"\/(assets\/[^"]+\.js)"/g)].map(([, path]) => join(dist, path as string));
  const bytes = first.map((path) => gzipSync(readFileSync(path)).length).reduce((sum, each) => sum + each, 0);
  expect(bytes).toBeGreaterThan(1000);
  expect(bytes).toBeLessThanOrEqual(firstLoadMax);
  expect(readdirSync(join(dist, 'assets')).filter((name) => name.endsWith('.map'))).toEqual([]);
});

test('a link from elsewhere leads to the page, and nothing else that another site sends is let through', async () => {
  const server = await start();
  const link = {
    ...{ Accept: html.accept, 'Sec-Fetch-Site': 'cross-site' },
    ...{ 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' },
  };
  const answer = async (path: string, headers: object): Promise<string> => {
    const lines = Object.entries({ Host: 'localhost', Connection: 'close', ...headers }).map((pair) => pair.join(': '));
    const text = await rawRequest(server, [`GET ${path} HTTP/1.1`, ...lines]);
    return `${path} ${/^HTTP\/1.1 (\d+)/.exec(text)?.[1]}${text.includes('forged_request') ? ' forged' : ''}`;
  };
  for (const path of ['/', '/environments/uat', '/history']) expect(await answer(path, link)).toBe(`${path} 200`);
  for (const [path, headers] of [
    ['/v1/environments', link],
    ['/abc', link],
    ['/docs', link],
    ['/', { ...link, Host: 'evil.example' }],
    ['/', { ...link, Accept: 'application/json' }],
    ['/', { ...link, 'Sec-Fetch-Dest': 'iframe' }],
    ['/', { ...link, 'Sec-Fetch-Mode': 'no-cors' }],
    ['/', { ...link, Origin: 'http://evil.example' }],
  ] as const)
    expect(await answer(path, headers)).toBe(`${path} 403 forged`);
});

test('a program gets what it got before', async () => {
  const { call } = await start();
  expect((await call('GET', '/')).headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect((await call('GET', '/environments/uat')).headers.get('location')).toBe('/v1/environments/uat');
});

test('where it is not built the page says how', async () => {
  const app = fastify();
  app.get('/', async (_, reply) => sendPage(reply, '/nowhere'));
  const page = await app.inject('/');
  expect(page.statusCode).toBe(200);
  expect(page.body).toContain('npm run build');
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");
});
