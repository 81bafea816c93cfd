// Asking and waiting through faults: never a lost place, never a second slot.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Client } from '../../src/client/client.ts';
import { type Ask, leavePlace, newPlace, type PlaceEvent, takePlace } from '../../src/client/place.ts';
import { FakeServer } from '../run/fake-server.ts';

let server: FakeServer;
let client: Client;
let events: PlaceEvent[];
let stop: AbortController;

beforeEach(async () => {
  server = await new FakeServer().start();
  client = new Client({ url: server.url });
  events = [];
  stop = new AbortController();
});

afterEach(() => server.stop());

function ask(more: Partial<Ask> = {}): Ask {
  return {
    request: { environment: 'uat', queueSeconds: null, ttlSeconds: 60 },
    idempotencyKey: 'key-1',
    signal: stop.signal,
    firstContactMs: 10_000,
    pollSeconds: 5,
    onEvent: (event) => events.push(event),
    ...more,
  };
}

function kinds(): string[] {
  return events.map(({ kind }) => kind);
}

async function until(met: () => boolean): Promise<void> {
  for (let tries = 0; !met(); tries++) {
    if (tries > 500) throw new Error('it did not come');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('a free environment', () => {
  test('is granted at once, with the secret', async () => {
    const end = await takePlace(client, ask());
    expect(end).toMatchObject({ kind: 'granted', lease: { state: 'held', fence: 4182 }, secret: 'secret-of-ls_fake1' });
    expect(kinds()).toEqual([]);
  });

  test.each([
    'drop_reply',
    'cut',
    'busy_503',
    'proxy_502',
    'html_200',
  ] as const)('is granted once when the answer to the asking is: %s', async (fault) => {
    server.fault('POST', '/v1/leases', fault, 2);
    const end = await takePlace(client, ask());
    expect(end).toMatchObject({ kind: 'granted' });
    expect(server.asked).toHaveLength(1);
    const keys = server.seen.filter(({ method }) => method === 'POST').map(({ key }) => key);
    expect(keys).toEqual(['key-1', 'key-1', 'key-1']);
  });
});

describe('a held environment', () => {
  test('is queued for, and granted when it is released', async () => {
    const other = server.occupy('uat');
    const taken = takePlace(client, ask());
    await until(() => events.length > 0);
    server.release(other);
    expect(await taken).toMatchObject({ kind: 'granted' });
    expect(kinds()[0]).toBe('queued');
  });

  test('keeps the place when polls are cut, answered by a proxy, or the server restarts', async () => {
    const other = server.occupy('uat');
    const taken = takePlace(client, ask());
    await until(() => events.length > 0);
    server.fault('GET', '/v1/leases/', 'html_200', 1);
    server.fault('GET', '/v1/leases/', 'proxy_502', 1);
    await server.stop();
    await until(() => kinds().includes('away'));
    await server.start();
    await until(() => kinds().includes('back'));
    server.release(other);
    expect(await taken).toMatchObject({ kind: 'granted', lease: { id: 'ls_fake2' } });
    expect(server.asked).toHaveLength(1);
  });

  test('one cut poll is nobody’s business', async () => {
    const other = server.occupy('uat');
    const taken = takePlace(client, ask({ pollSeconds: 1 }));
    server.fault('GET', '/v1/leases/', 'cut', 1);
    await until(() => server.seen.filter(({ method }) => method === 'GET').length > 2);
    server.release(other);
    await taken;
    expect(kinds()).not.toContain('away');
  });

  test('is refused at once without queueing', async () => {
    server.occupy('uat');
    const end = await takePlace(client, ask({ request: { environment: 'uat', queueSeconds: 0 } }));
    expect(end).toMatchObject({ kind: 'refused', problem: { code: 'environment_busy' } });
  });

  test('the place is asked for anew, with a new key, when the server gave it away while we were gone', async () => {
    const other = server.occupy('uat');
    const taken = takePlace(client, ask());
    await until(() => events.length > 0);
    server.end('ls_fake2', 'absent', 'signalbox', null);
    await until(() => kinds().filter((kind) => kind === 'queued').length === 2);
    server.release(other);
    expect(await taken).toMatchObject({ kind: 'granted', lease: { id: 'ls_fake3' } });
    expect(server.seen.filter(({ method }) => method === 'POST').map(({ key }) => key)).toEqual(['key-1', 'key-1.2']);
    expect(kinds()).toContain('lost_place');
  });

  test('a place that somebody cancelled is not asked for again', async () => {
    server.occupy('uat');
    const taken = takePlace(client, ask());
    await until(() => events.length > 0);
    server.end('ls_fake2', 'environment_draining', 'carla', 'moving');
    expect(await taken).toMatchObject({ kind: 'ended', lease: { end: { how: 'environment_draining', by: 'carla' } } });
  });

  test('an answer before its time without news makes no tight loop', async () => {
    server.occupy('uat');
    const taken = takePlace(client, ask({ pollSeconds: 0 }));
    await until(() => events.length > 0);
    const before = server.seen.length;
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(server.seen.length - before).toBeLessThan(6);
    stop.abort();
    await taken;
  });
});

describe('no server', () => {
  test('is given up after the time for the first contact', async () => {
    await server.stop();
    const end = await takePlace(client, ask({ firstContactMs: 600 }));
    expect(end).toMatchObject({ kind: 'unreachable', reason: 'connection refused' });
  });

  test('is waited for while it starts', async () => {
    await server.stop();
    const taken = takePlace(client, ask());
    await until(() => kinds().includes('away'));
    await server.start();
    expect(await taken).toMatchObject({ kind: 'granted' });
  });

  test('another program on that port is no server', async () => {
    server.fault('POST', '', 'html_200', 99);
    const end = await takePlace(client, ask({ firstContactMs: 300 }));
    expect(end).toMatchObject({ kind: 'unreachable', reason: 'answer 200 is not from Signalbox' });
  });

  test('once queued it is given up only when the time in the queue is over', async () => {
    server.occupy('uat');
    const taken = takePlace(client, ask({ firstContactMs: 100, maxTotalMs: 2500 }));
    await until(() => events.length > 0);
    await server.stop();
    const startedAt = performance.now();
    expect(await taken).toMatchObject({ kind: 'unreachable' });
    expect(performance.now() - startedAt).toBeGreaterThan(1000);
  });
});

describe('who gives up', () => {
  test('leaves the queue', async () => {
    server.occupy('uat');
    const place = newPlace();
    const taken = takePlace(client, ask(), place);
    await until(() => events.length > 0);
    stop.abort();
    expect(await taken).toEqual({ kind: 'stopped' });
    expect(await leavePlace(client, place, 3000)).toBe(true);
    expect(server.leases.get('ls_fake2')?.state).toBe('cancelled');
  });

  test('gives back what was granted by an ask that was never answered', async () => {
    server.fault('POST', '/v1/leases', 'drop_reply', 1);
    server.fault('POST', '/v1/leases', 'hang', 1);
    const place = newPlace();
    const taken = takePlace(client, ask(), place);
    await until(() => server.seen.length === 2);
    expect(server.asked[0]?.state).toBe('held');
    stop.abort();
    expect(await taken).toEqual({ kind: 'stopped' });
    expect(await leavePlace(client, place, 3000)).toBe(true);
    expect(server.asked.map(({ state }) => state)).toEqual(['released']);
  });

  test('does not hang when the server is gone', async () => {
    server.occupy('uat');
    const place = newPlace();
    const taken = takePlace(client, ask(), place);
    await until(() => events.length > 0);
    await server.stop();
    stop.abort();
    await taken;
    const startedAt = performance.now();
    expect(await leavePlace(client, place, 500)).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });
});
