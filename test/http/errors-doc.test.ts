// Every code is documented, known to the CLI, and really said by a server: each is provoked here, or listed with the reason why
// no request can provoke it. A new code without either fails the test.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { errorsDoc, errorsDocPath } from '../../scripts/write-errors-doc.ts';
import { type ProblemCode, problemKinds } from '../../src/api/problems.ts';
import { KNOWN_CODES } from '../../src/cli/text/exit-codes.ts';
import { refusalCodes } from '../../src/core/errors.ts';
import { eventually } from '../eventually.ts';
import { FaultyLog, startOnLog } from './on-log.ts';
import { admin, type Reply, raw, rawRequest, start, type TestServer } from './server.ts';

const codes = Object.keys(problemKinds) as ProblemCode[];
const asAdmin = { key: admin.key };
const withKeys = { adminKeys: [admin] };
const body = { environment: 'uat' };
const asJson = { headers: { 'content-type': 'application/json' } };

type Said = Pick<Reply, 'status' | 'json'>;

/** The problem in an answer as it came over the wire. */
function said(answer: string): Said {
  const json = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4));
  return { status: Number(answer.slice(9, 12)), json };
}

/** Sends a request `count` times, as fast as one connection takes them, so that only the one after it is one too many. */
async function flood(server: TestServer, count: number, request: (i: number) => [string, unknown]): Promise<void> {
  const socket = connect(server.port, '127.0.0.1').setEncoding('latin1');
  let answered = 0;
  let rest = '';
  let wake = (): void => undefined;
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('HTTP/1.1 ');
    answered += lines.length - 1;
    rest = (lines.at(-1) as string).slice(-8);
    wake();
  });
  for (let sent = 0; sent < count; ) {
    const batch = Math.min(90, count - sent);
    const texts = Array.from({ length: batch }, (_, i) => {
      const [line, content] = request(sent + i);
      const text = JSON.stringify(content);
      const headers = `Host: localhost\r\nX-API-KEY: ${admin.key}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}`;
      return `${line} HTTP/1.1\r\n${headers}\r\n\r\n${text}`;
    });
    sent += batch;
    socket.write(texts.join(''));
    while (answered < sent) await new Promise<void>((resolve) => (wake = resolve));
  }
  socket.destroy();
}

/** How each code comes about; or why no request can bring it about. */
const provoked: Record<ProblemCode, (() => Promise<Said>) | string> = {
  build_unknown: async () => (await start()).call('GET', '/v1/instance-builds/none'),
  instance_unknown: async () => (await start()).call('DELETE', '/v1/instances/none'),
  no_driver: async () =>
    (await start()).call('POST', '/v1/instance-builds', {
      body: { site: 'org', env: 'staging', queue: 'docker', instanceType: 'small' },
    }),
  too_many_builds: async () => {
    const driver = { kind: 'command' as const, program: '/bin/false' };
    const { call } = await start({ driver });
    const body = { site: 'org', env: 'staging', queue: 'docker', instanceType: 'small', count: 100 };
    let said = await call('POST', '/v1/instance-builds', { body });
    while (said.status === 202) said = await call('POST', '/v1/instance-builds', { body });
    return said;
  },
  image_unknown: async () => (await start()).call('DELETE', '/v1/images/none'),
  too_many_images: '10,000 images: test/core/images.test.ts has a smaller bound',
  pool_unknown: async () => (await start()).call('DELETE', '/v1/pools/none'),
  too_many_pools: '1,000 pools: test/core/pools.test.ts has a smaller bound',
  job_lost: 'told to workers alone: test/core/machines.test.ts',
  space_unknown: async () => (await start()).call('DELETE', '/v1/spaces/nowhere'),
  too_many_spaces: '10,000 spaces, each with a file: test/core/spaces.test.ts has a smaller bound',
  malformed_json: async () => (await start()).call('POST', '/v1/leases', { rawBody: '{', ...asJson }),
  malformed_request: async () => (await start()).call('GET', '/v1/environments/%zz'),
  invalid_request: async () => (await start()).call('POST', '/v1/leases', { body: {} }),
  unknown_field: async () => (await start()).call('POST', '/v1/leases', { body: { ...body, x: 1 } }),
  invalid_name: async () => (await start()).call('POST', '/v1/leases', { body: { environment: '' } }),
  invalid_duration: async () => (await start()).call('POST', '/v1/leases', { body: { ...body, ttlSeconds: -1 } }),
  invalid_cursor: async () => (await start()).call('GET', '/v1/leases?cursor=x'),
  headers_too_large: async () =>
    said(await rawRequest(await start(), ['GET / HTTP/1.1', 'Host: localhost', `X: ${'x'.repeat(17_000)}`])),
  request_timeout: async () => {
    const connection = await raw(await start(), 'GET / HTTP/1.1\r\nHost: localhost\r\n');
    return said(await connection.ended());
  },
  body_too_large: async () =>
    (await start()).call('POST', '/v1/leases', { rawBody: `"${'x'.repeat(65 * 1024)}"`, ...asJson }),
  unsupported_media_type: async () =>
    (await start()).call('POST', '/v1/leases', { rawBody: '{}', headers: { 'content-type': 'text/plain' } }),
  unknown_route: async () => (await start()).call('GET', '/v1/nowhere'),
  method_not_allowed: async () => (await start()).call('PUT', '/v1/leases'),
  unauthenticated: async () => (await start(withKeys)).call('POST', '/v1/leases', { body }),
  key_unknown: async () => (await start(withKeys)).call('POST', '/v1/leases', { body, key: 'wrong' }),
  key_expired: async () => {
    const { call, makeKey } = await start(withKeys);
    const key = await makeKey(['read'], { expiresInSeconds: 1 });
    return eventually(async () => {
      const reply = await call('GET', '/v1/me', { key });
      expect(reply.status).toBe(401);
      return reply;
    });
  },
  too_many_attempts: async () => {
    const { call } = await start(withKeys);
    for (let i = 0; i < 10; i++) await call('GET', '/v1/me', { key: 'wrong' });
    return call('GET', '/v1/me', { key: 'wrong' });
  },
  forbidden: async () => {
    const { call, makeKey } = await start(withKeys);
    return call('POST', '/v1/leases', { body, key: await makeKey(['read']) });
  },
  not_yours: async () => {
    const { ask, call, makeKey } = await start(withKeys);
    const { id } = await ask(body, asAdmin);
    return call('DELETE', `/v1/leases/${id}`, { key: await makeKey(['acquire']) });
  },
  priority_too_high: async () => {
    const { call, makeKey } = await start(withKeys);
    return call('POST', '/v1/leases', { body: { ...body, priority: 1 }, key: await makeKey(['acquire']) });
  },
  forged_request: async () =>
    said(await rawRequest(await start(), ['GET / HTTP/1.1', 'Host: evil.example', 'Connection: close'])),
  environment_unknown: async () => (await start()).call('GET', '/v1/environments/uat'),
  environment_busy: async () => {
    const { ask, call } = await start();
    await ask(body);
    return call('POST', '/v1/leases', { body });
  },
  environment_draining: async () => {
    const { call } = await start();
    await call('PUT', '/v1/environments/uat', { body: { state: 'draining', reason: 'x' } });
    return call('POST', '/v1/leases', { body });
  },
  environment_in_use: async () => {
    const { ask, call } = await start();
    await ask(body);
    return call('DELETE', '/v1/environments/uat');
  },
  too_many_environments: async () => {
    const { ask, call } = await start({ maxEnvironments: 1 });
    await ask(body);
    return call('POST', '/v1/leases', { body: { environment: 'db' } });
  },
  never_satisfiable: async () => {
    const { call } = await start();
    await call('PUT', '/v1/environments/uat', { body: { labels: { a: 'b' } } });
    return call('POST', '/v1/leases', { body: { wants: [{ labels: { a: 'b' }, count: 2 }] } });
  },
  no_match: async () => (await start()).call('POST', '/v1/leases', { body: { wants: [{ labels: { a: 'b' } }] } }),
  duplicate_want: async () => (await start()).call('POST', '/v1/leases', { body: { wants: [body, body] } }),
  too_many_wants: async () => (await start()).call('POST', '/v1/leases', { body: { wants: Array(17).fill(body) } }),
  queue_full: async () => {
    const server = await start();
    const queued = { ...body, queueSeconds: 3600 };
    await flood(server, 10_001, () => ['POST /v1/leases', queued]);
    return server.call('POST', '/v1/leases', { body: queued });
  },
  idempotency_key_reused: async () => {
    const { call } = await start();
    const headers = { 'idempotency-key': 'x' };
    await call('POST', '/v1/leases', { body, headers });
    return call('POST', '/v1/leases', { body: { environment: 'db' }, headers });
  },
  lease_unknown: async () => (await start()).call('GET', '/v1/leases/ls_none'),
  lease_ended: async () => {
    const { ask, call } = await start();
    await ask(body);
    const queued = await ask({ ...body, queueSeconds: null });
    await call('DELETE', `/v1/leases/${queued.id}`);
    return call('DELETE', `/v1/leases/${queued.id}`);
  },
  lease_revoked: async () => {
    const { ask, call } = await start();
    const { id } = await ask({ ...body, ttlSeconds: 60 });
    await call('POST', `/v1/leases/${id}/revoke`, { body: { reason: 'x' } });
    return call('POST', `/v1/leases/${id}/renew`);
  },
  not_held: async () => {
    const { ask, call } = await start();
    await ask(body);
    const { id } = await ask({ ...body, queueSeconds: null });
    return call('POST', `/v1/leases/${id}/renew`);
  },
  reason_required: async () => (await start()).call('PUT', '/v1/environments/uat', { body: { state: 'frozen' } }),
  freeze_unknown: async () => (await start()).call('DELETE', '/v1/freezes/x'),
  too_many_freezes: async () => {
    const server = await start();
    const freeze = { labels: { a: 'b' }, reason: 'x' };
    await flood(server, 1_000, (i) => [`PUT /v1/freezes/f${i}`, freeze]);
    return server.call('PUT', '/v1/freezes/one-more', { body: freeze });
  },
  key_not_found: async () => (await start()).call('DELETE', '/v1/keys/x'),
  too_many_keys: async () => {
    const server = await start(withKeys);
    const key = { name: 'x', scopes: ['read'] };
    await flood(server, 10_000, () => ['POST /v1/keys', key]);
    return server.call('POST', '/v1/keys', { body: key, ...asAdmin });
  },
  invalid_target: async () => (await start()).call('POST', '/v1/waits', { body: { any: ['tpc:db:5432'] } }),
  target_not_allowed: async () =>
    (await start(withKeys)).call('POST', '/v1/waits', { body: { any: ['tcp:127.0.0.1:1'] }, ...asAdmin }),
  too_many_waits: async () =>
    (await start({ maxWaits: 1 })).call('POST', '/v1/waits', { body: { any: ['signal:a', 'signal:b'] } }),
  signal_unset: async () => (await start()).call('GET', '/v1/signals/x'),
  signal_failed: async () => {
    const { call } = await start();
    await call('PUT', '/v1/signals/x', { body: { failure: { reason: 'no' } } });
    return call('GET', '/v1/signals/x');
  },
  payload_too_large: async () =>
    (await start()).call('PUT', '/v1/signals/x', { body: { data: 'x'.repeat(64 * 1024) } }),
  too_many_signals: async () => {
    const server = await start();
    const payload = { data: 'x'.repeat(64 * 1024 - 2) };
    await flood(server, 2_048, (i) => [`PUT /v1/signals/s${i}`, payload]);
    return server.call('PUT', '/v1/signals/one-more', { body: { data: 1 } });
  },
  barrier_unknown: async () => (await start()).call('GET', '/v1/barriers/x'),
  barrier_broken: async () => {
    const { call } = await start();
    await call('PUT', '/v1/barriers/x', { body: { parties: 2 } });
    await call('DELETE', '/v1/barriers/x');
    return call('POST', '/v1/barriers/x/arrivals', { body: { party: 'a' } });
  },
  barrier_differs: async () => {
    const { call } = await start();
    await call('PUT', '/v1/barriers/x', { body: { parties: 2 } });
    await call('POST', '/v1/barriers/x/arrivals', { body: { party: 'a' } });
    return call('PUT', '/v1/barriers/x', { body: { parties: 3 } });
  },
  party_unknown: async () => {
    const { call } = await start();
    await call('PUT', '/v1/barriers/x', { body: { parties: ['a', 'b'] } });
    return call('POST', '/v1/barriers/x/arrivals', { body: { party: 'c' } });
  },
  too_many_parties: async () => {
    const { call } = await start();
    await call('PUT', '/v1/barriers/x', { body: { parties: 1 } });
    await call('POST', '/v1/barriers/x/arrivals', { body: { party: 'a' } });
    return call('POST', '/v1/barriers/x/arrivals', { body: { party: 'b' } });
  },
  too_many_barriers: async () => {
    const server = await start();
    const barrier = { parties: 1 };
    await flood(server, 50_000, (i) => [`PUT /v1/barriers/b${i}`, barrier]);
    return server.call('PUT', '/v1/barriers/one-more', { body: barrier });
  },
  server_full: async () => {
    const server = await start({ maxConnections: 10 });
    await Promise.all(Array.from({ length: 10 }, () => raw(server)));
    return said(await rawRequest(server, ['GET / HTTP/1.1', 'Host: localhost']));
  },
  shutting_down:
    'a server that stops answers whatever still reaches it, and closes its store only after the last answer',
  store_away: async () => {
    const log = new FaultyLog();
    const { call } = await startOnLog(log);
    log.isAway = true;
    return call('POST', '/v1/leases', { body });
  },
  store_failed: async () => {
    const log = new FaultyLog();
    const { call } = await startOnLog(log);
    log.isBroken = true;
    return call('POST', '/v1/leases', { body });
  },
  store_full: async () => {
    const log = new FaultyLog();
    const { call } = await startOnLog(log);
    log.full = true;
    return call('POST', '/v1/leases', { body });
  },
  internal: 'would be a mistake of ours, and the fuzzing looks for them',
};

const reachable = codes.filter((code) => typeof provoked[code] !== 'string');

test.each(reachable)('%s is said', async (code) => {
  const how = provoked[code] as () => Promise<Said>;
  const { status, json } = await how();
  expect(json).toMatchObject({ code, status, title: problemKinds[code].title, type: `/docs/errors#${code}` });
  expect(status).toBe(problemKinds[code].status);
  expect(json.detail).toMatch(/\S.{10,}/);
  expect(json.requestId).toMatch(/.+/);
});

test.each(codes)('%s has a meaning and a remedy, and the CLI knows what to exit with', (code) => {
  const { title, remedy } = problemKinds[code];
  expect(title).toMatch(/^[A-Z].+[^.]$/);
  expect(remedy).toMatch(/^[A-Z`].+\.$/s);
  expect(`${title}${remedy}`).not.toContain('|');
  expect(KNOWN_CODES).toContain(code);
});

test('every refusal of the core is in the table', () => {
  expect(codes).toEqual(expect.arrayContaining([...refusalCodes]));
});

test('docs/errors.md is as scripts/write-errors-doc.ts writes it', () => {
  expect(readFileSync(errorsDocPath, 'utf8')).toBe(errorsDoc());
});
