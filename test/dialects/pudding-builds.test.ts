// The dialect of pudding: instance builds, from the body that its document shows to the machines that say they are ready.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { included, startWithScripts, template } from '../http/script-server.ts';
import { admin, rawRequest, start } from '../http/server.ts';
import { type PuddingServer, spec, startWithMachines } from './pudding-server.ts';

const type = 'application/vnd.api+json';
const errors = (...details: string[]) => ({ errors: details.map((each) => ({ details: each })) });
const blank = ['site', 'env', 'queue', 'instance_type'].map((name) => `empty "${name}" param`);
const noBuild = 'The body is no JSON object with one object "instance_builds".';

const post = ({ as }: PuddingServer, rawBody: string, headers: Record<string, string> = {}) =>
  as('POST', '/instance-builds', { rawBody, headers });
const finish = ({ as }: PuddingServer, id: string, machine: string, more = '') =>
  as('PATCH', `/instance-builds/${id}`, {
    rawBody: `state=finished&instance-id=${machine}${more}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
const stateOf = async ({ as }: PuddingServer, id: string): Promise<string> =>
  (await as('GET', `/instance-builds/${id}`)).json.instance_builds[0].state;

test("the document's own body gives four machines, which finish the build, and end one by one", async () => {
  const server = await startWithMachines();
  const { as, machines, there } = server;
  const body = {
    instance_builds: { site: 'org', env: 'staging', instance_type: 'c3.2xlarge', count: 4, queue: 'docker' },
  };
  const asked = await as('POST', '/instance-builds?slack-channel=general', { body });
  expect(asked.status).toBe(202);
  expect(asked.headers.get('content-type')).toBe(type);
  const { id } = asked.json.instance_builds[0];
  expect(asked.json).toEqual({
    instance_builds: [
      {
        ...body.instance_builds,
        role: 'worker',
        slack_channel: 'general',
        state: 'pending',
        id,
        href: `/instance-builds/${id}`,
      },
    ],
  });
  const made = await machines(id, 4);
  expect(new Set(made)).toEqual(new Set(there()));
  await eventually(async () => expect(await stateOf(server, id)).toBe('started'));
  for (const [i, machine] of made.entries()) {
    const reply = await finish(server, id, machine, '&slack-channel=general');
    expect(reply).toMatchObject({ status: 200, json: { sure: 'why not' } });
    expect(reply.headers.get('content-type')).toBe(type);
    expect(await stateOf(server, id)).toBe(i === 3 ? 'finished' : 'started');
  }
  expect(await as('DELETE', `/instances/${made[0]}`)).toMatchObject({ status: 202 });
  await eventually(async () => {
    const { json } = await as('GET', '/instances?env=staging');
    expect(json.instances).toHaveLength(3);
  });
  expect(new Set(there())).toEqual(new Set(made.slice(1)));
});

test('a build is one of /v1, with all that was asked for, and who asked is in the history', async () => {
  const { as, makeKey } = await startWithMachines();
  const token = await makeKey(['build'], { name: 'the old script' });
  const asked = {
    ...{ ...spec, id: 'one', role: 'web', ami: 'ami-1', name_template: '{{.Site}}-{{.InstanceID}}' },
    ...{ subnet_id: 'subnet-1', security_group_id: 'sg-1', state: 'pending' },
  };
  const reply = await as('POST', '/instance-builds?slack-channel=ops', { token, body: { instance_builds: asked } });
  expect(reply.json.instance_builds).toEqual([{ ...asked, slack_channel: 'ops', href: '/instance-builds/one' }]);
  expect((await as('GET', '/v1/instance-builds/one')).json).toMatchObject({
    ...{ site: 'org', env: 'staging', queue: 'docker', role: 'web', instanceType: 'c3.2xlarge', count: 1 },
    ...{ image: 'ami-1', nameTemplate: '{{.Site}}-{{.InstanceID}}', subnet: 'subnet-1', securityGroup: 'sg-1' },
    ...{ slackChannel: 'ops', by: 'the old script' },
  });
  const { json } = await as('GET', '/v1/events?kind=build.asked');
  expect(json.items).toMatchObject([{ subject: 'one', actor: 'the old script' }]);
});

test('one of /v1 is shown here too, and one that is not there is 404', async () => {
  const server = await startWithMachines();
  const { as, machines } = server;
  const body = { id: 'v1', site: 'org', env: 'staging', queue: 'docker', instanceType: 't3' };
  expect((await as('POST', '/v1/instance-builds', { body })).status).toBe(202);
  await machines('v1', 1);
  expect((await as('GET', '/instance-builds/v1')).json.instance_builds).toMatchObject([
    { id: 'v1', instance_type: 't3' },
  ]);
  expect(await as('GET', '/instance-builds/none')).toMatchObject({
    status: 404,
    json: errors('There is no build none.'),
  });
});

test('the same id again, many times at once, is the same build, however it has got on', async () => {
  const { build, machines, there, as } = await startWithMachines();
  const replies = await Promise.all(Array.from({ length: 10 }, () => build({ id: 'one', count: 2 })));
  for (const { status, json } of replies)
    expect([status, json.instance_builds[0].id, json.instance_builds.length]).toEqual([202, 'one', 1]);
  await machines('one', 2);
  await eventually(async () =>
    expect((await build({ id: 'one', count: 5 })).json.instance_builds[0].state).toBe('started'),
  );
  expect((await build({ id: 'one', count: 5 })).json.instance_builds).toMatchObject([{ count: 2 }]);
  expect(there()).toHaveLength(2);
  expect((await as('GET', '/v1/instance-builds')).json.items).toHaveLength(1);
});

test.each([
  ['application/json', { 'content-type': 'application/json' }],
  ['application/json; charset=utf-8', { 'content-type': 'application/json; charset=utf-8' }],
  ['its own', { 'content-type': type }],
  ['that of a form, as curl -d says', { 'content-type': 'application/x-www-form-urlencoded' }],
  ['one that is none', { 'content-type': 'x' }],
] as const)('a body is read whatever type it has: %s', async (_name, headers) => {
  const server = await startWithMachines();
  expect(await post(server, JSON.stringify({ instance_builds: spec }), headers)).toMatchObject({ status: 202 });
});

test('a body is read without a type too', async () => {
  const server = await startWithMachines();
  const body = JSON.stringify({ instance_builds: spec });
  const answer = await rawRequest(
    server,
    [
      ...['POST /instance-builds HTTP/1.1', 'Host: x', `Authorization: token ${admin.key}`],
      ...[`Content-Length: ${body.length}`, 'Connection: close'],
    ],
    body,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 202 /);
});

describe('400', () => {
  test.each([
    ['', [noBuild]],
    ['{', [noBuild]],
    ['state=finished', [noBuild]],
    ['null', [noBuild]],
    ['{}', [noBuild]],
    ['[]', [noBuild]],
    ['"instance_builds"', [noBuild]],
    ['{"instance_builds":null}', [noBuild]],
    ['{"instance_builds":[]}', [noBuild]],
    [`{"instance_builds":[${JSON.stringify(spec)}]}`, [noBuild]],
    [`{"instance_builds":[${JSON.stringify(spec)},${JSON.stringify(spec)}]}`, [noBuild]],
    ['{"instance_builds":"x"}', [noBuild]],
    ['{"instance_builds":1}', [noBuild]],
    ['{"__proto__":{"instance_builds":{}}}', [noBuild]],
    ['{"instance_builds":{}}', [...blank, 'count must be more than 0']],
    [
      '{"instance_builds":{"state":"running","count":0}}',
      [...blank, 'state must be pending, started, or finished', 'count must be more than 0'],
    ],
    ['{"instance_builds":{"__proto__":{"site":"org"}}}', [...blank, 'count must be more than 0']],
  ] as const)('for %s', async (body, faults) => {
    const server = await startWithMachines();
    const reply = await post(server, body);
    expect([reply.status, reply.json]).toEqual([400, errors(...faults)]);
    expect(reply.headers.get('content-type')).toBe(type);
  });

  test.each([
    [{ site: '' }, ['empty "site" param']],
    [{ env: '  ' }, ['empty "env" param']],
    [{ queue: null }, ['empty "queue" param']],
    [{ instance_type: undefined }, ['empty "instance_type" param']],
    [{ site: 1 }, ['"site" must be a string']],
    [{ env: {} }, ['"env" must be a string']],
    [{ role: 1 }, ['"role" must be a string']],
    [{ ami: ['ami-1'] }, ['"ami" must be a string']],
    [{ id: 7 }, ['"id" must be a string']],
    [{ count: 0 }, ['count must be more than 0']],
    [{ count: -1 }, ['count must be more than 0']],
    [{ count: undefined }, ['count must be more than 0']],
    [{ count: null }, ['count must be more than 0']],
    [{ count: '4' }, ['count must be a whole number']],
    [{ count: 1.5 }, ['count must be a whole number']],
    [{ count: 101 }, ['count must be at most 100']],
    [{ state: 'failed' }, ['state must be pending, started, or finished']],
    [{ state: 1 }, ['state must be pending, started, or finished']],
    [{ id: 'a/b' }, ['id must have letters, digits, . _ and -, at most 100']],
    [{ site: 'x'.repeat(201) }, ['"site" must have at most 200 characters']],
    [{ name_template: '{{.Nothing}}' }, [expect.stringContaining('name_template: line 1: {{.Nothing}}')]],
    [
      { queue: '', count: 0, state: 'x', site: '', name_template: '{{', id: '/', role: 1 },
      [
        ...['empty "site" param', 'empty "queue" param', 'state must be pending, started, or finished'],
        ...['count must be more than 0', expect.stringContaining('name_template'), '"role" must be a string'],
        'id must have letters, digits, . _ and -, at most 100',
      ],
    ],
  ] as [object, string[]][])('for %j', async (wrong, faults) => {
    const { build, as } = await startWithMachines();
    const reply = await build(wrong);
    expect([reply.status, reply.json]).toEqual([400, errors(...faults)]);
    expect((await as('GET', '/v1/instance-builds')).json.items).toEqual([]);
  });

  test('for a channel that is none', async () => {
    const { build } = await startWithMachines();
    expect((await build({}, `?slack-channel=${'x'.repeat(201)}`)).status).toBe(400);
    expect((await build({}, '?slack-channel=a%0Ab')).status).toBe(400);
  });
});

test.each([
  [{ state: '' }],
  [{ state: null }],
  [{ state: 'finished' }],
  [{ role: '', ami: '', id: '', name_template: '', subnet_id: null }],
  [{ boot_instance: true, other: {} }],
])('what does not matter is let through: %j', async (more) => {
  const { build } = await startWithMachines();
  expect(await build(more)).toMatchObject({
    status: 202,
    json: { instance_builds: [{ state: 'pending', role: 'worker' }] },
  });
});

test('a body of more than 64 KiB is 413 in the words of this dialect', async () => {
  const server = await startWithMachines();
  const reply = await post(server, `{"instance_builds":{"site":"${'x'.repeat(70_000)}"}}`);
  expect(reply).toMatchObject({
    status: 413,
    json: errors('The body is larger than 64 KiB (72 KiB where a signal is set).'),
  });
});

test('a server without a driver says so, once what is asked for is right', async () => {
  const { call } = await start({ adminKeys: [admin] });
  const key = admin.key;
  expect(await call('POST', '/instance-builds', { key, body: { instance_builds: spec } })).toMatchObject({
    ...{
      status: 409,
      json: errors('This server has no driver (--driver command:PATH or ec2), so nobody would make machines.'),
    },
  });
  expect(await call('POST', '/instance-builds', { key, body: {} })).toMatchObject({ status: 400 });
});

test('one that fails is failed, with its reason', async () => {
  const server = await startWithMachines({ driver: { kind: 'command', program: '/bin/false' } });
  await server.build({ id: 'one' });
  await eventually(async () => expect(await stateOf(server, 'one')).toBe('failed'));
  const { json } = await server.as('GET', '/instance-builds/one');
  expect(json.instance_builds).toMatchObject([{ state: 'failed', reason: expect.any(String), instances: [] }]);
});

describe('PATCH', () => {
  const built = async () => {
    const server = await startWithMachines();
    await server.build({ id: 'one' });
    const [machine] = await server.machines('one', 1);
    return { ...server, machine: machine as string };
  };

  test.each([
    'state=started',
    'state=',
    '',
    'instance-id=i-1',
    'state=Finished',
    'x',
    '%zz=%',
    '\u0000',
  ])('with another state is nothing: %j', async (rawBody) => {
    const { as } = await built();
    expect(await as('PATCH', '/instance-builds/one', { rawBody })).toMatchObject({ status: 200, json: { no: 'op' } });
    expect(await as('PATCH', '/instance-builds/none', { rawBody })).toMatchObject({ status: 200, json: { no: 'op' } });
  });

  test('twice is once', async () => {
    const server = await built();
    for (let i = 0; i < 2; i++) expect(await finish(server, 'one', server.machine)).toMatchObject({ status: 200 });
    expect((await server.as('GET', '/v1/events?kind=instance.ready')).json.items).toHaveLength(1);
  });

  test('of a build or machine that is not there is 404, and without a machine 400', async () => {
    const server = await built();
    const { as, machine } = server;
    expect(await finish(server, 'none', machine)).toMatchObject({ status: 404, json: { errors: [{}] } });
    expect(await finish(server, 'one', 'i-none')).toMatchObject({ status: 404, json: { errors: [{}] } });
    const rawBody = 'state=finished';
    expect(await as('PATCH', '/instance-builds/one', { rawBody })).toMatchObject({
      ...{ status: 400, json: errors('empty "instance-id" param') },
    });
    expect((await as('GET', '/v1/events?kind=instance.ready')).json.items).toEqual([]);
  });

  test.each([
    ['a form without a type', (id: string) => ({ rawBody: `state=finished&instance-id=${id}` })],
    ['the query', (id: string) => ({ query: `?state=finished&instance-id=${id}` })],
    ['JSON', (id: string) => ({ body: { state: 'finished', 'instance-id': id, 'slack-channel': 'general' } })],
    ['the first of two', (id: string) => ({ rawBody: `state=finished&state=x&instance-id=${id}&instance-id=i-0` })],
    ['a form before the query', (id: string) => ({ rawBody: `state=finished&instance-id=${id}`, query: '?state=x' })],
  ] as [
    string,
    (id: string) => { rawBody?: string; body?: object; query?: string },
  ][])('reads %s', async (_name, made) => {
    const { as, machine } = await built();
    const { query = '', ...sent } = made(machine);
    expect(await as('PATCH', `/instance-builds/one${query}`, sent)).toMatchObject({
      status: 200,
      json: { sure: 'why not' },
    });
  });

  test('of a machine that its driver has not named yet is answered once it has', async () => {
    const server = await startWithMachines();
    server.close();
    await server.build({ id: 'one' });
    const machine = await eventually(() => {
      const [id] = server.there();
      if (id === undefined) throw new Error('no machine yet');
      return id;
    });
    expect(await stateOf(server, 'one')).toBe('pending');
    const reported = finish(server, 'one', machine);
    // An answer to this one, on the way after it, says that the other has come to wait.
    expect(await finish(server, 'none', machine)).toMatchObject({ status: 404 });
    server.open();
    expect(await reported).toMatchObject({ status: 200, json: { sure: 'why not' } });
    await eventually(async () => expect(await stateOf(server, 'one')).toBe('finished'));
  });

  test('is for the secret of the build too, and for that build alone', async () => {
    const server = await startWithScripts({ usual: template('#!/bin/sh\n') });
    const [mine, other] = [await server.build(), await server.build()];
    const { authorization } = included(mine.userData);
    const patch = (id: string, headers: Record<string, string>) =>
      server.call('PATCH', `/instance-builds/${id}`, { rawBody: `state=finished&instance-id=i-${id}`, headers });
    expect(await patch(mine.id, { authorization })).toMatchObject({ status: 200, json: { sure: 'why not' } });
    expect(await patch(other.id, { authorization })).toMatchObject({ status: 403, text: 'NO' });
    expect(await patch('none', { authorization })).toMatchObject({ status: 403, text: 'NO' });
    for (const [method, path] of [
      ...[
        ['GET', `/instance-builds/${mine.id}`],
        ['PUT', `/instance-builds/${mine.id}`],
        ['GET', '/instances'],
      ],
      ...[
        ['POST', '/instance-builds'],
        ['DELETE', `/instances/i-${mine.id}`],
        ['DELETE', '/'],
      ],
    ] as [string, string][])
      expect(await server.call(method, path, { headers: { authorization } })).toMatchObject({
        status: 403,
        text: 'NO',
      });
  });

  test('takes no secret but a right one where no key is configured', async () => {
    const server = await startWithScripts({ usual: template('#!/bin/sh\n') }, { adminKeys: [] });
    const { id } = await server.build();
    const headers = { authorization: `Basic ${Buffer.from('main:x').toString('base64')}` };
    const rawBody = `state=finished&instance-id=i-${id}`;
    expect(await server.call('PATCH', `/instance-builds/${id}`, { rawBody, headers })).toMatchObject({ status: 403 });
    expect(await server.call('PATCH', `/instance-builds/${id}`, { rawBody })).toMatchObject({ status: 200 });
  });
});

test('whatever is sent is answered, never as a mistake of ours', { timeout: 60_000 }, async () => {
  const server = await startWithMachines({ driver: null });
  const value = fc.oneof(
    fc.jsonValue(),
    fc.string(),
    fc.double(),
    fc.constantFrom('', 'pending', '{{.Site}}', '{{', 1, 0, -1),
  );
  const names = [
    ...Object.keys(spec),
    'role',
    'ami',
    'name_template',
    'id',
    'state',
    'subnet_id',
    'slack_channel',
    '__proto__',
  ];
  const build = fc.dictionary(fc.constantFrom(...names), value).map((more) => ({ ...more }));
  const bodies = fc.oneof(
    build.map((each) => JSON.stringify({ instance_builds: each })),
    fc.jsonValue().map((each) => JSON.stringify({ instance_builds: each })),
    fc.json(),
    fc.string({ unit: 'binary' }),
  );
  await fc.assert(
    fc.asyncProperty(bodies, fc.string(), fc.constantFrom('POST', 'PATCH'), async (rawBody, channel, method) => {
      const path = method === 'POST' ? '/instance-builds' : '/instance-builds/b';
      const query = `?slack-channel=${encodeURIComponent(channel)}`;
      const { status, text, json } = await server.as(method, path + query, { rawBody });
      if (status >= 500) throw new Error(`${status}: ${text}`);
      if (status >= 400) {
        expect(json.errors.length).toBeGreaterThan(0);
        for (const each of json.errors) expect(each).toEqual({ details: expect.stringMatching(/./s) });
      }
    }),
    { numRuns: 500 },
  );
});
