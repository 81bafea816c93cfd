// Waiting and meeting through faults: what was met stays met, and nothing is asked more often than it must be.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type MeetEvent, meet } from '../../src/client/arriving.ts';
import { Client } from '../../src/client/client.ts';
import { Conditions } from '../../src/client/conditions.ts';
import type { ConditionReply } from '../../src/client/types.ts';
import { type WaitEvent, type WaitingAsk, waitUntil } from '../../src/client/waiting.ts';

interface Reply {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: { any?: { target: string }[]; timeoutSeconds?: number; party?: string };
}

/** Answers with these in turn, the last one for ever; null: the connection is cut. */
async function scripted(...replies: (Reply | null)[]): Promise<{ client: Client; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => (text += chunk));
    request.on('end', () => {
      asked.push({ method: request.method ?? '', url: request.url ?? '', body: text === '' ? {} : JSON.parse(text) });
      const reply = replies.length > 1 ? replies.shift() : replies[0];
      if (reply == null) return void request.socket.destroy();
      const type = reply.status < 400 ? 'application/json' : 'application/problem+json';
      response
        .writeHead(reply.status, { 'content-type': type, ...reply.headers })
        .end(JSON.stringify(reply.body ?? {}));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { client: new Client({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }), asked };
}

function condition(target: string, state: ConditionReply['state'], more: Partial<ConditionReply> = {}): ConditionReply {
  return {
    ...{ target, state, detail: state, by: null, data: null, since: '2026-11-21T12:00:00.000Z', settledAt: null },
    ...{ tries: null, triedAt: null, nearest: null, ...more },
  };
}

function answer(outcome: string, ...conditions: ConditionReply[]): Reply {
  return { status: 200, body: { outcome, waitedSeconds: 2, conditions } };
}

const problem = (status: number, code: string, headers: Record<string, string> = {}, more = {}): Reply => ({
  ...{ status, headers, body: { code, status, detail: 'no', ...more } },
});

function ask(targets: readonly string[], more: Partial<WaitingAsk> = {}): WaitingAsk & { events: WaitEvent[] } {
  const events: WaitEvent[] = [];
  return {
    ...{ conditions: targets.map((target) => ({ target })), timeoutMs: null, pieceMs: () => 60_000 },
    ...{ signal: new AbortController().signal, firstContactMs: 10_000, maxAwayMs: null },
    ...{ onEvent: (event: WaitEvent) => events.push(event), events, ...more },
  };
}

describe('a wait', () => {
  test('for all is asked in pieces, each for what is missing', async () => {
    const { client, asked } = await scripted(
      answer('met', condition('a', 'pending'), condition('b', 'met')),
      answer('timed_out', condition('a', 'pending')),
      answer('met', condition('a', 'met')),
    );
    const asking = ask(['a', 'b'], { pieceMs: (piece) => piece * 1000 });
    const standing = new Conditions('all', 2);
    const end = await waitUntil(client, asking, standing);
    expect(end).toMatchObject({
      kind: 'over',
      reply: { outcome: 'met', conditions: [{ target: 'a' }, { target: 'b' }] },
    });
    expect(asked.map(({ body }) => [body.any?.map(({ target }) => target), body.timeoutSeconds])).toEqual([
      [['a', 'b'], 1],
      [['a'], 2],
      [['a'], 3],
    ]);
    expect(asking.events.map((event) => event.kind === 'heard' && event.settled)).toEqual([[1], [], [0]]);
  });

  test('ends at once when one has failed, also beside one that was met', async () => {
    const { client } = await scripted(answer('met', condition('a', 'failed'), condition('b', 'met')));
    const standing = new Conditions('all', 3);
    expect(await waitUntil(client, ask(['a', 'b', 'c']), standing)).toMatchObject({ reply: { outcome: 'failed' } });
  });

  test.each([
    ['a connection that is cut', null],
    ['a server that stops', problem(503, 'shutting_down', { 'retry-after': '0' })],
    ['a server that is full', problem(429, 'too_many_waits', { 'retry-after': '0' })],
    ['a page of a proxy', { status: 502, headers: { 'content-type': 'text/html' } }],
  ])('goes on after %s', async (_, fault) => {
    const { client, asked } = await scripted(fault, fault, answer('met', condition('a', 'met')));
    const asking = ask(['a']);
    expect(await waitUntil(client, asking, new Conditions('any', 1))).toMatchObject({ reply: { outcome: 'met' } });
    expect(asked).toHaveLength(3);
    expect(asking.events.map(({ kind }) => kind)).toEqual(['away', 'back', 'heard']);
  });

  test('does not go on after what will not change by itself', async () => {
    for (const [status, code] of [
      [422, 'invalid_target'],
      [403, 'target_not_allowed'],
      [429, 'too_many_attempts'],
    ] as const) {
      const { client, asked } = await scripted(problem(status, code));
      const end = await waitUntil(client, ask(['a']), new Conditions('all', 1));
      expect(end).toMatchObject({ kind: 'refused', refusal: { problem: { code } } });
      expect(asked).toHaveLength(1);
    }
  });

  test('times out by its own clock, also while the server is away', async () => {
    const { client } = await scripted(answer('timed_out', condition('a', 'pending')), null);
    const end = await waitUntil(client, ask(['a'], { timeoutMs: 900 }), new Conditions('all', 1));
    expect(end).toMatchObject({ kind: 'over', reply: { outcome: 'timed_out' } });
  });

  test('of which nothing was ever heard is unreachable, not timed out', async () => {
    const { client } = await scripted(null);
    expect(await waitUntil(client, ask(['a'], { timeoutMs: 300 }), new Conditions('all', 1))).toMatchObject({
      kind: 'unreachable',
    });
  });

  test('makes no tight loop of a server that answers before its time', async () => {
    const { client, asked } = await scripted(answer('timed_out', condition('a', 'pending')));
    await waitUntil(client, ask(['a'], { timeoutMs: 1200 }), new Conditions('all', 1));
    expect(asked.length).toBeLessThan(6);
  });

  test.each([
    'all',
    'any',
  ] as const)('without time is one look at %s, for as long as the server takes', async (mode) => {
    const { client, asked } = await scripted(
      answer('timed_out', condition('a', 'met'), condition('b', 'pending', { detail: 'refused', triedAt: 'x' })),
    );
    const asking = ask(['a', 'b'], { timeoutMs: 0, pieceMs: () => 15_000 });
    const standing = new Conditions(mode, 2);
    const end = await waitUntil(client, asking, standing);
    expect(end).toMatchObject({ kind: 'over', reply: { outcome: mode === 'all' ? 'timed_out' : 'met' } });
    expect(asked.map(({ body }) => body)).toEqual([{ [mode]: [{ target: 'a' }, { target: 'b' }], timeoutSeconds: 0 }]);
    expect(standing.found[1]).toMatchObject({ reply: { detail: 'refused' } });
  });

  test('with time asks for no look when it runs out: that would last as long as a try', async () => {
    const { client, asked } = await scripted(answer('timed_out', condition('a', 'pending')));
    // The pause after the first answer is longer than the time that is left.
    await waitUntil(client, ask(['a'], { timeoutMs: 400 }), new Conditions('all', 1));
    expect(asked.every(({ body }) => (body.timeoutSeconds ?? 0) > 0)).toBe(true);
  });

  test('that is refused says for which conditions, so that a place in the list can be told', async () => {
    const { client } = await scripted(
      answer('met', condition('a', 'met'), condition('b', 'pending')),
      problem(404, 'lease_unknown', {}, { field: 'any.0.target' }),
    );
    expect(await waitUntil(client, ask(['a', 'b']), new Conditions('all', 2))).toMatchObject({
      ...{ kind: 'refused', asked: [1] },
    });
  });

  test('ends when nobody waits any longer', async () => {
    const { client } = await scripted(answer('timed_out', condition('a', 'pending')));
    const stop = new AbortController();
    const ending = waitUntil(client, ask(['a'], { signal: stop.signal }), new Conditions('all', 1));
    stop.abort();
    expect(await ending).toEqual({ kind: 'stopped' });
  });
});

describe('what is known of conditions', () => {
  test('is kept once it is settled', () => {
    const standing = new Conditions('all', 2);
    expect(standing.note(0, condition('a', 'met'), 1000, null)).toBe(true);
    expect(standing.note(0, condition('a', 'failed'), 2000, null)).toBe(false);
    expect([standing.missing, standing.outcome]).toEqual([[1], null]);
  });

  test('is not forgotten by a piece that ended before the first try of it', () => {
    const standing = new Conditions('all', 1, 1000);
    standing.note(0, condition('tcp:a:1', 'pending', { detail: 'refused', tries: 3, triedAt: 'x' }), 1000, 200);
    standing.note(0, condition('tcp:a:1', 'pending', { detail: 'not looked at yet' }), 2000, null);
    expect(standing.found[0]).toMatchObject({ reply: { detail: 'refused' }, standsSince: 1000, triedAt: 800 });
    standing.note(0, condition('tcp:a:1', 'pending', { detail: 'refused', tries: 9, triedAt: 'y' }), 3000, 0);
    expect(standing.found[0]).toMatchObject({ standsSince: 1000, triedAt: 3000 });
  });

  test('holds since the wait began, until it is found otherwise', () => {
    const standing = new Conditions('all', 2, 500);
    const tried = (detail: string) => condition('tcp:a:1', 'pending', { detail, tries: 3, triedAt: 'x' });
    standing.note(0, condition('tcp:a:1', 'pending', { detail: 'not looked at yet' }), 1000, null);
    standing.note(0, tried('refused'), 16_000, 200);
    standing.note(1, tried('refused'), 16_000, 200);
    expect(standing.found.map((each) => each?.standsSince)).toEqual([500, 500]);
    standing.note(1, tried('503'), 31_000, 200);
    standing.note(1, tried('503'), 46_000, 200);
    expect(standing.found[1]?.standsSince).toBe(31_000);
  });

  test('settles any by one that was met before one that has failed', () => {
    const standing = new Conditions('any', 3);
    standing.note(0, condition('a', 'failed'), 0, null);
    standing.note(1, condition('b', 'met'), 0, null);
    expect(standing.outcome).toBe('met');
  });
});

describe('a meeting', () => {
  const barrier = (state: string, arrived: number) => ({
    ...{ name: 'm', generation: '7', state, parties: 2, names: null, seq: arrived, end: null },
    arrivals: Array.from({ length: arrived }, (_, i) => ({ party: `p${i}`, at: '', by: '' })),
  });
  const arriving = (more = {}) => {
    const events: MeetEvent[] = [];
    return {
      ...{ name: 'm', generation: '7', arrival: { party: 'p0' }, declaration: { parties: 2 }, pollSeconds: 30 },
      ...{ signal: new AbortController().signal, firstContactMs: 10_000, maxAwayMs: null, events },
      ...{ onEvent: (event: MeetEvent) => events.push(event), ...more },
    };
  };

  test('is declared, arrived at, and polled until it is open', async () => {
    const waiting = { status: 202, body: barrier('waiting', 1) };
    const { client, asked } = await scripted({ status: 201, body: barrier('waiting', 0) }, waiting, null, {
      ...{ status: 200, body: barrier('open', 2) },
    });
    const ask = arriving();
    expect(await meet(client, ask)).toMatchObject({ kind: 'open', barrier: { state: 'open' } });
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'PUT /v1/barriers/m?generation=7',
      'POST /v1/barriers/m/arrivals?generation=7&wait=0',
      'POST /v1/barriers/m/arrivals?generation=7&wait=30',
      'POST /v1/barriers/m/arrivals?generation=7&wait=30',
    ]);
    expect(ask.events.map(({ kind }) => kind)).toEqual(['arrived']);
  });

  test('that broke is told with how it stood', async () => {
    const { client } = await scripted(problem(409, 'barrier_broken', {}, { barrier: barrier('broken', 1) }));
    expect(await meet(client, arriving({ declaration: null }))).toMatchObject({
      kind: 'broken',
      barrier: { parties: 2 },
    });
  });

  test('that somebody forgot is not declared anew behind their back', async () => {
    const declared = { status: 201, body: barrier('waiting', 0) };
    const { client, asked } = await scripted(
      ...[declared, { status: 202, body: barrier('waiting', 1) }, problem(404, 'barrier_unknown')],
    );
    expect(await meet(client, arriving())).toMatchObject({ kind: 'refused' });
    expect(asked).toHaveLength(3);
  });
});
