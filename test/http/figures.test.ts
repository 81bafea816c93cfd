// The past of an environment over HTTP: made from the history, however much or little of it there is.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Block, Lanes, Stats } from '../../src/api/schemas-figures.ts';
import { Client } from '../../src/client/client.ts';
import { eventually } from '../eventually.ts';
import { start, startForFile, type TestServer } from './server.ts';

const path = '/v1/environments/uat';

function storePath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-figures-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'signalbox.db');
}

/** One holds and gives back while another waits, who then holds; a third gives up. */
async function someHistory({ ask, call, lease, waiting }: TestServer) {
  const holder = { name: 'shop #1841', url: 'https://ci.example/1841', ref: 'main' };
  const first = await ask({ environment: 'uat', holder });
  const second = await ask({ environment: 'uat', holder: { name: 'shop #1842' }, queueSeconds: null });
  const third = await ask({ environment: 'uat', queueSeconds: null });
  await waiting('uat', 2);
  await call('DELETE', `/v1/leases/${third.id}`);
  await call('DELETE', `/v1/leases/${first.id}`);
  await eventually(async () => expect((await lease(second.id)).state).toBe('held'));
  return { first, second, third };
}

describe('lanes', () => {
  test('tell who held it, who waited, and when it was closed; the client gets the same', async () => {
    const server = await start();
    const { first, second } = await someHistory(server);
    await server.call('PATCH', path, { body: { capacity: 2, state: 'frozen', reason: 'month end' } });
    const { json, status } = await server.call('GET', `${path}/lanes`);
    const lanes = json as Lanes;
    expect(status).toBe(200);
    expect(lanes).toMatchObject({ environment: 'uat', slots: 2, slotsLeftOut: 0, truncated: false });
    expect(lanes.blocks).toMatchObject([
      {
        ...{ slot: 0, state: 'held', lease: first.id, how: 'released', by: 'anonymous', endedBy: 'anonymous' },
        ...{ holder: { name: 'shop #1841', url: 'https://ci.example/1841', ref: 'main' }, waitedSeconds: 0, merged: 1 },
      },
      { slot: 0, lease: second.id, to: null, how: null, holder: { name: 'shop #1842', url: null } },
    ]);
    expect(Date.parse(lanes.blocks[1]?.from ?? '')).toBeGreaterThanOrEqual(Date.parse(lanes.blocks[0]?.to ?? ''));
    expect(lanes.closed).toMatchObject([
      { to: null, state: 'frozen', reason: 'month end', by: 'anonymous', freeze: null, merged: 1 },
    ]);
    expect(lanes.waiting.map(({ waiting }) => waiting).slice(-3)).toEqual([2, 1, 0]);
    expect(lanes.capacity.map(({ capacity }) => capacity)).toEqual([0, 1, 2]);
    const said = await new Client({ url: server.url }).environmentLanes('uat', { since: lanes.since, max: 10 });
    expect(said).toMatchObject({ ok: true, value: { blocks: [{ lease: first.id }, { lease: second.id }] } });
  });

  test('of a time in the past tell what was then, and not what came later', async () => {
    const server = await start();
    const { first } = await someHistory(server);
    const { json } = await server.call('GET', `${path}/lanes`);
    const [block, next] = json.blocks as Block[];
    const middle = new Date((Date.parse(block?.from ?? '') + Date.parse(block?.to ?? '')) / 2).toISOString();
    const { json: then } = await server.call('GET', `${path}/lanes?until=${middle}`);
    expect(then.until).toBe(middle);
    expect(then.blocks).toMatchObject([{ lease: first.id, to: block?.to, how: 'released' }]);
    const after = await server.call('GET', `${path}/lanes?since=${next?.from}`);
    expect(after.json.blocks).toHaveLength(1);
  });

  test('a freeze by labels closes what carries them, while it lasts and afterwards', async () => {
    const server = await start();
    await server.call('PUT', path, { body: { labels: { kind: 'web' } } });
    for (const [name, labels] of [
      ['week', { kind: 'web' }],
      ['others', { kind: 'db' }],
    ] as const)
      await server.call('PUT', `/v1/freezes/${name}`, { body: { labels, reason: name } });
    const closed = async (): Promise<Lanes['closed']> => (await server.call('GET', `${path}/lanes`)).json.closed;
    expect(await closed()).toMatchObject([{ to: null, freeze: 'week', reason: 'week', state: 'frozen' }]);
    await server.call('DELETE', '/v1/freezes/week');
    expect(await closed()).toMatchObject([{ to: expect.any(String), freeze: 'week' }]);
    // Again, when what was read is known.
    expect(await closed()).toMatchObject([{ to: expect.any(String), freeze: 'week' }]);
  });

  test('more blocks than were asked for become bands that say how many they are', async () => {
    const { ask, call } = await start();
    for (let i = 0; i < 40; i++) await call('DELETE', `/v1/leases/${(await ask({ environment: 'uat' })).id}`);
    const { json } = await call('GET', `${path}/lanes?max=10`);
    expect(json.blocks.length).toBeLessThanOrEqual(10);
    expect(json.blocks.reduce((sum: number, { merged }: Block) => sum + merged, 0)).toBe(40);
    expect(json.mergedWithinSeconds).toBeGreaterThan(0);
  });

  test('begin where the history begins; what was held before is known by its end', async () => {
    const store = { kind: 'sqlite', path: storePath() } as const;
    const before = await startForFile({ store });
    const { second } = await someHistory(before);
    await before.stop();
    const file = new DatabaseSync(store.path);
    file.exec(`DELETE FROM event WHERE kind <> 'server.stopping'`);
    file.close();
    const { call } = await start({ store });
    const held = await call('GET', `${path}/lanes`);
    expect(held.json.blocks).toMatchObject([{ lease: second.id, to: null, holder: { name: 'shop #1842' } }]);
    expect(Date.parse(held.json.from)).toBeGreaterThan(Date.parse(held.json.since));
    await call('DELETE', `/v1/leases/${second.id}`);
    const { json } = await call('GET', `${path}/lanes`);
    expect(json.blocks).toMatchObject([{ lease: second.id, to: expect.any(String), how: 'released' }]);
    expect(json.capacity).toMatchObject([{ capacity: 1 }]);
  });

  test.each([
    ['since=yesterday', 'since'],
    ['since=2999-01-01T00:00:00Z', 'since'],
    ['since=2020-01-01T00:00:00Z', 'since'],
    ['since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z', 'since'],
    ['until=x', 'until'],
    ['max=9', 'max'],
    ['max=5001', 'max'],
    ['limit=1', 'limit'],
  ])('?%s is refused', async (query, field) => {
    const { call } = await start();
    await call('PUT', path, { body: {} });
    expect(await call('GET', `${path}/lanes?${query}`)).toMatchObject({ status: 400, json: { field } });
  });

  test.each(['lanes', 'stats'])('%s of an environment that is not there: 404 with the nearest', async (what) => {
    const { call } = await start();
    await call('PUT', '/v1/environments/production', { body: {} });
    expect(await call('GET', `/v1/environments/prodution/${what}`)).toMatchObject({
      ...{ status: 404, json: { code: 'environment_unknown', nearest: 'production' } },
    });
  });
});

describe('stats', () => {
  test('tell how much it was held, how long people waited, by whom, and what one more would change', async () => {
    const server = await start();
    await someHistory(server);
    const { json, status } = await server.call('GET', `${path}/stats`);
    const stats = json as Stats;
    expect(status).toBe(200);
    expect(stats).toMatchObject({ environment: 'uat', leases: 2, truncated: false, closedSeconds: 0 });
    expect(stats.waits).toMatchObject({ count: 2, timedOut: 0, cancelled: 1 });
    expect(stats.byHolder).toMatchObject([{ name: 'shop', leases: 2, share: 1 }]);
    expect(stats.others).toEqual({ holders: 0, leases: 0, heldSeconds: 0, share: 0 });
    expect(stats.heldShare).toBeGreaterThan(0);
    expect(stats.heldShare).toBeLessThanOrEqual(1);
    expect(stats.oneMore.savedSeconds).toBeLessThanOrEqual(stats.waits.sumSeconds);
    const said = await new Client({ url: server.url }).environmentStats('uat', { since: stats.from });
    expect(said).toMatchObject({ ok: true, value: { leases: 2, byHolder: [{ name: 'shop' }] } });
  });

  test('of an environment that nobody has used are zero, and null where there is nothing to say', async () => {
    const { call } = await start();
    await call('PUT', path, { body: {} });
    const { json } = await call('GET', `${path}/stats`);
    expect(json).toMatchObject({
      ...{ leases: 0, heldSeconds: 0, byHolder: [], waits: { count: 0, p50Seconds: null, sumSeconds: 0 } },
      oneMore: { p50Seconds: null, p95Seconds: null, savedSeconds: 0 },
    });
  });

  test('many at once are all answered', async () => {
    const server = await start();
    await someHistory(server);
    const replies = await Promise.all(Array.from({ length: 40 }, () => server.call('GET', `${path}/stats`)));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
  });
});

describe('oldestWaitSince', () => {
  test('is since when the longest has waited, whatever its priority', async () => {
    const { ask, call, environment } = await start();
    await call('PUT', path, { body: {} });
    expect((await environment('uat')).oldestWaitSince).toBeNull();
    const held = await ask({ environment: 'uat' });
    const low = await ask({ environment: 'uat', priority: -5, queueSeconds: null });
    await ask({ environment: 'uat', priority: 0, queueSeconds: null });
    expect((await environment('uat')).oldestWaitSince).toBe(low.queuedAt);
    await call('DELETE', `/v1/leases/${held.id}`);
    const [row] = (await call('GET', '/v1/environments')).json.items;
    expect(row.oldestWaitSince).toBe((await environment('uat')).oldestWaitSince);
  });
});
