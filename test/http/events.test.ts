// The history: page by page, and as a stream that leaves nothing out.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { admin, start, startForFile, type TestServer } from './server.ts';
import { openStream, type StreamEvent } from './stream.ts';

interface Item {
  readonly seq: number;
  readonly kind: string;
  readonly subject: string;
}

/** Some history: two environments, each taken and given back. */
async function someHistory({ ask, call }: TestServer, names = ['a', 'b']): Promise<void> {
  for (const environment of names) {
    const { id } = await ask({ environment, holder: { name: `of ${environment}` } });
    await call('DELETE', `/v1/leases/${id}`);
  }
}

describe('GET /v1/events', () => {
  test.each(['asc', 'desc'])('pages through everything once, %s', async (order) => {
    const server = await start();
    await someHistory(server);
    const { json: all } = await server.call('GET', `/v1/events?order=${order}&limit=500`);
    expect(all.items.length).toBeGreaterThan(6);
    const seqs = all.items.map(({ seq }: Item) => seq);
    expect(seqs).toEqual(seqs.toSorted((a: number, b: number) => (order === 'asc' ? a - b : b - a)));
    const paged: number[] = [];
    let cursor = '';
    do {
      const { json } = await server.call('GET', `/v1/events?order=${order}&limit=2${cursor && `&cursor=${cursor}`}`);
      paged.push(...json.items.map(({ seq }: Item) => seq));
      cursor = json.next ?? '';
    } while (cursor !== '');
    expect(paged).toEqual(seqs);
    expect(all.next).toBeNull();
    expect(all.asOf.seq).toBeGreaterThanOrEqual(Math.max(...seqs));
  });

  test('says what happened, to what, by whom, with the facts', async () => {
    const server = await start();
    const { call, ask } = server;
    const held = await ask({ environment: 'a', holder: { name: 'deploy' }, ttlSeconds: 60 });
    await call('POST', `/v1/leases/${held.id}/revoke`, { body: { reason: 'hotfix', now: true } });
    const { json } = await call('GET', '/v1/events?subject=a&kind=lease.');
    const facts = { lease: held.id, holder: 'deploy', environments: ['a'] };
    expect(json.items).toMatchObject([
      {
        kind: 'lease.granted',
        subject: 'a',
        actor: 'anonymous',
        data: { ...facts, fence: held.fence, waitedSeconds: 0 },
      },
      { kind: 'lease.revoked', subject: 'a', data: { ...facts, how: 'revoked', reason: 'hotfix', by: 'anonymous' } },
    ]);
    for (const { at } of json.items) expect(new Date(at).toISOString()).toBe(at);
  });

  test('filters by subject, kind, beginning of kinds, actor and lease, and by seq and time', async () => {
    const server = await start();
    const { call, ask } = server;
    const before = new Date(Date.now() - 60_000).toISOString();
    await someHistory(server);
    const held = await ask({ environment: 'a' });
    const find = async (query: string): Promise<Item[]> => (await call('GET', `/v1/events?${query}`)).json.items;
    expect(new Set((await find('subject=b')).map(({ subject }) => subject))).toEqual(new Set(['b']));
    expect((await find('kind=lease.granted')).map(({ subject }) => subject)).toEqual(['a', 'b', 'a']);
    expect((await find('kind=lease.')).every(({ kind }) => kind.startsWith('lease.'))).toBe(true);
    expect(await find('kind=lease')).toEqual([]);
    expect((await find('actor=signalbox')).map(({ kind }) => kind)).toEqual(['server.started']);
    expect((await find(`lease=${held.id}`)).map(({ kind }) => kind)).toEqual(['lease.granted']);
    const all = await find('');
    const [, second, third] = all as [Item, Item, Item];
    expect(await find(`since=${second.seq}`)).toEqual(all.slice(2));
    expect(await find(`until=${third.seq}`)).toEqual(all.slice(0, 2));
    expect(await find(`since=${before}`)).toEqual(all);
    expect(await find(`until=${before}`)).toEqual([]);
    for (const wrong of ['since=yesterday', 'until=x', 'order=up', 'since=2026-13-45T99:00:00Z'])
      expect([wrong, (await call('GET', `/v1/events?${wrong}`)).status]).toEqual([wrong, 400]);
  });

  test('a reader of some environments sees what concerns those, also over many pages', async () => {
    const server = await start({ adminKeys: [admin] });
    const { call, makeKey, ask } = server;
    for (let i = 0; i < 30; i++) {
      const { id } = await ask({ environment: i % 10 === 0 ? 'uat' : 'prod' }, { key: admin.key });
      await call('DELETE', `/v1/leases/${id}`, { key: admin.key });
    }
    const key = await makeKey(['read:uat']);
    const { json: all } = await call('GET', '/v1/events?subject=uat&limit=500', { key: admin.key });
    for (const order of ['asc', 'desc']) {
      const seen: Item[] = [];
      let cursor = '';
      do {
        const { json } = await call('GET', `/v1/events?order=${order}&limit=2${cursor && `&cursor=${cursor}`}`, {
          key,
        });
        seen.push(...json.items);
        cursor = json.next ?? '';
      } while (cursor !== '');
      expect(order === 'asc' ? seen : seen.reverse()).toEqual(all.items);
    }
  });
});

describe('GET /v1/events/stream', () => {
  test('tells each event as it happens, in the shape of the list, with its seq as id', async () => {
    const server = await start();
    const stream = await openStream(server);
    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.headers.get('cache-control')).toBe('no-store');
    await someHistory(server);
    await stream.until((seen) => seen.filter(({ event }) => event === 'lease.released').length === 2);
    const { json } = await server.call('GET', '/v1/events');
    const told = json.items.filter(({ kind }: Item) => kind !== 'server.started');
    expect(stream.seen.map(({ data }) => data)).toEqual(told);
    expect(stream.seen.map(({ id }) => Number(id))).toEqual(told.map(({ seq }: Item) => seq));
  });

  test.each(['Last-Event-ID', 'since'])('resumes by %s without a gap and without a repeat', async (by) => {
    const server = await start();
    await someHistory(server);
    const { json } = await server.call('GET', '/v1/events');
    const from = json.items[2].seq as number;
    const stream = await openStream(
      server,
      by === 'since' ? { query: `?since=${from}` } : { headers: { 'last-event-id': String(from) } },
    );
    await someHistory(server, ['c']);
    await stream.until((seen) => seen.some(({ event, data }) => event === 'lease.released' && data.subject === 'c'));
    const { json: all } = await server.call('GET', `/v1/events?since=${from}`);
    expect(stream.seen.map(({ data }) => data.seq)).toEqual(all.items.map(({ seq }: Item) => seq));
  });

  test.each([
    'memory',
    'sqlite',
  ])('%s: nothing is left out by clients that come and go while much happens', async (kind) => {
    const server = await start({ store: kind === 'memory' ? { kind } : { kind: 'sqlite', path: storePath() } });
    const seen: number[] = [];
    // Many at once, so that something always becomes durable between the last look at the log and the moment of going live.
    const writing = Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        for (let i = 0; i < 25; i++) await someHistory(server, [`${n}-a`, `${n}-b`]);
      }),
    );
    let last = 0;
    let isOver = false;
    void writing.then(() => {
      isOver = true;
    });
    while (!isOver) {
      const stream = await openStream(server, { query: `?since=${last}` });
      await stream.until((events) => isOver || events.length >= 20);
      for (const { data } of stream.seen) seen.push(data.seq as number);
      last = seen.at(-1) ?? 0;
      stream.close();
    }
    await writing;
    const { json: end } = await server.call('GET', '/v1/events?order=desc&limit=1');
    const rest = await openStream(server, { query: `?since=${last}` });
    await rest.until((events) => last === end.items[0].seq || events.at(-1)?.data.seq === end.items[0].seq);
    for (const { data } of rest.seen) seen.push(data.seq as number);
    const all: number[] = [];
    for (let cursor = ''; ; ) {
      const { json } = await server.call('GET', `/v1/events?limit=500${cursor && `&cursor=${cursor}`}`);
      all.push(...json.items.map(({ seq }: Item) => seq));
      if (json.next === null) break;
      cursor = json.next;
    }
    expect(seen).toEqual(all);
  });

  test('a client far behind catches up at its own pace, though it is more than is kept unread', async () => {
    const server = await start();
    const reason = 'x'.repeat(1_000);
    for (let i = 0; i < 1_500; i++) await server.call('PUT', '/v1/environments/a', { body: { description: reason } });
    const stream = await openStream(server, { query: '?since=0' });
    await stream.until((seen) => seen.filter(({ event }) => event === 'environment.changed').length === 1_499);
  });

  test('an id from before the history begins is told so: reset, and then what there is', async () => {
    const server = await startWithPrunedHistory();
    const { json } = await server.call('GET', '/v1/events?limit=1');
    const oldest = json.items[0].seq as number;
    expect(oldest).toBeGreaterThan(2);
    const stream = await openStream(server, { headers: { 'last-event-id': '1' } });
    await stream.until((seen) => seen.length >= 2);
    expect(stream.seen[0]).toMatchObject({ event: 'reset', data: { oldest } });
    expect(stream.seen[1]?.data.seq).toBe(oldest);
  });

  test('?rows= sends how things are now, in the shape of the API', async () => {
    const server = await start();
    const stream = await openStream(server, { query: '?rows=environments,leases,freezes' });
    const held = await server.ask({ environment: 'uat', holder: { name: 'deploy' } });
    await server.call('PUT', '/v1/freezes/night', { body: { labels: { x: 'y' }, reason: 'backup' } });
    await server.call('DELETE', '/v1/freezes/night');
    await server.call('DELETE', `/v1/leases/${held.id}`);
    await server.call('DELETE', '/v1/environments/uat');
    const rows = () => stream.seen.filter(({ event }) => event === 'row').map(({ data }) => data);
    await stream.until(() =>
      rows().some(({ kind, id, row }) => kind === 'environments' && id === 'uat' && row === null),
    );
    const of = (kind: string) => rows().filter((row) => row.kind === kind);
    expect(of('leases').map(({ row }) => row.state)).toContain('held');
    expect(of('leases').at(-1)?.row).toMatchObject({ id: held.id, state: 'released', holder: { name: 'deploy' } });
    expect(of('leases').every(({ row }) => !('secret' in row))).toBe(true);
    expect(of('environments')[0]?.row).toMatchObject({ name: 'uat', held: [{ id: held.id }], free: 0 });
    expect(of('freezes').map(({ row }) => row?.reason ?? null)).toEqual(['backup', null]);
  });

  test('a client that comes back is sent the rows that changed meanwhile, and what has gone', async () => {
    const server = await start();
    await server.ask({ environment: 'same' });
    await server.call('PUT', '/v1/environments/gone', { body: {} });
    await server.call('PUT', '/v1/environments/busy', { body: {} });
    const { json: list } = await server.call('GET', '/v1/environments');
    await server.call('DELETE', '/v1/environments/gone');
    const held = await server.ask({ environment: 'busy' });
    const stream = await openStream(server, { query: `?rows=environments,leases&since=${list.asOf.seq}` });
    await stream.until((seen) => seen.filter(({ event }) => event === 'row').length >= 3);
    const rows = stream.seen.filter(({ event }) => event === 'row').map(({ data }) => data);
    expect(rows.map(({ id }) => id).sort()).toEqual(['busy', 'gone', held.id].sort());
    expect(rows.find(({ id }) => id === 'gone')?.row).toBeNull();
    expect(rows.find(({ id }) => id === 'busy')?.row).toMatchObject({ held: [{ id: held.id }] });
  });

  test('?rows= says when all that had changed before are told, without an id to go on from', async () => {
    const { url, ask } = await start();
    await ask({ environment: 'uat' });
    const hangUp = new AbortController();
    const { body } = await fetch(`${url}/v1/events/stream?rows=environments&since=0`, { signal: hangUp.signal });
    let text = '';
    for await (const part of body?.pipeThrough(new TextDecoderStream() as never) as unknown as AsyncIterable<string>) {
      text += part;
      if (/event: told\ndata: .*\n\n/.test(text)) break;
    }
    hangUp.abort();
    expect(text).toMatch(/event: row\n.*"id":"uat".*\n\nevent: told\ndata: \{"seq":\d+\}\n\n$/);
  });

  test('?rows=signals,barriers: as they are after each change; null when they have gone', async () => {
    const server = await start();
    const { call } = server;
    const stream = await openStream(server, { query: '?rows=signals,barriers' });
    await call('PUT', '/v1/signals/built', { body: { data: { sha: 'abc' } } });
    await call('PUT', '/v1/signals/built', { body: { failure: { reason: 'no' } } });
    await call('DELETE', '/v1/signals/built');
    await call('PUT', '/v1/signals/short', { body: { ttlSeconds: 1 } });
    await call('PUT', '/v1/barriers/meet?generation=7', { body: { parties: ['a', 'b'] } });
    await call('POST', '/v1/barriers/meet/arrivals?generation=7', { body: { party: 'a' } });
    await call('POST', '/v1/barriers/meet/arrivals?generation=7', { body: { party: 'b' } });
    const { json: barrier } = await call('GET', '/v1/barriers/meet?generation=7');
    await call('DELETE', '/v1/barriers/meet?generation=7&forget=true');
    const rows = (id: string) => stream.seen.filter(({ data }) => data.id === id).map(({ data }) => data.row);
    const meet = 'meet\t7';
    await stream.until(() => rows('short').includes(null) && rows(meet).includes(null));
    expect(rows('built').slice(0, -1)).toMatchObject([{ state: 'set', data: { sha: 'abc' } }, { state: 'failed' }]);
    expect(rows('built').at(-1)).toBeNull();
    expect(rows(meet).map((row) => row?.state ?? null)).toEqual(['waiting', 'waiting', 'open', null]);
    expect(rows(meet)[2]).toEqual(barrier);
    expect(stream.seen.map(({ event }) => event).filter((event) => event !== 'row')).toEqual([
      ...['signal.set', 'signal.failed', 'signal.cleared', 'signal.set', 'barrier.declared', 'barrier.arrived'],
      ...['barrier.arrived', 'barrier.opened', 'barrier.forgotten', 'signal.expired'],
    ]);
  });

  test('?rows= of machines: builds, instances, jobs, pools and images, in the shape of their lists', async () => {
    const program = join(import.meta.dirname, 'machine.sh');
    const server = await start({ driver: { kind: 'command', program }, adminKeys: [admin] });
    const asAdmin = { key: admin.key };
    const { call } = server;
    const query = '?rows=builds,instances,jobs,pools,images';
    // Whoever may read anything may read these.
    const stream = await openStream(server, { query, key: await server.makeKey(['read:nothing']) });
    const { asOf } = (await call('GET', '/v1/pools', asAdmin)).json;
    const build = { site: 's', env: 'e', queue: 'q', instanceType: 't' };
    await call('PUT', '/v1/images/ami-1', { body: { role: 'web' }, ...asAdmin });
    await call('PUT', '/v1/pools/vms', { body: { labels: { kind: 'vm' }, max: 1, min: 1, build }, ...asAdmin });
    const rows = (from: readonly StreamEvent[], kind: string) =>
      from.filter(({ event, data }) => event === 'row' && data.kind === kind).map(({ data }) => data.row);
    await stream.until((seen) => rows(seen, 'builds').some((row) => row?.state === 'started'));
    await stream.until((seen) => rows(seen, 'pools').some((row) => row?.machines.there === 1));
    await stream.until((seen) => rows(seen, 'jobs').some((row) => row === null));
    const { json: lists } = await call('GET', '/v1/instances', asAdmin);
    await stream.until((seen) => rows(seen, 'instances').some((row) => row?.state === lists.items[0].state));
    expect(rows(stream.seen, 'images')).toMatchObject([{ id: 'ami-1', role: 'web' }]);
    expect(rows(stream.seen, 'builds').at(-1)).toMatchObject({ pool: 'vms', instances: [{ state: 'running' }] });
    // Nobody has asked for a machine, and then somebody does.
    await server.ask({ wants: [{ labels: { kind: 'vm' } }], queueSeconds: null }, asAdmin);
    await stream.until((seen) => rows(seen, 'pools').at(-1)?.waiting === 1);
    await call('DELETE', '/v1/images/ami-1', asAdmin);
    await stream.until((seen) => rows(seen, 'images').at(-1) === null);

    const { json: jobs } = await call('GET', '/v1/jobs', asAdmin);
    const later = await openStream(server, { query: `${query}&since=${asOf.seq}`, ...asAdmin });
    await later.until((seen) => rows(seen, 'images').length > 0 && rows(seen, 'pools').length > 0);
    const known = later.seen.filter(({ event }) => event === 'known').map(({ data }) => data);
    expect(known.map(({ kind }) => kind)).toEqual(['builds', 'instances', 'jobs']);
    expect(known[1].ids).toEqual([lists.items[0].id]);
    expect(known[2].ids).toEqual(jobs.items.map(({ id }: { id: string }) => id));
    expect(rows(later.seen, 'images')).toEqual([null]);
    expect(rows(later.seen, 'pools')).toMatchObject([{ name: 'vms', machines: { there: 1 } }]);
  });

  test('more rows than may lie unread are told at the pace of the client', async () => {
    const server = await start();
    const list = (await server.call('GET', '/v1/signals')).json;
    const names = Array.from({ length: 2_000 }, (_, n) => `s${n}`);
    const data = 'x'.repeat(1_000);
    for (const name of names) await server.call('PUT', `/v1/signals/${name}`, { body: { data } });
    const stream = await openStream(server, { query: `?rows=signals&since=${list.asOf.seq}` });
    const rows = (seen: readonly StreamEvent[]) => seen.filter(({ event }) => event === 'row');
    await stream.until((seen) => rows(seen).length >= names.length);
    expect(new Set(rows(stream.seen).map(({ data: { id } }) => id))).toEqual(new Set(names));
    // And it goes on.
    await server.call('PUT', '/v1/signals/one-more');
    await stream.until((seen) => rows(seen).some(({ data: { id } }) => id === 'one-more'));
  });

  test('?rows=signals,barriers for a client that was away: what changed, and what has gone, cleared or expired', async () => {
    const server = await start();
    const { call } = server;
    const declare = (path: string) => call('PUT', `/v1/barriers/${path}`, { body: { parties: 2 } });
    for (const name of ['same', 'cleared', 'changed', 'expired', 'again'])
      await call('PUT', `/v1/signals/${name}`, { body: { ttlSeconds: name === 'expired' ? 1 : null } });
    for (const path of ['b-same', 'b-gone', 'b-gone?generation=7', 'b-changed?generation=7']) await declare(path);
    const { json: list } = await call('GET', '/v1/signals');
    await call('DELETE', '/v1/signals/cleared');
    await call('DELETE', '/v1/signals/again');
    await call('PUT', '/v1/signals/again', { body: { data: 2 } });
    await call('PUT', '/v1/signals/changed', { body: { data: 1 } });
    await call('PUT', '/v1/signals/made', { body: {} });
    await call('DELETE', '/v1/barriers/b-gone?forget=true');
    await call('DELETE', '/v1/barriers/b-gone?generation=7&forget=true');
    await call('POST', '/v1/barriers/b-changed/arrivals?generation=7', { body: { party: 'a' } });
    await eventually(async () => expect((await call('GET', '/v1/signals/expired')).status).toBe(404));
    const stream = await openStream(server, { query: `?rows=signals,barriers&since=${list.asOf.seq}` });
    const rows = () => stream.seen.filter(({ event }) => event === 'row').map(({ data }) => data);
    await stream.until(() => rows().length >= 8);
    const told = Object.fromEntries(
      rows().map(({ kind, id, row }) => [`${kind} ${id}`, row?.data ?? row?.state ?? null]),
    );
    expect(rows()).toHaveLength(8);
    expect(told).toEqual({
      ...{ 'signals cleared': null, 'signals expired': null, 'signals again': 2, 'signals changed': 1 },
      ...{
        'signals made': 'set',
        'barriers b-gone': null,
        'barriers b-gone\t7': null,
        'barriers b-changed\t7': 'waiting',
      },
    });
  });

  test('a reader of some names is told of those signals and barriers alone, also of what has gone', async () => {
    const server = await start({ adminKeys: [admin] });
    const asAdmin = { key: admin.key };
    const key = await server.makeKey(['read:mine-*']);
    const live = await openStream(server, { query: '?rows=signals,barriers', key });
    const { json: list } = await server.call('GET', '/v1/signals', asAdmin);
    for (const name of ['other-1', 'mine-1']) {
      await server.call('PUT', `/v1/signals/${name}`, { body: { data: 'x' }, ...asAdmin });
      await server.call('DELETE', `/v1/signals/${name}`, asAdmin);
      for (const query of ['', '?generation=mine-7'])
        await server.call('PUT', `/v1/barriers/${name}${query}`, { body: { parties: 2 }, ...asAdmin });
      await server.call('DELETE', `/v1/barriers/${name}?generation=mine-7&forget=true`, asAdmin);
    }
    await server.makeKey(['read']);
    await server.call('PUT', '/v1/signals/mine-last', { body: {}, ...asAdmin });
    const resumed = await openStream(server, { query: `?rows=signals,barriers&since=${list.asOf.seq}`, key });
    for (const stream of [live, resumed]) {
      await stream.until((seen) => seen.some(({ event, data }) => event === 'row' && data.id === 'mine-last'));
      await stream.until((seen) => seen.some(({ data }) => data.id === 'mine-1\tmine-7'));
      const subjects = stream.seen.map(({ event, data }) => (event === 'row' ? data.id.split('\t')[0] : data.subject));
      expect(new Set(subjects)).toEqual(new Set(['mine-1', 'mine-last']));
      expect(stream.seen.map(({ event }) => event)).not.toContain('key.created');
    }
    const { json: history } = await server.call('GET', '/v1/events?limit=500', { key });
    expect(new Set(history.items.map(({ subject }: Item) => subject))).toEqual(new Set(['mine-1', 'mine-last']));
  });

  test('a reader of some environments is told of those alone', async () => {
    const server = await start({ adminKeys: [admin] });
    const key = await server.makeKey(['read:uat']);
    const stream = await openStream(server, { query: '?since=0&rows=environments,leases', key });
    for (const environment of ['prod', 'uat', 'prod-2', 'uat-2']) await server.ask({ environment }, { key: admin.key });
    await server.call('PUT', '/v1/environments/uat', { body: { description: 'last' }, key: admin.key });
    await stream.until((seen) => seen.some(({ data }) => data.row?.description === 'last'));
    const subjects = stream.seen.map(({ event, data }) =>
      event === 'row' ? (data.row.granted?.[0]?.environment ?? data.id) : data.subject,
    );
    expect(new Set(subjects)).toEqual(new Set(['uat']));
  });

  test.each(['since=x', 'since=-1', 'rows=nonsense', 'nonsense=1'])('?%s is refused', async (query) => {
    const { call } = await start();
    expect(await call('GET', `/v1/events/stream?${query}`)).toMatchObject({ status: 400 });
  });

  test('HEAD does not open a stream', async () => {
    const { call } = await start();
    expect(await call('HEAD', '/v1/events/stream')).toMatchObject({ status: 405 });
  });

  test('one stream too many is refused clearly, and there is room again when one goes', async () => {
    const server = await start({ maxStreams: 2 });
    const streams = [await openStream(server), await openStream(server)];
    const refused = await server.call('GET', '/v1/events/stream');
    expect(refused).toMatchObject({ status: 503, json: { code: 'server_full' } });
    expect(refused.headers.get('retry-after')).toBe('5');
    streams[0]?.close();
    await eventually(async () => (await openStream(server)).close());
  });

  test('a stop of the server ends the stream', async () => {
    const server = await start();
    const stream = await openStream(server);
    await server.stop();
    await stream.ended;
  });
});

function storePath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-events-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'signalbox.db');
}

/** A server on a store from which the beginning of the history has gone, as after --history-days. */
async function startWithPrunedHistory(): Promise<TestServer> {
  const path = storePath();
  const before = await startForFile({ store: { kind: 'sqlite', path } });
  await someHistory(before);
  await before.stop();
  const file = new DatabaseSync(path);
  file.exec('DELETE FROM event WHERE seq < 5');
  file.close();
  return start({ store: { kind: 'sqlite', path } });
}
