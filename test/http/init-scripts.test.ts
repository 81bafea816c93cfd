// Init scripts over HTTP: who may fetch which, until when, and that they come as they were written.

import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { included, type ScriptServer, startWithScripts, template } from './script-server.ts';
import { admin } from './server.ts';

const text = `#!/bin/sh\r\nprintf '%s %d' {{.Env}} \\n $1 $& {{ .InstanceBuildID }} {{.InstanceRSA}}  \nfür 漢字`;
const rsa = '-----BEGIN\n%s $& {{.Env}}\n-----END\n';
const written = (id: string) => `#!/bin/sh\r\nprintf '%s %d' staging \\n $1 $& ${id} ${rsa}  \nfür 漢字`;

const started = () => startWithScripts({ usual: template(text), values: { InstanceRSA: rsa } });
const fetched = ({ call }: ScriptServer, path: string, headers: Record<string, string> = {}, method = 'GET') =>
  call(method, path, { headers });
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

test('a machine fetches its script by its user data alone, byte for byte', async () => {
  const server = await started();
  const { id, userData } = await server.build();
  expect(userData).toMatch(new RegExp(`^#include http://main:[\\w-]{43}@127\\.0\\.0\\.1:\\d+/init-scripts/${id}\n$`));
  const { path, authorization } = included(userData);
  const reply = await fetched(server, path, { authorization });
  expect(reply).toMatchObject({ status: 200, text: written(id) });
  expect(reply.headers.get('content-type')).toBe('text/x-shellscript; charset=utf-8');
  expect(reply.headers.get('cache-control')).toBe('no-store');
});

test('as often as it asks, and HEAD says how long it is', async () => {
  const server = await started();
  const { id, userData } = await server.build();
  const { path, authorization } = included(userData);
  const head = await fetched(server, path, { authorization }, 'HEAD');
  expect([head.status, head.text]).toEqual([200, '']);
  expect(head.headers.get('content-length')).toBe(String(Buffer.byteLength(written(id))));
  for (let i = 0; i < 3; i++) expect((await fetched(server, path, { authorization })).text).toBe(written(id));
});

test('a key with the scope build may, in each way of sending it; others may not', async () => {
  const server = await started();
  const { id } = await server.build();
  const path = `/init-scripts/${id}`;
  const key = await server.makeKey(['build']);
  for (const headers of [
    { authorization: `token ${key}` },
    { authorization: `token=${key}` },
    { authorization: `Bearer ${key}` },
    { 'x-api-key': key },
  ] as Record<string, string>[])
    expect(await fetched(server, path, headers)).toMatchObject({ status: 200, text: written(id) });
  for (const scopes of [['read', 'acquire', 'terminate'], ['build:uat-*']]) {
    const other = await server.makeKey(scopes);
    expect(await fetched(server, path, { authorization: `token ${other}` })).toMatchObject({
      ...{ status: 403, json: { code: 'forbidden' } },
    });
  }
});

test('without any key it is 401 in the words of the older system, also where anybody may build', async () => {
  const server = await startWithScripts({ usual: template(text) }, { anonymous: ['build', 'read'] });
  const { id } = await server.build();
  const reply = await fetched(server, `/init-scripts/${id}`);
  expect(reply).toMatchObject({ status: 401, text: 'NO' });
  expect(reply.headers.get('www-authenticate')).toBe('token');
});

describe('a wrong secret', () => {
  test('says nothing of what there is: the same for another build, none, and no such space', async () => {
    const server = await started();
    const [mine, other] = [await server.build(), await server.build()];
    const { authorization } = included(mine.userData);
    const secret = Buffer.from(authorization.slice(6), 'base64').toString().split(':')[1] as string;
    const replies = [
      await fetched(server, `/init-scripts/${other.id}`, { authorization }),
      await fetched(server, '/init-scripts/none', { authorization }),
      await fetched(server, `/init-scripts/${mine.id}`, basic('main', `${secret}x`)),
      await fetched(server, `/init-scripts/${mine.id}`, basic('main', '')),
      await fetched(server, `/init-scripts/${mine.id}`, basic('no-such-space', secret)),
      await fetched(server, `/init-scripts/${mine.id}`, { authorization: 'Basic !' }),
      await fetched(server, `/init-scripts/${mine.id}`, { authorization: 'token wrong' }),
    ];
    for (const { status, text, headers } of replies)
      expect([status, text, headers.get('www-authenticate')]).toEqual([403, 'NO', null]);
  });

  test('is counted like a wrong key: 429 after too many, and a right one goes on', async () => {
    const server = await started();
    const { id, userData } = await server.build();
    const { path, authorization } = included(userData);
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) statuses.push((await fetched(server, path, basic('main', 'x'))).status);
    expect(statuses).toEqual([...Array(10).fill(403), 429, 429]);
    expect((await fetched(server, path, basic('nowhere', 'x'))).status).toBe(429);
    expect((await fetched(server, path, { authorization })).text).toBe(written(id));
  });

  test('opens nothing else: not the API, not a lease', async () => {
    const server = await started();
    const { userData } = await server.build();
    const { authorization } = included(userData);
    for (const path of ['/v1/instances', '/v1/jobs', '/v1/leases', '/v1/me', '/metrics'])
      expect([path, (await fetched(server, path, { authorization })).status]).toEqual([path, 401]);
  });

  test('is refused without any key configured as well', async () => {
    const server = await startWithScripts({ usual: template(text) }, { adminKeys: [] });
    const { id } = await server.build();
    expect((await fetched(server, `/init-scripts/${id}`)).status).toBe(200);
    expect((await fetched(server, `/init-scripts/${id}`, basic('main', 'x'))).status).toBe(403);
  });
});

describe('404', () => {
  const details = 'There is no init script of this build, or its time is over.';

  test('for a build that is not there', async () => {
    const server = await started();
    const reply = await fetched(server, '/init-scripts/none', { authorization: `token ${admin.key}` });
    expect(reply).toMatchObject({ status: 404, json: { errors: [{ details }] } });
    expect(reply.headers.get('content-type')).toBe('application/vnd.api+json');
  });

  test('once its time is over, for its secret and for a key', async () => {
    const server = await startWithScripts({ usual: template(text) }, { scriptSeconds: 0.001 });
    const { userData } = await server.build();
    const { path, authorization } = included(userData);
    const reply = await eventually(async () => {
      const tried = await fetched(server, path, { authorization });
      expect(tried.status).toBe(404);
      return tried;
    });
    expect(reply.json).toEqual({ errors: [{ details }] });
    expect((await fetched(server, path, { authorization: `token ${admin.key}` })).status).toBe(404);
  });

  test('for a build that no template is for: its machines get no user data', async () => {
    const server = await startWithScripts({ roles: new Map([['web', template(text)]]) });
    const { id, userData } = await server.build();
    expect(userData).toBeNull();
    expect((await fetched(server, `/init-scripts/${id}`, { authorization: `token ${admin.key}` })).status).toBe(404);
  });
});

test('the user of the address says of which space it is', async () => {
  const server = await started();
  const { call } = server;
  await call('PUT', '/v1/spaces/team-a', { body: {}, key: admin.key });
  const headers = { 'signalbox-space': 'team-a' };
  const body = { name: 'a', scopes: ['admin'] };
  const { key } = (await call('POST', '/v1/keys', { body, key: admin.key, headers })).json;
  const { id, userData } = await server.build({}, key);
  const { path, authorization } = included(userData);
  expect(Buffer.from(authorization.slice(6), 'base64').toString()).toMatch(/^team-a:/);
  expect((await fetched(server, path, { authorization })).text).toBe(written(id));
  const secret = Buffer.from(authorization.slice(6), 'base64').toString().slice('team-a:'.length);
  expect((await fetched(server, path, basic('main', secret))).status).toBe(403);
  // The admin of `main` has to say so.
  expect((await fetched(server, path, { authorization: `token ${admin.key}` })).status).toBe(404);
  expect((await fetched(server, path, { authorization: `token ${admin.key}`, ...headers })).status).toBe(200);
});

test('other methods and paths near it are no keys', async () => {
  const { call } = await started();
  expect((await call('PUT', '/init-scripts/x', { key: admin.key })).status).toBe(405);
  for (const path of ['/init-scripts', '/init-scripts/a/b'])
    expect((await call('GET', path, { key: admin.key })).status).toBe(404);
});
