// Turns are taken through three servers on one PostgreSQL, by clients that ask another server each time.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Lease } from '../../src/api/schemas.ts';
import { eventually } from '../eventually.ts';
import { type Many, type Server, startMany } from './servers.ts';

let many: Many;
let [a, b, c] = [] as unknown as [Server, Server, Server];
beforeAll(async () => {
  many = await startMany(3);
  [a, b, c] = many.servers as [Server, Server, Server];
});
afterAll(() => many?.stop());

describe('the older systems', () => {
  test('of 64 starts at the same time on three servers one wins, 20 times', async () => {
    for (let round = 0; round < 20; round++) {
      const answers = await Promise.all(Array.from({ length: 64 }, () => many.next().call('GET', '/start')));
      expect([round, answers.filter(({ text }) => text === '1').length]).toEqual([round, 1]);
      expect(answers.every(({ status }) => status === 200)).toBe(true);
      const stops = await Promise.all(Array.from({ length: 6 }, () => many.next().call('GET', '/stop')));
      expect(stops.map(({ text }) => text).sort()).toEqual(['0', '0', '0', '0', '0', '1']);
    }
  });

  test('a lock of call-me is seen, refused and given back anywhere, at once', async () => {
    for (let round = 0; round < 30; round++) {
      expect(await many.next().call('GET', '/maybe?environment=old')).toMatchObject({ status: 200 });
      expect(await many.next().call('POST', '/maybe?environment=old')).toMatchObject({ status: 201 });
      expect(await many.next().call('GET', '/maybe?environment=old')).toMatchObject({ status: 403 });
      expect(await many.next().call('POST', '/maybe?environment=old')).toMatchObject({ status: 403 });
      expect(await many.next().call('DELETE', '/maybe?environment=old')).toMatchObject({ status: 204 });
    }
  });

  test('a block on one server refuses starts on all', async () => {
    await a.call('GET', '/block?name=sion');
    for (const server of many.servers) expect((await server.call('GET', '/start')).text).toBe('0');
    expect((await b.call('GET', '/unblock')).text).toBe('1');
    expect((await c.call('GET', '/start')).text).toBe('1');
    expect((await a.call('GET', '/stop')).text).toBe('1');
  });
});

describe('a lease', () => {
  test('is asked for, looked at, renewed, checked and released, each time on another server', async () => {
    for (let round = 0; round < 30; round++) {
      const held = await many.next().ask({ environment: 'uat', ttlSeconds: 60 });
      expect(held.state).toBe('held');
      expect(await many.next().lease(held.id)).toMatchObject({ state: 'held', fence: held.fence });
      expect(await many.next().call('POST', `/v1/leases/${held.id}/renew`)).toMatchObject({ status: 200 });
      const fence = await many.next().call('GET', `/v1/environments/uat/fence/${held.fence}`);
      expect(fence.json).toMatchObject({ current: true });
      expect((await many.next().environment('uat')).held).toMatchObject([{ id: held.id }]);
      expect(await many.next().call('DELETE', `/v1/leases/${held.id}`)).toMatchObject({ status: 200 });
      expect(await many.next().lease(held.id)).toMatchObject({ state: 'released' });
      expect(await many.next().call('POST', `/v1/leases/${held.id}/renew`)).toMatchObject({ status: 410 });
    }
  });

  test('is given by the server where its client waits, whoever gives it back where', async () => {
    for (let round = 0; round < 10; round++) {
      const held = await many.next().ask({ environment: 'handed' });
      const waiting = await many.next().ask({ environment: 'handed', queueSeconds: null });
      expect(waiting.state).toBe('waiting');
      const poll = many.next().call('GET', `/v1/leases/${waiting.id}?wait=60`);
      await many.next().call('DELETE', `/v1/leases/${held.id}`);
      expect((await poll).json).toMatchObject({ id: waiting.id, state: 'held' });
      await many.next().call('DELETE', `/v1/leases/${waiting.id}`);
    }
  });

  test('waits for a client that asks another server each time, and only looks', async () => {
    const held = await a.ask({ environment: 'looked' });
    const waiting = await b.ask({ environment: 'looked', queueSeconds: null });
    for (let look = 0; look < 12; look++) expect((await many.next().lease(waiting.id)).state).toBe('waiting');
    await c.call('DELETE', `/v1/leases/${held.id}`);
    expect((await a.lease(waiting.id)).state).toBe('held');
    await b.call('DELETE', `/v1/leases/${waiting.id}`);
  });

  test('goes to a client that stays on the line at one server, though another has heard of it since', async () => {
    for (const [here, there] of [
      [a, b],
      [b, a],
    ] as const) {
      const held = await c.ask({ environment: 'twice' });
      const waiting = await here.ask({ environment: 'twice', queueSeconds: null });
      const poll = here.call('GET', `/v1/leases/${waiting.id}?wait=60`);
      await eventually(async () =>
        expect((await here.call('GET', '/metrics')).text).toContain('signalbox_polls{space="main"} 1\n'),
      );
      expect((await there.lease(waiting.id)).state).toBe('waiting');
      await c.call('DELETE', `/v1/leases/${held.id}`);
      expect((await poll).json).toMatchObject({ state: 'held' });
      await c.call('DELETE', `/v1/leases/${waiting.id}`);
    }
  });

  test('of one Idempotency-Key is one lease, wherever it is asked for again', async () => {
    const asked = { headers: { 'idempotency-key': 'job-7' }, body: { environment: 'once', ttlSeconds: 60 } };
    const together = await Promise.all(many.servers.map((server) => server.call('POST', '/v1/leases', asked)));
    expect(new Set(together.map(({ json }) => json.id)).size).toBe(1);
    expect(together.map(({ status }) => status)).toEqual([201, 201, 201]);
    expect(together.filter(({ headers }) => headers.get('idempotency-replayed') === 'true')).toHaveLength(2);
    for (const server of many.servers) {
      const again = await server.call('POST', '/v1/leases', asked);
      expect(again).toMatchObject({ status: 201, json: { id: together[0]?.json.id } });
      expect(again.json.secret).toBe(together[0]?.json.secret);
    }
    const other = { ...asked, body: { environment: 'another' } };
    expect(await c.call('POST', '/v1/leases', other)).toMatchObject({ json: { code: 'idempotency_key_reused' } });
    await b.call('DELETE', `/v1/leases/${together[0]?.json.id}`);
    expect(await a.call('POST', '/v1/leases', asked)).toMatchObject({ status: 410 });
  });

  test('that waits under an Idempotency-Key is joined on another server, and both are told of the grant', async () => {
    const held = await a.ask({ environment: 'joined' });
    const asked = { headers: { 'idempotency-key': 'job-8' }, body: { environment: 'joined', queueSeconds: null } };
    const first = await a.call('POST', '/v1/leases', asked);
    const polls = [b, c].map((server) => server.call('POST', '/v1/leases?wait=60', asked));
    await Promise.all(
      [b, c].map((server) =>
        eventually(async () =>
          expect((await server.call('GET', '/metrics')).text).toContain('signalbox_polls{space="main"} 1\n'),
        ),
      ),
    );
    await a.call('DELETE', `/v1/leases/${held.id}`);
    for (const { status, json } of await Promise.all(polls))
      expect({ status, id: json.id }).toEqual({ status: 201, id: first.json.id });
    await a.call('DELETE', `/v1/leases/${first.json.id}`);
  });

  test('that is taken away ends the polls for it on other servers, with the reason', async () => {
    const held = await a.ask({ environment: 'taken', ttlSeconds: 60 });
    const poll = b.call('GET', `/v1/leases/${held.id}?wait=60&after=${(await b.lease(held.id)).seq}`);
    const revoked = await c.call('POST', `/v1/leases/${held.id}/revoke`, { body: { reason: 'hotfix' } });
    expect(revoked.status).toBe(200);
    expect((await poll).json).toMatchObject({ revoking: { reason: 'hotfix' } });
    const again = b.call('GET', `/v1/leases/${held.id}?wait=60&after=${(await b.lease(held.id)).seq}`);
    await c.call('POST', `/v1/leases/${held.id}/revoke`, { body: { reason: 'now', now: true } });
    expect((await again).json).toMatchObject({ state: 'revoked', end: { how: 'revoked', reason: 'now' } });
    expect(await a.call('POST', `/v1/leases/${held.id}/renew`)).toMatchObject({ status: 410 });
  });
});

test('ten who queue over three servers are served in the order in which they came', async () => {
  const first = await a.ask({ environment: 'line' });
  const queue: Lease[] = [];
  const polls: Promise<number>[] = [];
  const served: string[] = [];
  for (let i = 0; i < 10; i++) {
    const lease = await many.next().ask({ environment: 'line', queueSeconds: null, holder: { name: `${i}` } });
    queue.push(lease);
    polls.push(follow(lease.id, served));
  }
  await a.waiting('line', 10);
  await many.next().call('DELETE', `/v1/leases/${first.id}`);
  const fences = await Promise.all(polls);
  expect(served).toEqual(queue.map(({ id }) => id));
  expect(fences).toEqual(fences.toSorted((x, y) => x - y));
});

/** Polls another server each time, and gives it back on yet another one. */
async function follow(id: string, served: string[]): Promise<number> {
  for (;;) {
    const { json } = await many.next().call('GET', `/v1/leases/${id}?wait=2`);
    if (json.state !== 'held') continue;
    served.push(id);
    await many.next().call('DELETE', `/v1/leases/${id}`);
    return json.fence;
  }
}

test('a freeze holds on every server, and its end lets in who waits', async () => {
  await a.call('PUT', '/v1/environments/frozen', { body: { labels: { kind: 'cold' } } });
  const freeze = { labels: { kind: 'cold' }, reason: 'month end' };
  expect(await b.call('PUT', '/v1/freezes/month-end', { body: freeze })).toMatchObject({ status: 201 });
  const waiting = await c.ask({ environment: 'frozen', queueSeconds: null });
  expect(waiting.state).toBe('waiting');
  expect(await a.environment('frozen')).toMatchObject({ waiting: 1, held: [] });
  const poll = b.call('GET', `/v1/leases/${waiting.id}?wait=60`);
  await c.call('DELETE', '/v1/freezes/month-end');
  expect((await poll).json).toMatchObject({ state: 'held' });
});
