// What a path at the root means: a key, something to be probed, or nothing, however it is written.

import { describe, expect, test } from 'vitest';
import { isForApi, isNavigation, reservedSegments, rootPath, segmentsOf } from '../../src/http/root-key.ts';
import { RouteList } from '../../src/http/route-list.ts';
import { start } from './server.ts';

describe('a key', () => {
  test.each([
    ['/abc', 'abc'],
    ['/abc/', 'abc/'],
    ['/abc?timeout=1', 'abc'],
    ['/abc?x=/start', 'abc'],
    ['/abc#x', 'abc'],
    ['/a/b', 'a/b'],
    ['/a%2Fb', 'a/b'],
    ['/a%2fb', 'a/b'],
    ['/a%3Fb', 'a?b'],
    ['/a+b', 'a+b'],
    ['/a%20b', 'a b'],
    ['/%C3%A4', 'ä'],
    ['/%2561', '%61'],
    ['//abc', '/abc'],
    ['/ABC', 'ABC'],
    ['/a/../b', 'a/../b'],
    ['/../../etc/passwd', '../../etc/passwd'],
    ['/constructor', 'constructor'],
    ['/a/__proto__', 'a/__proto__'],
    ['/toString', 'toString'],
    ['/meet', 'meet'],
    ['/machines', 'machines'],
    ['/history', 'history'],
    ['/starting', 'starting'],
    ['/start%20x', 'start x'],
    ['/a%5Cb;c', 'a\\b;c'],
    ['/a/start', 'a/start'],
    ['/a/_port/h', 'a/_port/h'],
    ['/v1x/leases', 'v1x/leases'],
    ['/...', '...'],
    [`/${'x'.repeat(200)}`, 'x'.repeat(200)],
    [`/${encodeURIComponent('😀'.repeat(200))}`, '😀'.repeat(200)],
  ])('%.60s', (url, name) => {
    expect(rootPath(url)).toEqual({ kind: 'signal', key: `/${name}`, name });
  });

  test.each([
    ['/%00', 'control characters'],
    ['/a%0d%0aX:1', 'control characters'],
    ['/a%7f', 'control characters'],
    ['/a%C2%85', 'control characters'],
    [`/${'x'.repeat(201)}`, 'longer than 200'],
    ['/%', 'malformed escape'],
    ['/%zz', 'malformed escape'],
    ['/%C0%AF', 'malformed escape'],
    ['/%ED%A0%80', 'malformed escape'],
  ])('%.60s is wrong: %s', (url, reason) => {
    expect(rootPath(url)).toEqual({ kind: 'wrong', of: 'signal', reason: expect.stringContaining(reason) });
  });
});

describe('never a key', () => {
  test.each([...reservedSegments, '_ui', '_', '__proto__', '_other', '_ports'])('/%s', (segment) => {
    const upper = segment.toUpperCase();
    const escaped = `%${segment.charCodeAt(0).toString(16)}${segment.slice(1)}`;
    for (const path of [
      ...[`/${segment}`, `/${segment}/`, `/${segment}/x`, `//${segment}`, `///${segment}//x`, `/./${segment}`],
      ...[`/../${segment}`, `/../../${segment}/x`, `/x/../${segment}`, `/%2e%2e/${segment}`, `/${upper}`],
      ...[`/${upper}/x`, `/${escaped}`, `/${escaped}/x`, `/${segment}%2Fx`, `/%2F${segment}`, `/%2e/${segment}`],
      ...[`/${segment}/../x`, `/${segment}/../../x`, `/${segment}?timeout=1`, `/x%2F..%2F${segment}`],
      ...[`/${segment}%20`, `/%20${segment}/x`, `/${segment};x`, `/${segment};x=1/x`, `/${segment}%E2%80%8B`],
      ...[`/${segment}%5Cx`, `/x%5C..%5C${segment}`],
    ])
      expect([path, rootPath(path).kind]).toEqual([path, 'reserved']);
  });

  test.each([
    '/V1/leases',
    '//v1/leases',
    '/v1%2Fleases',
    '/%761/leases',
    '/start/',
    '/../start',
    '/%2e%2e/start',
    '/lease',
    '/Environment/uat',
    '/',
    '//',
    '/.',
    '/..',
    '/%2e%2e/',
    '/x/..',
    '/v1/../../x',
    '//_port/h/1',
    '/_PORT/h/1',
    '/x/../_postgres/db',
  ])('%s', (path) => {
    expect(rootPath(path)).toEqual({ kind: 'reserved' });
  });

  test('is any route: one that would be a key cannot be added', () => {
    const routes = new RouteList();
    for (const path of ['/', '/start', '/v1/leases/:id', '/environments/:name', '/*'])
      routes.add('GET', path, undefined);
    for (const path of ['/deploys', '/abc/:name', '/:name'])
      expect(() => routes.add('GET', path, undefined)).toThrow('reserve it');
  });

  test('is any collection of /v1, and one of its things', async () => {
    const { call } = await start();
    const { json } = await call('GET', '/openapi.json');
    const collections = new Set(Object.keys(json.paths).map((path) => path.split('/')[2] as string));
    expect(collections.size).toBeGreaterThan(5);
    for (const name of collections)
      for (const each of [name, name.replace(/s$/, '')]) expect([...reservedSegments]).toContain(each);
  });
});

describe('what is probed', () => {
  test.each([
    ['/_port/db/5432', 'tcp:db:5432'],
    ['/_port/db.example.org/1?timeout=1', 'tcp:db.example.org:1'],
    ['/_port/127.0.0.1/65535', 'tcp:127.0.0.1:65535'],
    ['/_port/[::1]/80', 'tcp:[::1]:80'],
    ['/_port/::1/80', 'tcp:[::1]:80'],
    ['/_port/%5B%3A%3A1%5D/80', 'tcp:[::1]:80'],
    ['/_port/%3A%3A1/80', 'tcp:[::1]:80'],
    ['/%5Fport/db/5432', 'tcp:db:5432'],
    ['/_port%2Fdb%2F5432', 'tcp:db:5432'],
    ['/_postgres/mydb', 'postgres:mydb'],
    ['/_postgres/a%26b', 'postgres:a&b'],
    ['/_postgres/a%20b', 'postgres:a b'],
    ['/_postgres/a%22b%27', `postgres:a"b'`],
    ['/_postgres/a:b?timeout=3', 'postgres:a:b'],
  ])('%s', (url, target) => {
    const key = decodeURIComponent(url.split('?', 1)[0] as string);
    expect(rootPath(url)).toEqual({ kind: 'probe', key, target });
  });

  test.each([
    ...['/_port', '/_port/', '/_port/h', '/_port/h/', '/_port//80', '/_port/h/80/', '/_port/h/80/x', '/_port/h/x'],
    ...['/_port/h/0', '/_port/h/65536', '/_port/h/-1', '/_port/h/8e1', '/_port/h/%2080', '/_port/u@h/80'],
    ...['/_port/h%23/80', '/_port/h%3F/80', '/_port/h%2Fx/80', '/_port/[h]/80', '/_port/[::1/80', '/_port/h:1/80'],
    ...['/_port/fe80::1%25eth0/80', '/_port/h%00/80', `/_port/${'h'.repeat(254)}/80`],
  ])('%.40s is wrong', (url) => {
    expect(rootPath(url)).toEqual({ kind: 'wrong', of: 'probe', reason: expect.stringContaining('/_port/HOST/PORT') });
  });

  test.each([
    '/_postgres',
    '/_postgres/',
    '/_postgres/a/b',
    '/_postgres/a%2Fb',
    '/_postgres/a/',
    '/_postgres//a',
  ])('%s is wrong', (url) => {
    expect(rootPath(url)).toEqual({ kind: 'wrong', of: 'probe', reason: expect.stringContaining('/_postgres/NAME') });
  });
});

test.each([
  ['/', []],
  ['/A//b/./c/../D/', ['a', 'b', 'd']],
  ['/../..', []],
])('%s is made of %j', (path, segments) => {
  expect(segmentsOf(path)).toEqual(segments);
});

test.each([
  ['GET', { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }, true],
  ['GET', { 'sec-fetch-mode': 'navigate', accept: '*/*' }, true],
  ['POST', { 'sec-fetch-mode': 'navigate' }, true],
  ['GET', { accept: '*/*' }, false],
  ['GET', {}, false],
  ['GET', { accept: 'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2', 'user-agent': 'Java/17.0.1' }, false],
  ['PUT', { accept: 'text/html' }, false],
  ['GET', { 'sec-fetch-mode': 'cors', accept: '*/*' }, false],
])('%s with %j is somebody with a browser: %s', (method, headers, expected) => {
  expect(isNavigation(method, headers)).toBe(expected);
});

test.each([
  [{ 'content-type': 'application/json' }, true],
  [{ 'content-type': 'Application/JSON; charset=utf-8' }, true],
  [{ 'content-type': 'application/merge-patch+json' }, true],
  [{ 'content-type': 'text/json' }, true],
  [{ 'idempotency-key': 'x' }, true],
  [{ 'content-type': 'application/x-www-form-urlencoded' }, false],
  [{ 'content-type': 'text/jsonish' }, false],
  [{}, false],
])('%j is written for the API: %s', (headers, expected) => {
  expect(isForApi(headers)).toBe(expected);
});
