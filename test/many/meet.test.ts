// Signals, barriers, waits, keys and the history through three servers on one PostgreSQL.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { admin } from '../http/server.ts';
import { openStream, type StreamEvent } from '../http/stream.ts';
import { type Many, type Server, startMany } from './servers.ts';

let many: Many;
let [a, b, c] = [] as unknown as [Server, Server, Server];
beforeAll(async () => {
  many = await startMany(3);
  [a, b, c] = many.servers as [Server, Server, Server];
});
afterAll(() => many?.stop());

const waits = (server: Server, count: number) =>
  eventually(async () =>
    expect((await server.call('GET', '/metrics')).text).toMatch(new RegExp(`signalbox_waits{space="main"} ${count}\n`)),
  );

describe('a signal', () => {
  test('that is set on one server answers those who wait on the others, and is seen at once by who comes later', async () => {
    for (let round = 0; round < 10; round++) {
      const name = `built-${round}`;
      const early = [a, b, c].map((server) => server.call('GET', `/v1/signals/${name}?wait=60`));
      await Promise.all([a, b, c].map((server) => waits(server, 1)));
      const set = await many.next().call('PUT', `/v1/signals/${name}`, { body: { data: { round } } });
      expect(set.status).toBe(201);
      expect(await many.next().call('GET', `/v1/signals/${name}`)).toMatchObject({ status: 200 });
      for (const { status, json } of await Promise.all(early))
        expect({ status, data: json.data }).toEqual({ status: 200, data: { round } });
      await many.next().call('DELETE', `/v1/signals/${name}`);
      expect(await many.next().call('GET', `/v1/signals/${name}`)).toMatchObject({ status: 404 });
    }
  });

  test('that is set and cleared at once on one server has answered those who wait on another', async () => {
    for (let round = 0; round < 10; round++) {
      const waiting = b.call('GET', '/v1/signals/blink?wait=60');
      await waits(b, 1);
      await Promise.all([a.call('PUT', '/v1/signals/blink', { body: {} }), c.call('DELETE', '/v1/signals/blink')]);
      // Whichever of the two came first.
      await a.call('PUT', '/v1/signals/blink', { body: {} });
      await a.call('DELETE', '/v1/signals/blink');
      expect((await waiting).status).toBe(200);
    }
  });

  test('of web-rendezvous meets across servers, and a failure is told with its reason', async () => {
    const waiting = a.call('GET', '/abc/def');
    await waits(a, 1);
    await b.call('POST', '/abc/def');
    expect((await waiting).status).toBe(200);
    const failing = c.call('GET', '/v1/signals/tests?wait=60');
    await waits(c, 1);
    await a.call('PUT', '/v1/signals/tests', { body: { failure: { reason: '3 tests failed' } } });
    expect(await failing).toMatchObject({ status: 409, json: { code: 'signal_failed', reason: '3 tests failed' } });
  });
});

describe('a barrier', () => {
  test('opens once for five parties over three servers, however often they say that they are there', async () => {
    for (let round = 0; round < 5; round++) {
      const path = `/v1/barriers/five?generation=${round}`;
      await many.next().call('PUT', path, { body: { parties: 5 } });
      const arrive = (party: number) =>
        many
          .next()
          .call('POST', `/v1/barriers/five/arrivals?wait=60&generation=${round}`, { body: { party: `p${party}` } });
      const early = [0, 1, 2, 3, 0, 1, 2, 3].map(arrive);
      await eventually(async () =>
        expect((await many.next().call('GET', path)).json).toMatchObject({ state: 'waiting', missingCount: 1 }),
      );
      early.push(arrive(4));
      for (const { status, json } of await Promise.all(early))
        expect({ status, state: json.state, missing: json.missingCount }).toEqual({
          status: 200,
          state: 'open',
          missing: 0,
        });
      const { json } = await many.next().call('GET', '/v1/events?kind=barrier.opened&limit=500');
      const opened = json.items.filter(({ data }: StreamEvent) => data.generation === String(round));
      expect(opened).toHaveLength(1);
    }
  });

  test('that breaks does so for all on every server, and names who is missing', async () => {
    await a.call('PUT', '/v1/barriers/broken', { body: { parties: ['api', 'db', 'web'] } });
    const waiting = [a, b].map((server, i) =>
      server.call('POST', '/v1/barriers/broken/arrivals?wait=60', { body: { party: ['api', 'web'][i] } }),
    );
    await eventually(async () =>
      expect((await c.call('GET', '/v1/barriers/broken')).json).toMatchObject({ missing: ['db'] }),
    );
    await c.call('DELETE', '/v1/barriers/broken');
    for (const reply of await Promise.all(waiting))
      expect(reply).toMatchObject({ status: 409, json: { code: 'barrier_broken', missing: ['db'] } });
    expect((await b.call('GET', '/v1/barriers/broken')).json).toMatchObject({ state: 'broken', missing: ['db'] });
  });
});

test('a wait for everything of every kind is met by what happens on other servers', async () => {
  const held = await b.ask({ environment: 'awaited' });
  const all = [`signal:s`, 'barrier:b', `lease:${held.id}`, 'env:awaited'];
  const waiting = a.call('POST', '/v1/waits', { body: { all, timeoutSeconds: 60 } });
  await waits(a, 1);
  await b.call('PUT', '/v1/signals/s', { body: {} });
  await c.call('PUT', '/v1/barriers/b', { body: { parties: 1 } });
  await c.call('POST', '/v1/barriers/b/arrivals', { body: { party: 'p' } });
  await c.call('DELETE', `/v1/leases/${held.id}`);
  const { status, json } = await waiting;
  expect({ status, outcome: json.outcome }).toEqual({ status: 200, outcome: 'met' });
  const look = { body: { all, timeoutSeconds: 0 } };
  for (const server of many.servers)
    expect((await server.call('POST', '/v1/waits', look)).json).toMatchObject({ outcome: 'met' });
});

describe('the event stream', () => {
  const events = (seen: readonly StreamEvent[]) => seen.filter(({ event }) => event !== 'row');

  test('of one server tells what was done on another, goes on at a third where it stopped, and leaves nothing out', async () => {
    const { json: before } = await a.call('GET', '/v1/events?order=desc&limit=1');
    const since = before.items[0].seq;
    const turns = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const { id } = await many.next().ask({ environment: 'told' });
        await many.next().call('DELETE', `/v1/leases/${id}`);
      }
    };
    const told: StreamEvent[] = [];
    let last = String(since);
    for (let round = 0; round < 6; round++) {
      const stream = await openStream(many.next(), { headers: { 'last-event-id': last } });
      const done = turns(5);
      const enough = 3 + round;
      await stream.until((seen) => events(seen).length >= enough);
      stream.close();
      await stream.ended;
      told.push(...events(stream.seen));
      last = told.at(-1)?.id as string;
      await done;
    }
    const rest = await openStream(b, { headers: { 'last-event-id': last } });
    const { json: all } = await c.call('GET', `/v1/events?since=${since}&limit=500`);
    await rest.until((seen) => told.length + events(seen).length >= all.items.length);
    expect([...told, ...events(rest.seen)].map(({ data }) => data.seq)).toEqual(
      all.items.map(({ seq }: { seq: number }) => seq),
    );
  });

  test('keeps a list true: rows that other servers change come as they are in the end', async () => {
    const { json: list } = await a.call('GET', '/v1/environments');
    const stream = await openStream(b, { query: `?rows=environments,leases&since=${list.asOf.seq}` });
    const held = await c.ask({ environment: 'rows', holder: { name: 'x' } });
    const waiting = await a.ask({ environment: 'rows', queueSeconds: null });
    const row = (seen: readonly StreamEvent[], id: string) =>
      seen.findLast(({ event, data }) => event === 'row' && data.id === id)?.data.row;
    await stream.until((seen) => row(seen, 'rows')?.waiting === 1 && row(seen, held.id)?.state === 'held');
    await a.call('DELETE', `/v1/leases/${waiting.id}`);
    await c.call('DELETE', `/v1/leases/${held.id}`);
    await stream.until((seen) => row(seen, 'rows')?.held.length === 0 && row(seen, held.id)?.state === 'released');
    expect(row(stream.seen, waiting.id)?.state).toBe('cancelled');
    // One that comes back to another server is told all that has changed meanwhile.
    const again = await openStream(c, { query: `?rows=environments,leases&since=${list.asOf.seq}` });
    await again.until((seen) => row(seen, 'rows') !== undefined && row(seen, held.id)?.state === 'released');
  });
});

describe('keys', () => {
  test('that are made on one server are known on the others at once, and deleted ones soon nowhere', async () => {
    const keyed = await startMany(3, { variables: { API_KEY: admin.key } });
    try {
      for (let round = 0; round < 10; round++) {
        const made = await keyed
          .next()
          .call('POST', '/v1/keys', { body: { name: `k${round}`, scopes: ['acquire', 'read'] }, key: admin.key });
        const { key, id } = made.json;
        const held = await keyed.next().ask({ environment: 'uat', ttlSeconds: 60 }, { key });
        expect((await keyed.next().lease(held.id, { key })).state).toBe('held');
        expect(await keyed.next().call('DELETE', `/v1/leases/${held.id}`, { key })).toMatchObject({ status: 200 });
        expect((await keyed.next().call('DELETE', `/v1/keys/${id}`, { key: admin.key })).status).toBeLessThan(300);
        // 429 after many of them.
        const refused = [401, 429];
        for (const server of keyed.servers)
          expect(refused).toContain((await server.call('GET', '/v1/me', { key })).status);
        await eventually(async () => {
          for (const server of keyed.servers)
            expect(refused).toContain((await server.call('DELETE', '/v1/leases/none', { key })).status);
        });
      }
    } finally {
      await keyed.stop();
    }
  });
});
