// Holding: renewals, releases, the end of time, and taking away; who may, and what a late one is told.

import { describe, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { admin, raw, start } from './server.ts';

describe('holding', () => {
  test('a renewal lets the ttl count anew', async () => {
    const { call, ask, lease } = await start();
    const held = await ask({ environment: 'uat', ttlSeconds: 30 });
    await eventually(async () => expect((await lease(held.id)).expiresInSeconds).toBeLessThan(29.9));
    const renewed = await call('POST', `/v1/leases/${held.id}/renew`);
    expect(renewed).toMatchObject({ status: 200, json: { state: 'held', fence: held.fence } });
    expect(renewed.json.expiresInSeconds).toBeGreaterThan(29.9);
    expect(renewed.json.secret).toBeUndefined();
  });

  test('without renewals it expires, and a renewal or release is told so: 410 with how and by whom', async () => {
    const { call, ask, lease } = await start();
    const held = await ask({ environment: 'uat', ttlSeconds: 1 });
    await eventually(async () =>
      expect(await lease(held.id)).toMatchObject({ state: 'expired', end: { how: 'expired', by: 'signalbox' } }),
    );
    for (const [method, path] of [
      ['POST', `/v1/leases/${held.id}/renew`],
      ['DELETE', `/v1/leases/${held.id}`],
    ] as const) {
      expect(await call(method, path)).toMatchObject({
        status: 410,
        json: { code: 'lease_ended', lease: { id: held.id, state: 'expired', end: { how: 'expired', reason: null } } },
      });
    }
  });

  test('maxHoldSeconds is a hard end, whatever is renewed', async () => {
    const { call, ask, lease } = await start();
    const held = await ask({ environment: 'uat', ttlSeconds: 60, maxHoldSeconds: 1 });
    await eventually(async () => {
      await call('POST', `/v1/leases/${held.id}/renew`);
      expect(await lease(held.id)).toMatchObject({ state: 'expired', end: { how: 'max_hold' } });
    });
  });

  test('renewing what still waits is 409, and says to poll', async () => {
    const { call, ask } = await start();
    await ask({ environment: 'uat' });
    const queued = await ask({ environment: 'uat', queueSeconds: null });
    const reply = await call('POST', `/v1/leases/${queued.id}/renew`);
    expect(reply).toMatchObject({ status: 409, json: { code: 'not_held' } });
    expect(reply.json.detail).toContain(`GET /v1/leases/${queued.id}?wait=30`);
  });

  test('a release is idempotent, and a late one does not touch the successor', async () => {
    const { call, ask, environment } = await start();
    const held = await ask({ environment: 'uat' });
    for (let i = 0; i < 2; i++) {
      expect(await call('DELETE', `/v1/leases/${held.id}`)).toMatchObject({
        status: 200,
        json: { state: 'released', end: { how: 'released', by: 'anonymous' } },
      });
    }
    const successor = await ask({ environment: 'uat' });
    expect(await call('DELETE', `/v1/leases/${held.id}`)).toMatchObject({ status: 200, json: { id: held.id } });
    expect((await environment('uat')).held).toMatchObject([{ id: successor.id }]);
  });

  test('an id that never was is 404 everywhere', async () => {
    const { call } = await start();
    for (const [method, path, body] of [
      ['GET', '/v1/leases/ls_never', undefined],
      ['DELETE', '/v1/leases/ls_never', undefined],
      ['POST', '/v1/leases/ls_never/renew', undefined],
      ['POST', '/v1/leases/ls_never/revoke', { reason: 'x' }],
    ] as const) {
      expect([path, await call(method, path, { body })]).toMatchObject([
        path,
        { status: 404, json: { code: 'lease_unknown' } },
      ]);
    }
  });

  test('a body where none belongs is refused by name of its field', async () => {
    const { call, ask } = await start();
    const held = await ask({ environment: 'uat' });
    expect(await call('POST', `/v1/leases/${held.id}/renew`, { body: { ttlSeconds: 5 } })).toMatchObject({
      status: 400,
      json: { code: 'unknown_field', field: 'ttlSeconds' },
    });
    expect(await call('POST', `/v1/leases/${held.id}/renew`, { body: {} })).toMatchObject({ status: 200 });
  });
});

describe('whose it is', () => {
  test('another key may neither renew nor release it, whoever shows its secret may, force may', async () => {
    const { call, ask, makeKey } = await start({ adminKeys: [admin] });
    const [owner, other, strong] = await Promise.all([
      makeKey(['acquire']),
      makeKey(['acquire', 'read']),
      makeKey(['force', 'read']),
    ]);
    const held = await ask({ environment: 'uat', ttlSeconds: 60 }, { key: owner });
    const renew = (headers: Record<string, string>, key?: string) =>
      call('POST', `/v1/leases/${held.id}/renew`, { headers, key });
    const secret = { 'signalbox-lease-secret': held.secret };
    expect(await renew({}, other)).toMatchObject({ status: 403, json: { code: 'not_yours' } });
    expect(await call('DELETE', `/v1/leases/${held.id}`, { key: other })).toMatchObject({ status: 403 });
    expect(await renew({})).toMatchObject({ status: 401, json: { code: 'unauthenticated' } });
    expect(await renew({ 'signalbox-lease-secret': `${held.secret}x` }, other)).toMatchObject({ status: 403 });
    expect(await renew(secret, other)).toMatchObject({ status: 200 });
    expect(await renew(secret)).toMatchObject({ status: 200 });
    expect(await renew(secret, 'a key that has gone')).toMatchObject({ status: 200 });
    expect(await renew({}, strong)).toMatchObject({ status: 200 });
    expect(await renew({}, owner)).toMatchObject({ status: 200 });
    const shown = await call('GET', `/v1/leases/${held.id}`, { headers: secret });
    expect(shown).toMatchObject({ status: 200, json: { secret: held.secret } });
    expect((await call('GET', `/v1/leases/${held.id}`, { key: other })).json.secret).toBeUndefined();
    expect(await call('DELETE', `/v1/leases/${held.id}`, { headers: secret })).toMatchObject({ status: 200 });
  });

  test('the secret of one lease opens no other', async () => {
    const { call, ask, makeKey } = await start({ adminKeys: [admin] });
    const key = await makeKey(['acquire']);
    const [mine, other] = [await ask({ environment: 'a' }, { key }), await ask({ environment: 'b' }, { key })];
    const headers = { 'signalbox-lease-secret': mine.secret };
    expect(await call('DELETE', `/v1/leases/${other.id}`, { headers })).toMatchObject({ status: 401 });
  });
});

describe('taking away', () => {
  test('needs a reason and the scope force', async () => {
    const { call, ask, makeKey } = await start({ adminKeys: [admin] });
    const key = await makeKey(['acquire', 'read']);
    const held = await ask({ environment: 'uat' }, { key });
    const revoke = (body: object, as = admin.key) => call('POST', `/v1/leases/${held.id}/revoke`, { body, key: as });
    expect(await revoke({})).toMatchObject({ status: 400, json: { code: 'invalid_request', field: 'reason' } });
    expect(await revoke({ reason: ' ' })).toMatchObject({ status: 422, json: { code: 'reason_required' } });
    expect(await revoke({ reason: 'mine now' }, key)).toMatchObject({
      status: 403,
      json: { code: 'forbidden', needs: 'force:uat', has: ['acquire', 'read'] },
    });
  });

  test('with a ttl: renewals are refused, and the slot passes on when the holder releases', async () => {
    const { call, ask, waiting } = await start();
    const held = await ask({ environment: 'uat', ttlSeconds: 300 });
    const next = ask({ environment: 'uat' }, { query: '?wait=30' });
    await waiting('uat', 1);
    const revoked = await call('POST', `/v1/leases/${held.id}/revoke`, { body: { reason: 'hotfix' } });
    expect(revoked).toMatchObject({ status: 200, json: { lease: { state: 'held', revoking: { reason: 'hotfix' } } } });
    expect(revoked.json.warning).toBeUndefined();
    expect(await call('POST', `/v1/leases/${held.id}/renew`)).toMatchObject({
      status: 410,
      json: { code: 'lease_revoked', lease: { id: held.id, revoking: { by: 'anonymous', reason: 'hotfix' } } },
    });
    await call('DELETE', `/v1/leases/${held.id}`);
    expect((await next).state).toBe('held');
  });

  test('now: the slot passes on at once, with a warning', async () => {
    const { call, ask, waiting, lease } = await start();
    const held = await ask({ environment: 'uat', ttlSeconds: 300 });
    const next = ask({ environment: 'uat' }, { query: '?wait=30' });
    await waiting('uat', 1);
    const revoked = await call('POST', `/v1/leases/${held.id}/revoke`, { body: { reason: 'hotfix', now: true } });
    expect(revoked.json).toMatchObject({ lease: { state: 'revoked', end: { how: 'revoked', reason: 'hotfix' } } });
    expect(revoked.json.warning).toContain('fence');
    const granted = await next;
    expect(granted.fence).toBeGreaterThan(held.fence ?? Number.POSITIVE_INFINITY);
    for (const [lease, current] of [
      [held, false],
      [granted, true],
    ] as const) {
      expect((await call('GET', `/v1/environments/uat/fence/${lease.fence}`)).json).toEqual({
        ...{ current, environment: 'uat', fence: lease.fence },
      });
    }
    expect(await call('DELETE', `/v1/leases/${held.id}`)).toMatchObject({ status: 410 });
    expect((await lease(granted.id)).state).toBe('held');
  });

  test('steal: the thief is next, before everyone who waits, and gets the secret', async () => {
    const { call, ask, waiting } = await start();
    const held = await ask({ environment: 'uat' });
    void ask({ environment: 'uat' }, { query: '?wait=30' }).catch(() => undefined);
    await waiting('uat', 1);
    const stolen = await call('POST', `/v1/leases/${held.id}/revoke`, {
      body: { reason: 'hotfix', steal: { holder: { name: 'oncall' }, ttlSeconds: 60 } },
    });
    expect(stolen).toMatchObject({
      status: 200,
      json: {
        lease: { state: 'revoked', end: { how: 'stolen', reason: 'hotfix' } },
        stolen: { state: 'held', holder: { name: 'oncall' }, granted: [{ environment: 'uat' }] },
      },
    });
    expect(stolen.json.stolen.secret).toMatch(/.{20,}/);
    expect(stolen.json.lease.secret).toBeUndefined();
  });

  test('an ended lease cannot be taken away: 410', async () => {
    const { call, ask } = await start();
    const held = await ask({ environment: 'uat' });
    await call('DELETE', `/v1/leases/${held.id}`);
    expect(await call('POST', `/v1/leases/${held.id}/revoke`, { body: { reason: 'x' } })).toMatchObject({
      status: 410,
    });
  });

  test('a waiting lease that is revoked tells its client so: 410', async () => {
    const { call, ask, waiting } = await start();
    await ask({ environment: 'uat' });
    const waiter = call('POST', '/v1/leases?wait=30', { body: { environment: 'uat' } });
    await waiting('uat', 1);
    const { json: queue } = await call('GET', '/v1/leases?state=waiting');
    await call('POST', `/v1/leases/${queue.items[0].id}/revoke`, { body: { reason: 'not today' } });
    const told = await waiter;
    expect(told).toMatchObject({ status: 410, json: { code: 'lease_ended', lease: { end: { reason: 'not today' } } } });
  });
});

describe('a reply that is lost on the way', () => {
  const lines = (path: string, environment = 'uat', key = 'once') => {
    const body = JSON.stringify({ environment });
    return [
      ...[`POST ${path} HTTP/1.1`, 'Host: localhost', 'Content-Type: application/json', `Idempotency-Key: ${key}`],
      ...[`Content-Length: ${body.length}`, '', body],
    ].join('\r\n');
  };
  const again = { body: { environment: 'uat' }, headers: { 'idempotency-key': 'once' } };

  test('asked again with the same key it is the same lease, and one slot', async () => {
    const server = await start();
    const { call, environment } = server;
    await call('PUT', '/v1/environments/uat', { body: { capacity: 5 } });
    for (let round = 0; round < 20; round++) {
      const connection = await raw(server, lines('/v1/leases'));
      // At any moment from before the request is read to after the reply is written.
      if (round % 2 === 1) await new Promise((resolve) => setTimeout(resolve, round / 4));
      connection.socket.resetAndDestroy();
    }
    const reply = await call('POST', '/v1/leases', again);
    expect(reply.status).toBe(201);
    expect((await environment('uat')).held).toMatchObject([{ id: reply.json.id }]);
  });

  test('a grant whose reply could not be written ends after the grace, if nobody asks again', async () => {
    const server = await start({ graceSeconds: 1 });
    const { call, ask, environment, waiting } = server;
    const holder = await ask({ environment: 'uat' });
    // Granted while its client is gone without a goodbye: the socket is destroyed in the moment in which the slot comes free.
    const connection = await raw(server, lines('/v1/leases?wait=30'));
    await waiting('uat', 1);
    const freed = call('DELETE', `/v1/leases/${holder.id}`);
    connection.socket.destroy();
    await freed;
    await eventually(async () => expect(await environment('uat')).toMatchObject({ held: [], waiting: 0, free: 1 }));
    expect(await call('POST', '/v1/leases', { body: { environment: 'uat' } })).toMatchObject({ status: 201 });
  });

  test('the same for a grant whose reply stands in line behind another one, on a connection that then goes', async () => {
    const server = await start({ graceSeconds: 1 });
    const { ask, environment } = server;
    await ask({ environment: 'busy' });
    const poll = lines('/v1/leases?wait=60', 'busy', 'poll');
    const connection = await raw(server, poll + lines('/v1/leases'));
    await eventually(async () => expect((await environment('uat')).held).toHaveLength(1));
    connection.socket.destroy();
    await eventually(async () => expect((await environment('uat')).held).toEqual([]));
  });

  test('a client that has hung up before it was in the queue holds nothing beyond the grace', async () => {
    const server = await start({ graceSeconds: 1 });
    const { ask, environment } = server;
    await ask({ environment: 'uat' });
    const connection = await raw(server, lines('/v1/leases?wait=60'));
    connection.socket.resetAndDestroy();
    await eventually(async () => expect((await environment('uat')).waiting).toBe(0));
  });
});
