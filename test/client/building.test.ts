// Following a build through faults: whatever happens to the line, the build is told as it is, and is not asked for in a tight loop.

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type BuildEvent, buildOutcome, type FollowAsk, followBuild } from '../../src/client/building.ts';
import { Client } from '../../src/client/client.ts';
import type { Build } from '../../src/client/types-machines.ts';

function built(state: Build['state'], more: Partial<Build> = {}): Build {
  return {
    ...{ id: 'one', state, site: 'org', env: 'staging', queue: 'main', role: 'worker', instanceType: 't3', count: 1 },
    ...{ image: null, nameTemplate: null, subnet: null, securityGroup: null, slackChannel: null, steps: [] },
    ...{
      instances: [],
      cancelling: null,
      failure: null,
      pool: null,
      seq: 1,
      by: 'anna',
      createdAt: '2026-11-21T12:00:00.000Z',
    },
    ...{ endedAt: null, ...more },
  };
}

const cancelling = { by: 'ben', reason: null, at: '2026-11-21T12:00:00.000Z' };

/** Answers with these in turn, the last one for ever; a number: a refusal of that status; null: the connection is cut. */
function answering(...replies: (Build | number | null)[]): { client: Client; asked: string[] } {
  const asked: string[] = [];
  const fetch = async (input: unknown): Promise<Response> => {
    asked.push(new URL(String(input)).search);
    const reply = replies.length > 1 ? replies.shift() : replies[0];
    if (reply == null) throw new TypeError('fetch failed', { cause: new Error('connection lost') });
    if (typeof reply === 'object') return Response.json(reply);
    const code = reply === 503 ? 'shutting_down' : 'build_unknown';
    return new Response(JSON.stringify({ status: reply, code, detail: '' }), {
      ...{ status: reply, headers: { 'content-type': 'application/problem+json' } },
    });
  };
  return { client: new Client({ url: 'http://signalbox.test', fetch }), asked };
}

/** A server whose build changes after each answer. It answers only who asks for another one than there is: nobody is held back. */
function changing(states: readonly Build[]): { client: Client; heardOf: number[] } {
  const coming = [...states];
  const heardOf: number[] = [];
  const fetch = async (input: unknown): Promise<Response> => {
    const [now] = coming;
    const after = new URL(String(input)).searchParams.get('after');
    if (now === undefined || after === null || Number(after) === now.seq) throw new TypeError('it would wait for long');
    heardOf.push(now.seq);
    coming.shift();
    return Response.json(now);
  };
  return { client: new Client({ url: 'http://signalbox.test', fetch }), heardOf };
}

async function followed(client: Client, more: Partial<FollowAsk> = {}) {
  const events: BuildEvent[] = [];
  const end = await followBuild(client, {
    ...{ build: built('pending'), timeoutMs: null, signal: new AbortController().signal },
    onEvent: (event) => events.push(event),
    ...more,
  });
  return { end, kinds: events.map(({ kind }) => kind) };
}

test.each([
  ['pending', null],
  ['building', null],
  ['started', 'runs'],
  ['finished', 'runs'],
  ['failed', 'failed'],
  ['cancelled', 'cancelled'],
] as const)('%s comes to %s, and is cancelled once its machines are being ended', (state, outcome) => {
  expect(buildOutcome(built(state))).toBe(outcome);
  expect(buildOutcome(built(state, { cancelling }))).toBe('cancelled');
});

describe('a build', () => {
  test('that is over already is not asked for', async () => {
    const { client, asked } = answering(built('building'));
    const { end, kinds } = await followed(client, { build: built('started') });
    expect({ end, kinds, asked }).toEqual({
      ...{ end: { kind: 'over', outcome: 'runs', build: built('started') }, kinds: ['heard'], asked: [] },
    });
  });

  test('is followed through a cut line and a restart', async () => {
    const { client, asked } = answering(null, 503, null, built('building', { seq: 2 }), built('started', { seq: 3 }));
    const { end, kinds } = await followed(client);
    expect(end).toMatchObject({ kind: 'over', outcome: 'runs' });
    expect(kinds).toEqual(['heard', 'away', 'back', 'heard', 'heard']);
    expect(asked).toEqual([...Array(4).fill('?wait=30&after=1'), '?wait=30&after=2']);
  });

  test('is asked for in pieces, each from where the one before has come to: nothing between them is missed', async () => {
    const states = [built('building', { seq: 4 }), built('building', { seq: 7 }), built('started', { seq: 9 })];
    const { client, heardOf } = changing(states);
    const { end, kinds } = await followed(client, { build: built('pending', { seq: 3 }), timeoutMs: 2_000 });
    expect({ end, kinds, heardOf }).toEqual({
      end: { kind: 'over', outcome: 'runs', build: states[2] },
      kinds: Array(4).fill('heard'),
      heardOf: [4, 7, 9],
    });
  });

  test('is looked at once where there is no time', async () => {
    const { client, asked } = answering(built('building'));
    const { end } = await followed(client, { timeoutMs: 0 });
    expect({ kind: end.kind, asked }).toEqual({ kind: 'timed_out', asked: [] });
  });

  test('is over in time while no server answers', async () => {
    const { client } = answering(null);
    const { end } = await followed(client, { timeoutMs: 300 });
    expect(end).toEqual({ kind: 'timed_out', build: built('pending') });
  });

  test('that nobody knows any longer is a refusal', async () => {
    const { client } = answering(404);
    const { end } = await followed(client);
    expect(end).toMatchObject({ kind: 'refused', refusal: { problem: { code: 'build_unknown' } } });
  });

  test('is left alone when nobody follows it any longer', async () => {
    const stop = new AbortController();
    const { client } = answering(built('building'));
    const onEvent = ({ kind }: BuildEvent): void => {
      if (kind === 'away') expect.fail('nobody was away');
      else setImmediate(() => stop.abort());
    };
    expect((await followed(client, { signal: stop.signal, onEvent })).end).toEqual({ kind: 'stopped' });
  });

  test('of which nothing new is heard is asked for after a pause, from where it was', async () => {
    const { client, asked } = answering(built('pending'), built('pending'), built('started', { seq: 2 }));
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const following = followed(client);
    for (const asks of [1, 2, 3]) {
      await vi.advanceTimersByTimeAsync(499);
      expect(asked).toEqual(Array(asks).fill('?wait=30&after=1'));
      await vi.advanceTimersByTimeAsync(1);
    }
    expect((await following).end.kind).toBe('over');
  });

  test('is asked for no longer than there is time', async () => {
    const { client, asked } = answering(built('building', { seq: 2 }), built('started', { seq: 3 }));
    await followed(client, { timeoutMs: 10_000 });
    for (const search of asked) expect(Number(new URLSearchParams(search).get('wait'))).toBeLessThanOrEqual(10);
    expect(asked).toHaveLength(2);
  });
});
