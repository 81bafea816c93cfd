// Barriers over HTTP: declared, arrived at, waited at, opened, broken, forgotten; and everybody is told the same.

import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { hasShape, nobodyWaits, openWaits } from './meet.ts';
import { type Reply, raw, rawRequest, start, type TestServer } from './server.ts';
import { openStream } from './stream.ts';

const declare = (
  server: TestServer,
  parties: number | readonly string[],
  more: object = {},
  query = '',
): Promise<Reply> => server.call('PUT', `/v1/barriers/b${query}`, { body: { parties, ...more } });
const arrive = (server: TestServer, party: string, query = '', more: object = {}): Promise<Reply> =>
  server.call('POST', `/v1/barriers/b/arrivals${query}`, { body: { party, ...more } });
const look = (server: TestServer, query = ''): Promise<Reply> => server.call('GET', `/v1/barriers/b${query}`);

describe('declaring', () => {
  test('by a number: 201, and 200 when it is said again', async () => {
    const server = await start();
    const first = await declare(server, 3);
    expect(first).toMatchObject({
      status: 201,
      json: {
        ...{ name: 'b', generation: '', state: 'waiting', parties: 3, names: null, arrivals: [], missing: null },
        ...{ missingCount: 3, missingText: '3 of 3', timeoutSeconds: 6 * 3600, breaksAt: null, end: null },
        createdBy: 'anonymous',
      },
    });
    hasShape(first, 'barrier');
    const again = await declare(server, 3);
    expect(again).toMatchObject({ status: 200, json: { seq: first.json.seq } });
    expect((await look(server)).json).toEqual(again.json);
  });

  test('by a list: who is missing is known; another order is the same list', async () => {
    const server = await start();
    expect(await declare(server, ['api', 'web'])).toMatchObject({
      ...{ status: 201, json: { parties: 2, names: ['api', 'web'], missing: ['api', 'web'] } },
    });
    expect((await declare(server, ['web', 'api'])).status).toBe(200);
    expect((await arrive(server, 'web')).json).toMatchObject({ missing: ['api'], missingText: 'api', missingCount: 1 });
  });

  test('otherwise: as long as nobody has arrived it may be changed, then it differs', async () => {
    const server = await start();
    await declare(server, 3);
    expect(await declare(server, ['a', 'b'], { timeoutSeconds: 60 })).toMatchObject({
      ...{ status: 200, json: { parties: 2, names: ['a', 'b'], timeoutSeconds: 60 } },
    });
    await arrive(server, 'a');
    for (const parties of [2, 3, ['a', 'c'], ['a', 'b', 'c']]) {
      const reply = await declare(server, parties);
      expect(reply).toMatchObject({ status: 409, json: { code: 'barrier_differs', parties: ['a', 'b'] } });
    }
    expect((await declare(server, ['a', 'b'])).json).toMatchObject({ arrivals: [{ party: 'a' }], timeoutSeconds: 60 });
  });

  test('1 and 1,000 parties are few and many enough', async () => {
    const server = await start();
    expect((await declare(server, 1)).status).toBe(201);
    const many = Array.from({ length: 1000 }, (_, i) => `party ${i}`);
    expect((await declare(server, many)).json.missing).toEqual(many);
    expect((await declare(server, 1000)).json.parties).toBe(1000);
  });

  const wrong: [object, number, string, string | undefined][] = [
    [{}, 400, 'invalid_request', 'parties'],
    [{ parties: 0 }, 400, 'invalid_request', 'parties'],
    [{ parties: -1 }, 400, 'invalid_request', 'parties'],
    [{ parties: 1001 }, 400, 'invalid_request', 'parties'],
    [{ parties: 1.5 }, 400, 'invalid_request', 'parties'],
    [{ parties: '2' }, 400, 'invalid_request', 'parties'],
    [{ parties: null }, 400, 'invalid_request', 'parties'],
    [{ parties: {} }, 400, 'invalid_request', 'parties'],
    [{ parties: [] }, 400, 'invalid_request', 'parties'],
    [{ parties: Array.from({ length: 1001 }, (_, i) => `p${i}`) }, 400, 'invalid_request', 'parties'],
    [{ parties: ['a', 'a'] }, 400, 'invalid_request', 'parties'],
    [{ parties: ['a', 1] }, 400, 'invalid_request', 'parties.1'],
    [{ parties: ['a', ''] }, 422, 'invalid_name', 'party'],
    [{ parties: ['x'.repeat(201)] }, 422, 'invalid_name', 'party'],
    [{ parties: ['a\nb'] }, 422, 'invalid_name', 'party'],
    [{ parties: ['\ud800'] }, 422, 'invalid_name', 'party'],
    [{ parties: 2, timeoutSeconds: 0 }, 422, 'invalid_duration', 'timeoutSeconds'],
    [{ parties: 2, timeoutSeconds: null }, 400, 'invalid_request', 'timeoutSeconds'],
    [{ parties: 2, timeoutSeconds: 366 * 24 * 3600 }, 422, 'invalid_duration', 'timeoutSeconds'],
    [{ parties: 2, count: 2 }, 400, 'unknown_field', 'count'],
  ];
  test.each(wrong)('%.60j: %s %s %s', async (body, status, code, field) => {
    const { call } = await start();
    const reply = await call('PUT', '/v1/barriers/b', { body });
    expect([reply.status, reply.json.code, reply.json.field]).toEqual([status, code, field]);
    expect((await call('GET', '/v1/barriers')).json.items).toEqual([]);
  });

  test('without a body, without JSON, or with another type', async () => {
    const { call } = await start();
    expect(await call('PUT', '/v1/barriers/b')).toMatchObject({ status: 400, json: { code: 'invalid_request' } });
    const json = { headers: { 'content-type': 'application/json' } };
    expect(await call('PUT', '/v1/barriers/b', { rawBody: '{', ...json })).toMatchObject({
      ...{ status: 400, json: { code: 'malformed_json' } },
    });
    expect(
      await call('PUT', '/v1/barriers/b', { rawBody: '{"parties":2}', headers: { 'content-type': 'text/plain' } }),
    ).toMatchObject({ status: 415 });
  });
});

describe('names and generations', () => {
  const paths: [string, number, string | null][] = [
    ['a%2Fb', 201, null],
    ['__proto__', 201, null],
    ['..', 201, null],
    ['x'.repeat(200), 201, null],
    ['x'.repeat(201), 422, 'invalid_name'],
    ['%00', 422, 'invalid_name'],
    ['a%09b', 422, 'invalid_name'],
    ['', 422, 'invalid_name'],
    ['%ED%A0%80', 400, 'malformed_request'],
  ];
  test.each(
    paths.map(([path, ...more]) => [path.slice(0, 20), path.length, path, ...more] as const),
  )('the name %s (%s characters)', async (_, _length, path, status, code) => {
    const server = await start();
    const send = async (method: string, suffix: string, body = ''): Promise<[number, string | null]> => {
      const answer = await rawRequest(
        server,
        [
          ...[`${method} /v1/barriers/${path}${suffix} HTTP/1.1`, 'Host: localhost', 'Connection: close'],
          ...['Content-Type: application/json', `Content-Length: ${body.length}`],
        ],
        body,
      );
      return [Number(answer.slice(9, 12)), JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)).code ?? null];
    };
    expect(await send('PUT', '', '{"parties":1}')).toEqual([status, code]);
    const arrived = await send('POST', '/arrivals', '{"party":"x"}');
    if (code === null) expect(arrived).toEqual([200, null]);
    else expect(arrived).toEqual([status, code]);
    if (code !== null) expect((await server.call('GET', '/v1/barriers')).json.items).toEqual([]);
  });

  test.each(['', 'x'.repeat(201), 'a\tb', '\ud800', 'a\u0000'])('the party %j is refused', async (party) => {
    const server = await start();
    await declare(server, 2);
    expect(await arrive(server, party)).toMatchObject({ status: 422, json: { code: 'invalid_name', field: 'party' } });
    expect((await look(server)).json.arrivals).toEqual([]);
  });

  test.each([
    '__proto__',
    'constructor',
    'ü 😀',
    'a/b',
    'x'.repeat(200),
  ])('the party %j is one like any other', async (party) => {
    const server = await start();
    await declare(server, [party, 'other']);
    expect((await arrive(server, party)).json).toMatchObject({ arrivals: [{ party }], missing: ['other'] });
  });

  test('each generation is a barrier of its own, also after the one before has opened', async () => {
    const server = await start();
    for (const query of ['', '?generation=run-1', '?generation=run%202']) {
      expect((await declare(server, 1, {}, query)).status).toBe(201);
      expect((await arrive(server, 'a', query)).status).toBe(200);
    }
    const list = await server.call('GET', '/v1/barriers');
    hasShape(list, 'barriers');
    expect(list.json.items).toMatchObject([
      ...[{ name: 'b', generation: '', state: 'open' }, { generation: 'run 2' }, { generation: 'run-1' }],
    ]);
    expect(await look(server, '?generation=run-3')).toMatchObject({ status: 404, json: { code: 'barrier_unknown' } });
  });

  test('a generation of 200 characters will do; longer ones and control characters are refused', async () => {
    const server = await start();
    expect((await declare(server, 1, {}, `?generation=${'x'.repeat(200)}`)).status).toBe(201);
    expect(await declare(server, 1, {}, `?generation=${'x'.repeat(201)}`)).toMatchObject({ status: 400 });
    for (const generation of ['%09', 'a%00'])
      expect(await declare(server, 1, {}, `?generation=${generation}`)).toMatchObject({
        ...{ status: 422, json: { code: 'invalid_name', field: 'generation' } },
      });
    expect(await declare(server, 1, {}, '?gen=1')).toMatchObject({ status: 400, json: { code: 'unknown_field' } });
  });

  test('a name and a generation are never taken for another name', async () => {
    const { call } = await start();
    const body = { parties: 1 };
    await call('PUT', '/v1/barriers/a?generation=b', { body });
    await call('PUT', '/v1/barriers/a%20(b)', { body });
    await call('POST', '/v1/barriers/a%20(b)/arrivals', { body: { party: 'x' } });
    expect((await call('GET', '/v1/barriers/a?generation=b')).json.state).toBe('waiting');
  });
});

describe('arriving', () => {
  test('202 with who is missing, until the last one: 200 for all, those that wait and those that come again', async () => {
    const server = await start();
    await declare(server, 3);
    expect(await arrive(server, 'shard-1')).toMatchObject({ status: 202, json: { state: 'waiting', missingCount: 2 } });
    const waiting = [arrive(server, 'shard-1', '?wait=60'), arrive(server, 'shard-2', '?wait=60')];
    await openWaits(server, 2);
    const last = await arrive(server, 'shard-3', '?wait=60');
    hasShape(last, 'barrier');
    for (const reply of [last, ...(await Promise.all(waiting)), await arrive(server, 'shard-2')])
      expect(reply).toMatchObject({
        status: 200,
        json: {
          ...{ state: 'open', missing: [], missingCount: 0, breaksAt: null, end: { how: 'opened', by: 'anonymous' } },
          arrivals: [{ party: 'shard-1' }, { party: 'shard-2' }, { party: 'shard-3' }],
        },
      });
    await nobodyWaits(server);
  });

  test('again and again is one arrival', async () => {
    const server = await start();
    await declare(server, 2);
    const replies = await Promise.all(Array.from({ length: 20 }, () => arrive(server, 'a')));
    expect(replies.map(({ status }) => status)).toEqual(Array(20).fill(202));
    expect((await look(server)).json.arrivals).toHaveLength(1);
    expect((await server.call('GET', '/v1/events?kind=barrier.arrived')).json.items).toHaveLength(1);
  });

  test('many at once: it opens once, with exactly as many as it was declared for', async () => {
    const server = await start();
    await declare(server, 50);
    const replies = await Promise.all(Array.from({ length: 60 }, (_, i) => arrive(server, `p${i}`, '?wait=60')));
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(50);
    for (const { status, json } of replies.filter((reply) => reply.status !== 200))
      expect([status, json.code]).toEqual([422, 'too_many_parties']);
    expect((await server.call('GET', '/v1/events?kind=barrier.opened')).json.items).toHaveLength(1);
  });

  test('wait over: 202 with where it stands, and the arrival counts', async () => {
    const server = await start();
    await declare(server, 2);
    expect(await arrive(server, 'a', '?wait=0.05')).toMatchObject({
      ...{ status: 202, json: { state: 'waiting', arrivals: [{ party: 'a' }] } },
    });
    expect((await arrive(server, 'b')).status).toBe(200);
  });

  test.each(['', '-1', '61', 'x'])('?wait=%s is refused, and nobody has arrived', async (seconds) => {
    const server = await start();
    await declare(server, 1);
    expect(await arrive(server, 'a', `?wait=${seconds}`)).toMatchObject({ json: { field: 'wait' } });
    expect((await look(server)).json.arrivals).toEqual([]);
  });

  test('at a barrier that nobody declared: 404 with the one that was perhaps meant', async () => {
    const { call } = await start();
    const unknown = await call('POST', '/v1/barriers/deploi/arrivals', { body: { party: 'a' } });
    expect(unknown).toMatchObject({ status: 404, json: { code: 'barrier_unknown', nearest: null } });
    await call('PUT', '/v1/barriers/deploy', { body: { parties: 2 } });
    const typo = await call('POST', '/v1/barriers/deploi/arrivals', { body: { party: 'a' } });
    expect(typo.json).toMatchObject({ code: 'barrier_unknown', nearest: 'deploy' });
    expect(typo.json.detail).toContain('Did you mean deploy?');
    expect((await call('GET', '/v1/barriers/deploi')).json).toMatchObject({
      code: 'barrier_unknown',
      nearest: 'deploy',
    });
  });

  test('a party that it does not expect, and one too many', async () => {
    const server = await start();
    await declare(server, ['api', 'worker']);
    expect(await arrive(server, 'wroker')).toMatchObject({
      ...{ status: 422, json: { code: 'party_unknown', field: 'party', nearest: 'worker' } },
    });
    await declare(server, 1);
    await arrive(server, 'a');
    expect(await arrive(server, 'b')).toMatchObject({
      status: 422,
      json: { code: 'too_many_parties', field: 'party' },
    });
    expect((await arrive(server, 'a')).status).toBe(200);
  });

  const wrong: [object, number, string, string | undefined][] = [
    [{}, 400, 'invalid_request', 'party'],
    [{ party: 1 }, 400, 'invalid_request', 'party'],
    [{ party: 'a', failure: { reason: '' } }, 422, 'reason_required', 'failure.reason'],
    [{ party: 'a', failure: {} }, 400, 'invalid_request', 'failure.reason'],
    [{ party: 'a', failure: true }, 400, 'invalid_request', 'failure'],
    [{ party: 'a', wait: 1 }, 400, 'unknown_field', 'wait'],
  ];
  test.each(wrong)('%j: %s %s %s', async (body, status, code, field) => {
    const server = await start();
    await declare(server, 1);
    const reply = await server.call('POST', '/v1/barriers/b/arrivals', { body });
    expect([reply.status, reply.json.code, reply.json.field]).toEqual([status, code, field]);
    expect((await look(server)).json).toMatchObject({ state: 'waiting', arrivals: [] });
  });

  test('a client that hangs up leaves its arrival and nothing else', async () => {
    const server = await start();
    await declare(server, 2);
    const body = '{"party":"a"}';
    const head = `POST /v1/barriers/b/arrivals?wait=60 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json`;
    const { socket } = await raw(server, `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await openWaits(server, 1);
    socket.destroy();
    await nobodyWaits(server);
    expect((await arrive(server, 'b')).status).toBe(200);
  });

  test('more than may wait at once: 429 with Retry-After; who comes again is counted once', async () => {
    const server = await start({ maxWaits: 1 });
    await declare(server, 3);
    const first = arrive(server, 'a', '?wait=60');
    await openWaits(server, 1);
    const refused = await arrive(server, 'b', '?wait=60');
    expect(refused).toMatchObject({ status: 429, json: { code: 'too_many_waits' } });
    expect(refused.headers.get('retry-after')).toBe('5');
    expect((await arrive(server, 'b')).json.missingCount).toBe(1);
    await arrive(server, 'c');
    expect((await first).status).toBe(200);
  });
});

describe('breaking', () => {
  const broken = (reply: Reply, more: object): void => {
    expect(reply).toMatchObject({ status: 409, json: { code: 'barrier_broken', ...more } });
    expect(reply.json.detail).toMatch(/^Barrier "b" broke/);
  };

  test('a party fails: all are told who and why, now and later', async () => {
    const server = await start();
    await declare(server, ['a', 'b', 'c']);
    const waiting = arrive(server, 'a', '?wait=60');
    await openWaits(server, 1);
    const facts = { missing: ['c'], missingCount: 1, missingText: 'c' };
    const end = { how: 'failed', by: 'anonymous', reason: 'no disk', party: 'b' };
    for (const reply of [
      await arrive(server, 'b', '', { failure: { reason: 'no disk' } }),
      await waiting,
      await arrive(server, 'c', '?wait=60'),
      await arrive(server, 'a'),
    ]) {
      broken(reply, { ...facts, barrier: { state: 'broken', end } });
      expect(reply.json.detail).toContain('b: no disk');
    }
    expect(await look(server)).toMatchObject({ status: 200, json: { state: 'broken', end } });
  });

  test('not everybody comes in time', async () => {
    const server = await start();
    await declare(server, 2, { timeoutSeconds: 1 });
    expect((await look(server)).json.breaksInSeconds).toBeNull();
    const reply = await arrive(server, 'a', '?wait=60');
    broken(reply, { missingCount: 1, barrier: { end: { how: 'timed_out', by: 'signalbox' } } });
    broken(await arrive(server, 'b'), {});
  });

  test('DELETE breaks it for everyone, with the reason; again changes nothing', async () => {
    const server = await start();
    await declare(server, 2);
    const waiting = arrive(server, 'a', '?wait=60');
    await openWaits(server, 1);
    const reply = await server.call('DELETE', '/v1/barriers/b?reason=not%20today');
    hasShape(reply, 'barrier');
    const end = { how: 'cancelled', by: 'anonymous', reason: 'not today' };
    expect(reply).toMatchObject({ status: 200, json: { state: 'broken', end } });
    broken(await waiting, { barrier: { end } });
    expect((await server.call('DELETE', '/v1/barriers/b?reason=other')).json).toEqual(reply.json);
    expect(await server.call('DELETE', '/v1/barriers/c')).toMatchObject({ json: { code: 'barrier_unknown' } });
  });

  test('one that is open stays open', async () => {
    const server = await start();
    await declare(server, 1);
    await arrive(server, 'a');
    expect((await server.call('DELETE', '/v1/barriers/b')).json.state).toBe('open');
    broken(
      await (async () => {
        await declare(server, 2, {}, '?generation=2');
        await server.call('DELETE', '/v1/barriers/b?generation=2');
        return arrive(server, 'a', '?generation=2');
      })(),
      {},
    );
    expect((await arrive(server, 'a')).status).toBe(200);
  });

  test('forget: whoever waits is told that it broke, and the name is free', async () => {
    const server = await start();
    await declare(server, 2);
    const waiting = [
      arrive(server, 'a', '?wait=60'),
      server.call('POST', '/v1/waits', { body: { all: ['barrier:b'] } }),
    ];
    await openWaits(server, 2);
    expect(await server.call('DELETE', '/v1/barriers/b?forget=true&reason=oops')).toMatchObject({
      ...{ status: 200, json: { state: 'broken', end: { how: 'cancelled', reason: 'oops' } } },
    });
    const [arrived, waited] = await Promise.all(waiting);
    broken(arrived as Reply, {});
    expect(arrived?.json.detail).toContain('oops');
    expect(waited).toMatchObject({ status: 200, json: { outcome: 'failed' } });
    expect((await look(server)).status).toBe(404);
    expect(await declare(server, 3)).toMatchObject({ status: 201, json: { arrivals: [] } });
  });

  test('forgotten and declared anew in one breath: who waited for the old one is not told of the new one', async () => {
    const server = await start();
    for (let i = 0; i < 10; i++) {
      await declare(server, 2);
      const waiting = arrive(server, 'a', '?wait=60');
      await openWaits(server, 1);
      const [, declared] = await Promise.all([
        server.call('DELETE', '/v1/barriers/b?forget=true'),
        eventually(async () => {
          const reply = await declare(server, 5);
          if (reply.status !== 201) throw new Error(reply.text);
          return reply;
        }),
      ]);
      expect(declared.json.parties).toBe(5);
      broken(await waiting, { barrier: { parties: 2 } });
      await server.call('DELETE', '/v1/barriers/b?forget=true');
    }
  });

  test.each([
    'forget=yes',
    'forget=1',
    'x=1',
    `reason=${'x'.repeat(1001)}`,
  ])('DELETE ?%.20s is refused', async (query) => {
    const server = await start();
    await declare(server, 2);
    expect((await server.call('DELETE', `/v1/barriers/b?${query}`)).status).toBe(400);
    expect((await look(server)).json.state).toBe('waiting');
  });
});

test('the list is paged over names and generations', async () => {
  const { call } = await start();
  for (const [name, generation] of [
    ['a', '1'],
    ['a', '2'],
    ['a b', ''],
    ['a', ''],
    ['b', ''],
  ])
    await call('PUT', `/v1/barriers/${name}?generation=${generation}`, { body: { parties: 2 } });
  const seen: string[] = [];
  let cursor = '';
  do {
    const { json } = await call('GET', `/v1/barriers?limit=2${cursor && `&cursor=${cursor}`}`);
    seen.push(...json.items.map(({ name, generation }: Record<string, string>) => `${name}|${generation}`));
    cursor = json.next ?? '';
  } while (cursor !== '');
  expect(seen).toEqual(['a|', 'a|1', 'a|2', 'a b|', 'b|']);
});

describe('of more than a hundred parties', () => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => `party ${i}`);
  const short = { namesLeftOut: true, names: null, arrivals: [], missing: null };

  test('lists, streams and answers to arrivals name nobody and say so; looking at the barrier names all', async () => {
    const server = await start();
    const stream = await openStream(server, { query: '?rows=barriers' });
    await declare(server, names(101));
    const facts = { parties: 101, arrived: 1, missingCount: 100, missingText: expect.stringContaining('party 1, ') };
    const arrived = await arrive(server, 'party 0');
    hasShape(arrived, 'barrier');
    expect(arrived).toMatchObject({ status: 202, json: { ...facts, ...short } });
    const list = await server.call('GET', '/v1/barriers');
    hasShape(list, 'barriers');
    expect(list.json.items).toMatchObject([{ ...facts, ...short }]);
    const isTold = ({ event, data }: { event: string; data: { row?: { arrived: number } } }): boolean =>
      event === 'row' && data.row?.arrived === 1;
    await stream.until((seen) => seen.some((each) => isTold(each as never)));
    expect(stream.seen.find((each) => isTold(each as never))?.data.row).toMatchObject({ ...facts, ...short });
    expect((await look(server)).json).toMatchObject({
      ...{ ...facts, namesLeftOut: false, names: names(101), arrivals: [{ party: 'party 0' }] },
      missing: names(101).slice(1),
    });
  });

  test('whoever breaks it is told how many are missing', async () => {
    const server = await start();
    await declare(server, names(101));
    expect(await arrive(server, 'party 7', '', { failure: { reason: 'no disk' } })).toMatchObject({
      status: 409,
      json: { missing: null, missingCount: 100, barrier: { ...short, arrived: 0, end: { party: 'party 7' } } },
    });
  });

  test('of a hundred all are named everywhere', async () => {
    const server = await start();
    await declare(server, names(100));
    const arrived = (await arrive(server, 'party 0')).json;
    expect(arrived).toMatchObject({ namesLeftOut: false, names: names(100), arrivals: [{ party: 'party 0' }] });
    expect((await server.call('GET', '/v1/barriers')).json.items).toMatchObject([{ missing: names(100).slice(1) }]);
  });
});
