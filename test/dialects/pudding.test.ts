// The dialect of pudding, row by row: who may, the server itself, instances, images. Builds are in pudding-builds.test.ts.

import { describe, expect, test } from 'vitest';
import { start as startProgram } from '../cli/process.ts';
import { eventually } from '../eventually.ts';
import { admin, raw, rawRequest, start } from '../http/server.ts';
import { type PuddingServer, startWithMachines } from './pudding-server.ts';

const keyed = () => start({ adminKeys: [admin] });
const type = 'application/vnd.api+json';
const details = (text: string) => ({ errors: [{ details: expect.stringContaining(text) }] });

/** Every row, without what a body would say. */
const rows = [
  ...['DELETE /', 'POST /kaboom', 'GET /instances', 'GET /instances/i-1', 'DELETE /instances/i-1'],
  ...['POST /instance-builds', 'GET /instance-builds/b', 'PATCH /instance-builds/b', 'GET /images'],
].map((row) => row.split(' ') as [string, string]);

describe.each(rows)('%s %s', (method, path) => {
  test('without a key is 401 NO, and says which header is missed', async () => {
    const { call } = await keyed();
    const reply = await call(method, path);
    expect(reply).toMatchObject({ status: 401, text: 'NO' });
    expect(reply.headers.get('www-authenticate')).toBe('token');
  });

  test('with a wrong key is 403 NO, however it is sent', async () => {
    const { call } = await keyed();
    for (const headers of [
      ...[{ authorization: 'token x' }, { authorization: 'token=x' }, { authorization: 'x' }],
      ...[{ authorization: 'Bearer sbx_a_b' }, { 'x-api-key': 'x' }],
    ] as Record<string, string>[])
      expect(await call(method, path, { headers })).toMatchObject({ status: 403, text: 'NO' });
  });

  test('with a key that may nothing here is 403, and says what it needs', async () => {
    const { as, makeKey } = await startWithMachines();
    const scope = path === '/' || path === '/kaboom' ? 'admin' : (needed[method] as string);
    const token = await makeKey(['acquire', 'signal', 'probe']);
    const reply = await as(method, path, { token });
    expect(reply).toMatchObject({ status: 403, json: details(scope) });
    expect(reply.headers.get('content-type')).toBe(type);
  });
});
const needed: Record<string, string> = { GET: 'read', POST: 'build', PATCH: 'build', DELETE: 'terminate' };

test('a key is taken in each way of sending it', async () => {
  const { call } = await keyed();
  for (const headers of [
    ...[{ authorization: `token ${admin.key}` }, { authorization: `token=${admin.key}` }],
    ...[
      { authorization: `Token   ${admin.key}` },
      { authorization: `Bearer ${admin.key}` },
      { 'x-api-key': admin.key },
    ],
  ] as Record<string, string>[]) {
    const reply = await call('GET', '/instances', { headers });
    expect(reply).toMatchObject({ status: 200, json: { instances: [] } });
    expect(reply.headers.get('content-type')).toBe(type);
  }
});

test('too many wrong keys are 429, as a list of errors, and say when to come back', async () => {
  const { call } = await keyed();
  const headers = { authorization: 'token x' };
  for (let i = 0; i < 10; i++) expect((await call('GET', '/images', { headers })).status).toBe(403);
  const reply = await call('GET', '/images', { headers });
  expect(reply).toMatchObject({ status: 429, json: details('Too many wrong keys') });
  expect(reply.headers.get('retry-after')).toBe('60');
});

test('a wrong key is told before the body has come', async () => {
  const server = await keyed();
  const connection = await raw(
    server,
    'POST /instance-builds HTTP/1.1\r\nHost: x\r\nAuthorization: token x\r\nContent-Length: 100\r\n\r\n',
  );
  expect(await connection.until('NO')).toMatch(/^HTTP\/1\.1 403 /);
});

describe('without any key configured', () => {
  test('whoever is on this machine may do what keys may, but for stopping the server', async () => {
    const { call, build } = await startWithMachines({ adminKeys: [] });
    expect(await call('GET', '/instances')).toMatchObject({ status: 200 });
    expect(await build()).toMatchObject({ status: 202 });
    expect(await call('DELETE', '/')).toMatchObject({ status: 401, json: details('none is configured') });
    expect(await call('GET', '/healthz')).toMatchObject({ status: 200 });
  });

  test.each(rows)('what a page of another site makes a browser send is refused: %s %s', async (method, path) => {
    const server = await startWithMachines({ adminKeys: [] });
    for (const header of ['Origin: http://evil.example', 'Sec-Fetch-Site: cross-site', 'Host: evil.example']) {
      const host = header.startsWith('Host') ? [] : ['Host: localhost'];
      const answer = await rawRequest(server, [
        ...[`${method} ${path} HTTP/1.1`, ...host, header, 'Content-Type: text/plain'],
        ...['Content-Length: 0', 'Connection: close'],
      ]);
      expect([header, answer.split('\r\n')[0]]).toEqual([header, 'HTTP/1.1 403 Forbidden']);
      expect(answer).toContain('{"errors":[{"details":"');
    }
  });
});

test('what is open to everybody needs no key, and the rest is 401 NO', async () => {
  const { call } = await startWithMachines({ anonymous: ['read'] });
  expect(await call('GET', '/instances')).toMatchObject({ status: 200 });
  expect(await call('GET', '/images')).toMatchObject({ status: 200 });
  expect(await call('DELETE', '/instances/i-1')).toMatchObject({ status: 401, text: 'NO' });
  expect(await call('POST', '/instance-builds')).toMatchObject({ status: 401, text: 'NO' });
  expect(await call('POST', '/kaboom')).toMatchObject({ status: 401, text: 'NO' });
});

test('DELETE / needs a key even where everybody is an admin', async () => {
  const { call } = await start({ adminKeys: [admin], anonymous: ['admin'] });
  expect(await call('DELETE', '/')).toMatchObject({ status: 401, text: 'NO' });
});

describe('DELETE /', () => {
  test('stops the server as TERM does: who waits is answered, and it ends with 0', async () => {
    const program = startProgram('signalbox', ['serve', '--json', '--port', '0', '--store', 'memory:'], {
      API_KEY: admin.key,
    });
    await program.says(/"keysOn":.*\n/);
    const url = /"url":"([^"]+)"/.exec(program.stdout())?.[1] as string;
    const headers = { authorization: `token ${admin.key}` };
    const metric = async (): Promise<void> => {
      expect(await (await fetch(`${url}/metrics`, { headers })).text()).toContain('signalbox_waits{space="main"} 1\n');
    };
    const waiter = fetch(`${url}/a-key?timeout=600`, { headers });
    await eventually(metric);
    const reply = await fetch(url, { method: 'DELETE', headers });
    expect(reply.status).toBe(204);
    expect((await waiter).status).toBe(503);
    expect(await program.ended).toMatchObject({ code: 0, signal: null });
  });

  test('is in the history before it is answered', async () => {
    const { as, makeKey } = await startWithMachines();
    const token = await makeKey(['admin'], { name: 'the night shift' });
    expect(await as('DELETE', '/', { token })).toMatchObject({ status: 204, text: '' });
    const { json } = await as('GET', '/v1/events?kind=server.stopping');
    expect(json.items).toMatchObject([{ subject: 'signalbox', actor: 'the night shift' }]);
  });

  test('and POST /kaboom are for admins of main alone: those of a team do not run the server', async () => {
    const { as, call } = await startWithMachines();
    const token = await teamKey({ as }, ['admin']);
    expect(await as('DELETE', '/', { token })).toMatchObject({ status: 403, json: details('main') });
    expect(await as('POST', '/kaboom', { token })).toMatchObject({ status: 403, json: details('main') });
    expect(await call('GET', '/healthz')).toMatchObject({ status: 200 });
  });
});

test('POST /kaboom is a mistake of ours, counted and survived, and says nothing of the inside', async () => {
  const { as } = await startWithMachines();
  const reply = await as('POST', '/kaboom');
  expect(reply).toMatchObject({ status: 500, json: details('mistake of ours') });
  expect(reply.text).not.toMatch(/kaboom|\.ts|at /);
  expect(reply.headers.get('content-type')).toBe(type);
  const { text } = await as('GET', '/metrics');
  expect(text).toContain('signalbox_problems_total{code="internal"} 1\n');
  expect(text).toContain('signalbox_requests_total{route="POST /kaboom",status="500"} 1\n');
});

describe('instances', () => {
  test('are shown as the driver knows them, with what their build was asked for', async () => {
    const { as, build, machines } = await startWithMachines();
    const { json } = await build({ id: 'one', role: 'web', name_template: '{{.Site}}-{{ .Env }}-web' });
    expect(json.instance_builds[0].id).toBe('one');
    const [id] = await machines('one', 1);
    const shown = {
      ...{ name: 'org-staging-web', id, instance_type: 'c3.real', image_id: 'ami-real' },
      ...{ ip: '192.0.2.7', private_ip: '10.0.0.7', launch_time: '2026-01-02T03:04:05.000Z' },
      ...{ queue: 'docker', env: 'staging', site: 'org', role: 'web' },
    };
    expect((await as('GET', '/instances')).json).toEqual({ instances: [shown] });
    expect((await as('GET', `/instances/${id}`)).json).toEqual({ instances: [shown] });
  });

  test('that are not there are an empty list', async () => {
    const { as } = await startWithMachines();
    expect(await as('GET', '/instances/i-nowhere')).toMatchObject({ status: 200, json: { instances: [] } });
  });

  test('are narrowed down by env, site, role and queue; an empty one narrows nothing', async () => {
    const { as, build, machines } = await startWithMachines();
    await build({ id: 'a', env: 'staging', site: 'org', role: 'web', queue: 'x' });
    await build({ id: 'b', env: 'production', site: 'com', queue: 'x' });
    const [[a], [b]] = [await machines('a', 1), await machines('b', 1)];
    for (const [query, found] of [
      ...([
        ['env=staging', [a]],
        ['site=com', [b]],
        ['role=web', [a]],
        ['role=worker', [b]],
      ] as const),
      ...([
        ['queue=x', [a, b]],
        ['queue=x&env=production', [b]],
        ['env=staging&site=com', []],
      ] as const),
      ...([
        ['env=', [a, b]],
        ['env=staging&env=production', [a]],
        ['other=1', [a, b]],
        ['env=nothing', []],
      ] as const),
    ]) {
      const { json } = await as('GET', `/instances?${query}`);
      const ids = json.instances.map(({ id }: { id: string }) => id);
      expect([query, ids.toSorted()]).toEqual([query, [...found].toSorted()]);
    }
  });

  test('DELETE ends one, says so in the history, and leaves the others', async () => {
    const { as, build, machines, makeKey, there } = await startWithMachines();
    await build({ id: 'two', count: 2 });
    const [first, second] = await machines('two', 2);
    const token = await makeKey(['terminate'], { name: 'the reaper' });
    const reply = await as('DELETE', `/instances/${first}?slack-channel=general`, { token });
    expect(reply).toMatchObject({ status: 202, json: { ok: 'working on that' } });
    expect(reply.headers.get('content-type')).toBe(type);
    await eventually(async () => {
      const { json } = await as('GET', '/instances');
      expect(json.instances).toMatchObject([{ id: second }]);
    });
    expect(there()).toEqual([second]);
    const { json } = await as('GET', `/v1/events?kind=instance.ending`);
    expect(json.items).toMatchObject([{ subject: first, actor: 'the reaper' }]);
    expect(await as('DELETE', `/instances/${first}`, { token })).toMatchObject({ status: 404 });
  });

  test('DELETE of one that is not there is 404, with words', async () => {
    const { as } = await startWithMachines();
    const reply = await as('DELETE', '/instances/i-nowhere?slack-channel=general');
    expect(reply).toMatchObject({ status: 404, json: details('no machine i-nowhere') });
    expect(await as('DELETE', `/instances/i-1?slack-channel=${'x'.repeat(201)}`)).toMatchObject({ status: 400 });
  });
});

describe('images', () => {
  const withImages = async (): Promise<PuddingServer> => {
    const server = await startWithMachines();
    for (const [id, body] of [
      ['ami-1', { role: 'web', name: 'first', active: true }],
      ['ami-2', { role: 'web', active: false }],
      ['ami-3', { role: 'worker', active: true }],
    ] as const)
      expect((await server.as('PUT', `/v1/images/${id}`, { body })).status).toBeLessThan(300);
    return server;
  };

  test('are shown by both names of their id', async () => {
    const { as } = await withImages();
    const { json } = await as('GET', '/images');
    expect(json.images).toHaveLength(3);
    expect(json.images[0]).toEqual({
      ...{ ami: 'ami-1', image_id: 'ami-1', active: true, role: 'web', name: 'first', state: 'available' },
    });
  });

  test.each([
    ['active', ['ami-1', 'ami-3']],
    ['active=true', ['ami-1', 'ami-3']],
    ['active=1&role=web', ['ami-1']],
    ['active=false', ['ami-2']],
    ['role=web', ['ami-1', 'ami-2']],
    ['role=', ['ami-1', 'ami-2', 'ami-3']],
    ['role=none', []],
  ])('?%s: %j', async (query, ids) => {
    const { as } = await withImages();
    const { json } = await as('GET', `/images?${query}`);
    expect(json.images.map(({ ami }: { ami: string }) => ami)).toEqual(ids);
  });

  test('?active=perhaps is 400', async () => {
    const { as } = await withImages();
    expect(await as('GET', '/images?active=perhaps')).toMatchObject({ status: 400, json: details('true or false') });
  });
});

test('a key of another space sees and ends nothing here', async () => {
  const server = await startWithMachines();
  const { as, build, machines, there } = server;
  await build({ id: 'one' });
  const [id] = await machines('one', 1);
  const token = await teamKey(server, ['read', 'build', 'terminate']);
  expect(await as('GET', '/instances', { token })).toMatchObject({ json: { instances: [] } });
  expect(await as('GET', `/instances/${id}`, { token })).toMatchObject({ json: { instances: [] } });
  expect(await as('DELETE', `/instances/${id}`, { token })).toMatchObject({ status: 404 });
  expect(await as('GET', '/instance-builds/one', { token })).toMatchObject({ status: 404 });
  const rawBody = `state=finished&instance-id=${id}`;
  expect(await as('PATCH', '/instance-builds/one', { token, rawBody })).toMatchObject({ status: 404 });
  expect(await as('GET', '/instances', { token, headers: { 'signalbox-space': 'main' } })).toMatchObject({
    ...{ status: 403, json: details('acts in no other') },
  });
  expect(there()).toEqual([id]);
});

test('HEAD and OPTIONS change nothing', async () => {
  const { as, build, machines, there } = await startWithMachines();
  await build({ id: 'one' });
  const [id] = await machines('one', 1);
  const mark = async () => (await as('GET', '/v1/events?limit=1')).json.items[0].id;
  const before = await mark();
  for (const path of [
    '/',
    '/kaboom',
    '/instances',
    `/instances/${id}`,
    '/instance-builds',
    '/instance-builds/one',
    '/images',
  ])
    for (const method of ['HEAD', 'OPTIONS']) {
      const { status, text } = await as(method, path);
      expect([method, path, status < 500, method === 'HEAD' ? text : '']).toEqual([method, path, true, '']);
    }
  expect(await mark()).toEqual(before);
  expect(there()).toEqual([id]);
});

describe('in the words of this dialect', () => {
  test.each([
    ['/kaboom', ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], 'POST'],
    ['/instances', ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], 'GET, HEAD'],
    ['/instances/i-1', ['POST', 'PUT', 'PATCH', 'OPTIONS'], 'DELETE, GET, HEAD'],
    ['/instance-builds', ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], 'POST'],
    ['/instance-builds/b', ['POST', 'PUT', 'DELETE', 'OPTIONS'], 'GET, HEAD, PATCH'],
    ['/images', ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'], 'GET, HEAD'],
  ] as const)('other methods of %s are 405, with Allow', async (path, methods, allow) => {
    const { as } = await startWithMachines();
    for (const method of methods) {
      const reply = await as(method, path);
      expect([method, reply.status, reply.headers.get('allow')]).toEqual([method, 405, allow]);
      expect(reply.json).toEqual(details(`but ${allow} is`));
    }
  });

  test.each([
    ...[
      '/kaboom/x',
      '/instances/',
      '/instances/a/b',
      '/instance-builds/',
      '/instance-builds/a/b',
      '/images/',
      '/images/ami-1',
    ],
  ])('%s is 404, and no key of a rendezvous', async (path) => {
    const { as } = await startWithMachines();
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
      expect(await as(method, path)).toMatchObject({ status: 404, json: details('There is no /') });
    expect((await as('GET', '/v1/signals')).json.items).toEqual([]);
  });

  test('a path that is nearly right says which is', async () => {
    const { as } = await startWithMachines();
    expect((await as('GET', '/instances/')).json).toEqual(details('Did you mean /instances?'));
  });

  test('503 while the server stops or cannot reach its store says when to come back', async () => {
    const { FaultyLog, startOnLog } = await import('../http/on-log.ts');
    const log = new FaultyLog();
    const { call } = await startOnLog(log);
    log.isAway = true;
    const reply = await call('PATCH', '/instance-builds/b', { rawBody: 'state=finished&instance-id=i-1' });
    expect(reply).toMatchObject({ status: 503, json: details('cannot be reached') });
    expect(reply.headers.get('retry-after')).toBe('1');
  });
});

test('GET / is as it was', async () => {
  const { as } = await startWithMachines();
  expect(await as('GET', '/', { headers: { accept: 'application/json' } })).toMatchObject({ json: { ok: true } });
  expect((await as('GET', '/')).text).toMatch(/^Signalbox .*\n\nCurrently waiting/);
  expect(await as('PUT', '/')).toMatchObject({ status: 405 });
});

/** A key of a space of its own. */
async function teamKey({ as }: Pick<PuddingServer, 'as'>, scopes: string[]): Promise<string> {
  await as('PUT', '/v1/spaces/team-a', { body: {} });
  const headers = { 'signalbox-space': 'team-a' };
  return (await as('POST', '/v1/keys', { body: { name: 'of a team', scopes }, headers })).json.key;
}
