// Wrong input: each kind has its own code, the field that is at fault, and a sentence that says what to do. Nothing of it is an
// error of the server, and nothing of it leaves anything behind.

import { describe, expect, test } from 'vitest';
import { rawRequest, start } from './server.ts';

const asJson = { headers: { 'content-type': 'application/json' } };

/** A sentence that somebody can act on; it may end with a command. */
function isSentence(detail: unknown): void {
  expect(detail).toMatch(/^\S.{10,}([.?]|: signalbox [a-z ]+)$/s);
  // Words of the validator, not of a person.
  expect(detail).not.toMatch(/schema|constant|pattern|format|>=|<=/);
}

const year = 365 * 24 * 3600;

/** Body of POST /v1/leases: status, code, field. */
const leases: [unknown, number, string, string | undefined][] = [
  [{}, 400, 'invalid_request', 'wants'],
  [[], 400, 'invalid_request', undefined],
  ['x', 400, 'invalid_request', undefined],
  [null, 400, 'invalid_request', undefined],
  [1, 400, 'invalid_request', undefined],
  [{ environment: 'a', wants: [{ environment: 'b' }] }, 400, 'invalid_request', 'wants'],
  [{ environment: 1 }, 400, 'invalid_request', 'environment'],
  [{ environment: null }, 400, 'invalid_request', 'environment'],
  [{ environment: '' }, 422, 'invalid_name', 'environment'],
  [{ environment: 'a\tb' }, 422, 'invalid_name', 'environment'],
  [{ environment: 'x'.repeat(201) }, 422, 'invalid_name', 'environment'],
  [{ enviroment: 'a' }, 400, 'unknown_field', 'enviroment'],
  [{ environment: 'a', x: { y: 1 } }, 400, 'unknown_field', 'x'],
  [{ environment: 'a', holder: { nam: 'x' } }, 400, 'unknown_field', 'holder.nam'],
  [{ environment: 'a', holder: 'x' }, 400, 'invalid_request', 'holder'],
  [{ environment: 'a', holder: { name: 'x'.repeat(201) } }, 400, 'invalid_request', 'holder.name'],
  [{ environment: 'a', reason: 'x'.repeat(1001) }, 400, 'invalid_request', 'reason'],
  [{ environment: 'a', priority: 1.5 }, 400, 'invalid_request', 'priority'],
  [{ environment: 'a', priority: '1' }, 400, 'invalid_request', 'priority'],
  [{ environment: 'a', priority: 1e9 }, 400, 'invalid_request', 'priority'],
  [{ environment: 'a', ttlSeconds: -1 }, 422, 'invalid_duration', 'ttlSeconds'],
  [{ environment: 'a', ttlSeconds: 0 }, 422, 'invalid_duration', 'ttlSeconds'],
  [{ environment: 'a', ttlSeconds: year + 1 }, 422, 'invalid_duration', 'ttlSeconds'],
  [{ environment: 'a', ttlSeconds: 1e308 }, 422, 'invalid_duration', 'ttlSeconds'],
  [{ environment: 'a', ttlSeconds: '60' }, 400, 'invalid_request', 'ttlSeconds'],
  [{ environment: 'a', ttlSeconds: true }, 400, 'invalid_request', 'ttlSeconds'],
  [{ environment: 'a', queueSeconds: -0.001 }, 422, 'invalid_duration', 'queueSeconds'],
  [{ environment: 'a', maxHoldSeconds: 1e12 }, 422, 'invalid_duration', 'maxHoldSeconds'],
  [{ wants: [] }, 400, 'invalid_request', 'wants'],
  [{ wants: {} }, 400, 'invalid_request', 'wants'],
  [{ wants: [{}] }, 400, 'invalid_request', 'wants.0.environment'],
  [{ wants: [{ environment: 'a' }, { environment: 'a' }] }, 422, 'duplicate_want', 'wants'],
  [{ wants: [{ labels: { a: 'b' } }] }, 422, 'no_match', 'labels'],
  [{ wants: [{ labels: { kind: 'db' }, count: 3 }] }, 422, 'never_satisfiable', 'count'],
  [{ wants: [{ environment: 'db-1' }, { labels: { kind: 'db' }, count: 2 }] }, 422, 'never_satisfiable', 'wants'],
  [{ wants: [{ labels: { a: 'b' }, count: 0 }] }, 400, 'invalid_request', 'wants.0.count'],
  [{ wants: [{ labels: { a: 'b' }, count: 65 }] }, 400, 'invalid_request', 'wants.0.count'],
  [{ wants: [{ labels: { a: 1 } }] }, 400, 'invalid_request', 'wants.0.labels.a'],
  [{ wants: [{ environment: 'a', count: 2 }] }, 400, 'unknown_field', 'wants.0.count'],
  [{ wants: Array.from({ length: 17 }, (_, i) => ({ environment: `e${i}` })) }, 422, 'too_many_wants', 'wants'],
  [{ wants: [{ labels: {}, count: 64 }, { environment: 'a' }] }, 422, 'too_many_wants', 'wants'],
];

describe('POST /v1/leases', () => {
  test.each(leases)('%j: %s %s %s', async (body, status, code, field) => {
    const { call } = await start();
    for (const name of ['db-1', 'db-2'])
      await call('PUT', `/v1/environments/${name}`, { body: { labels: { kind: 'db' } } });
    const reply = await call('POST', '/v1/leases', { body });
    expect(reply.json).toMatchObject({ status, code });
    expect([reply.status, reply.json.field]).toEqual([status, field]);
    isSentence(reply.json.detail);
    const { json } = await call('GET', '/v1/environments');
    expect(json.items.map(({ name }: { name: string }) => name)).toEqual(['db-1', 'db-2']);
    expect((await call('GET', '/v1/leases')).json.items).toEqual([]);
  });

  test('a misspelt field is told with the one that was probably meant', async () => {
    const { call } = await start();
    const reply = await call('POST', '/v1/leases', { body: { environment: 'a', ttlSecond: 5 } });
    expect(reply.json).toMatchObject({ code: 'unknown_field', nearest: 'ttlSeconds' });
    expect(reply.json.detail).toContain('Did you mean ttlSeconds?');
  });

  test.each([
    '',
    '-1',
    '61',
    'x',
    '1e1',
    '0x10',
    'Infinity',
    'NaN',
    '1&wait=2',
    '%zz',
  ])('?wait=%s is refused', async (wait) => {
    const { call } = await start();
    const reply = await call('POST', `/v1/leases?wait=${wait}`, { body: { environment: 'a' } });
    expect(reply.json).toMatchObject({ field: 'wait', code: expect.stringMatching(/^invalid_(request|duration)$/) });
    isSentence(reply.json.detail);
  });
});

describe('bodies', () => {
  test.each([
    ['', 400, 'invalid_request'],
    ['{', 400, 'malformed_json'],
    ['{"environment":"a"}x', 400, 'malformed_json'],
    ['environment=a', 400, 'malformed_json'],
    ['{"environment":"a","environment":"a\u0001"}', 400, 'malformed_json'],
    ['{"__proto__":{"admin":true},"environment":"a"}', 400, 'malformed_json'],
    ['{"environment":"a","constructor":{"prototype":{"x":1}}}', 400, 'malformed_json'],
    ['{"wants":[{"labels":{"__proto__":"x"}}]}', 400, 'malformed_json'],
    [`{"environment":${'['.repeat(30_000)}${']'.repeat(30_000)}}`, 400, 'invalid_request'],
    [`{"holder":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`, 400, 'unknown_field'],
    ['['.repeat(60_000), 400, 'malformed_json'],
    ['\ufeff{"environment":"a"}', 201, undefined],
  ])('%.60s: %s %s', async (rawBody, status, code) => {
    const { call } = await start();
    const reply = await call('POST', '/v1/leases', { rawBody, ...asJson });
    expect([reply.status, reply.json.code]).toEqual([status, code]);
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'x',
  ])('a body of the type %s: 415', async (type) => {
    const { call } = await start();
    const reply = await call('POST', '/v1/leases', {
      rawBody: '{"environment":"a"}',
      headers: { 'content-type': type },
    });
    expect(reply).toMatchObject({ status: 415, json: { code: 'unsupported_media_type' } });
    isSentence(reply.json.detail);
  });

  test('application/json with a charset is JSON', async () => {
    const { call } = await start();
    const headers = { 'content-type': 'application/json; charset=utf-8' };
    expect(await call('POST', '/v1/leases', { rawBody: '{"environment":"a"}', headers })).toMatchObject({
      status: 201,
    });
  });

  test('labels may be called as anything of JavaScript, and mean themselves', async () => {
    const { call, ask } = await start();
    const labels = { constructor: 'x', toString: 'y', hasOwnProperty: 'z' };
    expect(await call('PUT', '/v1/environments/a', { body: { labels } })).toMatchObject({
      status: 201,
      json: { labels },
    });
    await call('PUT', '/v1/environments/b', { body: {} });
    expect((await ask({ wants: [{ labels }] })).granted).toEqual([{ environment: 'a' }]);
    expect((await call('GET', '/v1/environments?labels=constructor=x')).json.items).toHaveLength(1);
  });
});

/** Body of PUT /v1/environments/x. */
const environments: [object, number, string, string][] = [
  [{ capacity: 0 }, 400, 'invalid_request', 'capacity'],
  [{ capacity: 10_001 }, 400, 'invalid_request', 'capacity'],
  [{ capacity: 1.5 }, 400, 'invalid_request', 'capacity'],
  [{ labels: { 'a b': 'x' } }, 400, 'invalid_request', 'labels.a b'],
  [{ labels: { '': 'x' } }, 400, 'invalid_request', 'labels.'],
  [{ labels: { a: 'x,b=y' } }, 400, 'invalid_request', 'labels.a'],
  [{ labels: { ['x'.repeat(64)]: 'x' } }, 400, 'invalid_request', `labels.${'x'.repeat(64)}`],
  [{ labels: { a: 'x'.repeat(201) } }, 400, 'invalid_request', 'labels.a'],
  [{ labels: { a: 'x\ny' } }, 400, 'invalid_request', 'labels.a'],
  [{ labels: [] }, 400, 'invalid_request', 'labels'],
  [
    { labels: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`l${i}`, 'x'])) },
    ...([400, 'invalid_request', 'labels'] as const),
  ],
  [{ description: 'x'.repeat(1001) }, 400, 'invalid_request', 'description'],
  [{ onExpire: 'explode' }, 400, 'invalid_request', 'onExpire'],
  [{ state: 'closed' }, 400, 'invalid_request', 'state'],
  [{ state: 'drained', reason: 'x' }, 400, 'invalid_request', 'state'],
  [{ state: 'frozen' }, 422, 'reason_required', 'reason'],
  [{ state: 'frozen', reason: '' }, 422, 'reason_required', 'reason'],
  [{ reason: 'x' }, 400, 'invalid_request', 'state'],
  [{ state: 'frozen', reason: 'x', until: 'tomorrow' }, 400, 'invalid_request', 'until'],
  [{ state: 'frozen', reason: 'x', until: '2026-02-30T99:00:00Z' }, 400, 'invalid_request', 'until'],
  [{ state: 'frozen', reason: 'x', until: 5 }, 400, 'invalid_request', 'until'],
  [{ ttlSeconds: 0.5 }, 422, 'invalid_duration', 'ttlSeconds'],
  [{ name: 'y' }, 400, 'unknown_field', 'name'],
];

describe('PUT /v1/environments/{name}', () => {
  test.each(environments)('%j: %s %s %s', async (body, status, code, field) => {
    const { call } = await start();
    const reply = await call('PUT', '/v1/environments/x', { body });
    expect([reply.status, reply.json.code, reply.json.field]).toEqual([status, code, field]);
    isSentence(reply.json.detail);
    expect(await call('GET', '/v1/environments/x')).toMatchObject({ status: 404 });
  });
});

describe('paths', () => {
  test.each([
    ['/v1/environments/%', 400, 'malformed_request'],
    ['/v1/environments/%zz', 400, 'malformed_request'],
    ['/v1/environments/%C0%AF', 400, 'malformed_request'],
    ['/v1/environments/%ED%A0%80', 400, 'malformed_request'],
    ['/v1/environments/%00', 422, 'invalid_name'],
    ['/v1/environments/a%0d%0aX:1', 422, 'invalid_name'],
    ['/v1/environments/..', 404, 'environment_unknown'],
    ['/v1/environments/%2e%2e%2fkeys', 404, 'environment_unknown'],
    ['/v1/environments/../keys', 404, 'unknown_route'],
    ['/v1/environments/', 422, 'invalid_name'],
    ['/v1//environments', 404, 'unknown_route'],
    ['/../../etc/passwd', 404, 'unknown_route'],
    ['/docs/../../package.json', 404, 'unknown_route'],
    ['/docs/..%2f..%2fpackage.json', 404, 'unknown_route'],
    ['/docs/%2e%2e%2fpackage.json', 404, 'unknown_route'],
    ['/docs/swagger-ui.css%00.html', 404, 'unknown_route'],
    ['/%00', 404, 'unknown_route'],
    ['/%2e%2e/', 404, 'unknown_route'],
    ['/v1/leases/..%2f..', 404, 'lease_unknown'],
    [`/v1/leases/${'x'.repeat(101)}`, 400, 'invalid_request'],
    [`/${'x'.repeat(10_000)}`, 404, 'unknown_route'],
    ['*', 400, 'malformed_request'],
    ['http://localhost/healthz', 400, 'malformed_request'],
  ])('%.60s: %s %s', async (path, status, code) => {
    // Keys at the root are what else a path there may be: root-key.test.ts.
    const server = await start({ rendezvous: false });
    const answer = await rawRequest(server, [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close']);
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    const json = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
    expect(json.code).toBe(code);
    isSentence(json.detail);
    expect(answer.length).toBeLessThan(2_000);
    expect(answer).not.toMatch(/node_modules|\/src\/|\.ts:\d/);
  });
});

describe('text of others in headers', () => {
  test.each([
    ['a\r\nX-Injected: 1', 'a%0D%0AX-Injected: 1'],
    ['Ärger & 日本', '%C3%84rger & %E6%97%A5%E6%9C%AC'],
    ['\u0000\u007f\u2028', '%00%7F%E2%80%A8'],
    ['😀'.repeat(100), null],
    [`${'x'.repeat(199)}😀`, null],
  ])('the holder %j', async (name, shown) => {
    const server = await start();
    await server.call('GET', `/start?name=${encodeURIComponent(name)}`);
    const answer = await rawRequest(server, ['GET /start HTTP/1.1', 'Host: localhost', 'Connection: close']);
    const [head = '', content] = answer.split('\r\n\r\n');
    expect(content).toBe('0');
    const names = head
      .split('\r\n')
      .slice(1)
      .map((line) => line.split(':')[0]?.toLowerCase());
    expect(names).not.toContain('x-injected');
    expect(new Set(names).size).toBe(names.length);
    const holder = /^signalbox-holder: (.*)$/im.exec(head)?.[1];
    expect(holder).toMatch(/^[\x20-\x7e]*$/);
    if (shown !== null) expect(holder).toBe(shown);
  });

  test('Location and Allow carry nothing of what was sent', async () => {
    const { call } = await start();
    const reply = await call('POST', '/v1/leases', {
      body: { environment: 'a%0d%0aX: 1', holder: { name: 'x\r\ny' } },
    });
    expect(reply.headers.get('location')).toMatch(/^\/v1\/leases\/ls_\w+$/);
    expect(reply.json.holder.name).toBe('x\r\ny');
  });
});
