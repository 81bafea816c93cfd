// renew, check, release: the steps after acquire, which know the lease by a file, by a variable or by its id.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folder, lines, start } from './process.ts';
import { serve } from './real-server.ts';

/** A lease on uat in a state file, and the id of it. */
async function acquired(args: readonly string[] = ['--ttl', '10m']) {
  const server = await serve();
  const file = join(folder(), 'state');
  const { stdout, stderr } = await server.signalbox(['acquire', 'uat', '--state', file, ...args]);
  expect(stderr).toContain('uat is yours');
  return { server, file, id: stdout.trim() };
}

describe('release', () => {
  test('gives the lease back and removes the file', async () => {
    const { server, file, id } = await acquired();
    const { code, stdout, stderr } = await server.signalbox(['release', '--state', file]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/^signalbox: uat released after \d+s\n$/);
    expect(existsSync(file)).toBe(false);
    expect((await server.send('GET', `/v1/leases/${id}`)).state).toBe('released');
  });

  test('knows the lease by SIGNALBOX_LEASE, or by its id', async () => {
    const { server, id } = await acquired();
    expect((await server.signalbox(['release'], { SIGNALBOX_LEASE: id })).stderr).toContain('uat released');
    expect((await server.signalbox(['release', id])).code).toBe(0);
  });

  test('asks the server that granted it, when nothing else is said', async () => {
    const { server, file } = await acquired();
    const { code, stderr } = await server.signalbox(['release', '--state', file], { SIGNALBOX_URL: '' });
    expect({ code, released: stderr.includes('uat released') }).toEqual({ code: 0, released: true });
  });

  test('of nothing is a note and 0, so that a cleanup step turns nothing red', async () => {
    const { server } = await acquired();
    const { code, stderr } = await server.signalbox(['release', '--state', '/nonexistent/state']);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: 'signalbox: nothing to release: there is no /nonexistent/state.\n',
    });
  });

  test('of a lease that was taken away is a note that says by whom, and 0; with --strict 76', async () => {
    const { server, file, id } = await acquired();
    await server.signalbox(['revoke', 'uat', '--reason', 'prod incident', '--now']);
    const strict = await server.signalbox(['release', id, '--strict']);
    expect(strict.code).toBe(76);
    expect(strict.stderr).toContain('[lease_lost]');
    const { code, stderr } = await server.signalbox(['release', '--state', file]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/had ended: it was taken away by .*: "prod incident"/);
    expect(existsSync(file)).toBe(false);
  });

  test('of a lease that nobody knows is a note and 0', async () => {
    const { server } = await acquired();
    const { code, stderr } = await server.signalbox(['release', 'ls_unknown']);
    expect(code).toBe(0);
    expect(stderr).toContain('ended long ago, or never was');
  });

  test('never frees the one who came after', async () => {
    const { server, file } = await acquired();
    await server.signalbox(['revoke', 'uat', '--reason', 'mine now', '--now']);
    const next = (await server.signalbox(['acquire', 'uat'])).stdout.trim();
    await server.signalbox(['release', '--state', file]);
    expect((await server.send('GET', `/v1/leases/${next}`)).state).toBe('held');
  });

  test('of a server that is away is 69, and the file stays for another try', async () => {
    const { server, file } = await acquired();
    server.process.child.kill('SIGKILL');
    await server.process.ended;
    const { code } = await server.signalbox(['release', '--state', file, '--server-wait', '1s']);
    expect(code).toBe(69);
    expect(existsSync(file)).toBe(true);
  });

  test('a lease and a file at once is wrong usage', async () => {
    const { server, file, id } = await acquired();
    expect((await server.signalbox(['release', id, '--state', file])).code).toBe(64);
  });
});

describe('renew', () => {
  test('once: the time to live starts anew', async () => {
    const { server, file, id } = await acquired(['--ttl', '1m']);
    await expect.poll(async () => (await server.send('GET', `/v1/leases/${id}`)).expiresInSeconds).toBeLessThan(59.9);
    const { code, stdout } = await server.signalbox(['renew', '--state', file, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ id, state: 'held', ttlSeconds: 60 });
    expect(JSON.parse(stdout).expiresInSeconds).toBeGreaterThan(59.9);
  });

  test('of a lease that was taken away is 76, and says by whom', async () => {
    const { server, file } = await acquired();
    await server.signalbox(['revoke', 'uat', '--reason', 'prod incident']);
    const { code, stderr } = await server.signalbox(['renew', '--state', file]);
    expect(code).toBe(76);
    expect(stderr).toMatch(/prod incident.*\[lease_revoked\]/);
  });

  test('without the file that it is told of is 64', async () => {
    const { server } = await acquired();
    const { code, stderr } = await server.signalbox(['renew', '--state', '/nonexistent/state']);
    expect(code).toBe(64);
    expect(stderr).toContain('[state_missing]');
  });

  test('--every goes on until it is told to stop, and then is 0', async () => {
    const { server, file } = await acquired(['--ttl', '1m']);
    const loop = start('signalbox', ['renew', '--state', file, '--every', '1s', '--json'], server.env);
    await loop.says(/("state":"held"[^\n]*\n[^\n]*){3}/);
    loop.child.kill('SIGTERM');
    expect((await loop.ended).code).toBe(0);
    expect(lines(loop.stdout()).length).toBeGreaterThanOrEqual(3);
  });

  test('--every ends with 0 when another step has released it', async () => {
    const { server, file } = await acquired();
    const loop = start('signalbox', ['renew', '--state', file, '--every', '1s'], server.env);
    await loop.says('is yours for another');
    await server.signalbox(['release', '--state', file]);
    const { code, stderr } = await loop.ended;
    expect({ code, last: lines(stderr).at(-1) }).toEqual({
      code: 0,
      last: `signalbox: ${file} is gone: released. Renewing ends.`,
    });
  });

  test('--every ends with 76 when the lease is taken away', async () => {
    const { server, file } = await acquired();
    const loop = start('signalbox', ['renew', '--state', file, '--every', '1s'], server.env);
    await loop.says('is yours for another');
    await server.signalbox(['revoke', 'uat', '--reason', 'prod incident']);
    const { code, stderr } = await loop.ended;
    expect(code).toBe(76);
    expect(stderr).toContain('prod incident');
  });

  test('--every says when the server is away, tries on, and ends with 76 when the lease is over', async () => {
    const { server, file } = await acquired(['--ttl', '5s']);
    const loop = start('signalbox', ['renew', '--state', file, '--every', '1s'], server.env);
    await loop.says('is yours for another');
    server.process.child.kill('SIGKILL');
    await loop.says('renewal failed');
    const { code, stderr } = await loop.ended;
    expect(code).toBe(76);
    expect(stderr).toMatch(/could not be renewed in time: cannot reach .*\[lease_lost\]/);
  });

  test('--every that is too slow for the time to live is warned of', async () => {
    const { server, file } = await acquired(['--ttl', '1m']);
    const loop = start('signalbox', ['renew', '--state', file, '--every', '45s'], server.env);
    await loop.says('--every 45s is slow for a time to live of 1m');
    loop.child.kill('SIGINT');
    expect((await loop.ended).code).toBe(0);
  });
});

describe('check', () => {
  test('of a lease that is held: current, 0', async () => {
    const { server, file, id } = await acquired();
    for (const args of [
      ['check', '--state', file],
      ['check', id],
    ]) {
      expect(await server.signalbox(args)).toMatchObject({ code: 0, stdout: 'current\n', stderr: '' });
    }
  });

  test('of a lease that was taken away: stale, 1, and by whom', async () => {
    const { server, file } = await acquired();
    await server.signalbox(['revoke', 'uat', '--reason', 'prod incident', '--now']);
    const { code, stdout, stderr } = await server.signalbox(['check', '--state', file]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'stale\n' });
    expect(stderr).toContain('was taken away by');
  });

  test('of a lease that is being taken away: still current, and says so', async () => {
    const { server, file } = await acquired();
    await server.signalbox(['revoke', 'uat', '--reason', 'prod incident']);
    const { code, stdout, stderr } = await server.signalbox(['check', '--state', file]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'current\n' });
    expect(stderr).toContain('being taken away by');
  });

  test('of a lease that nobody knows: stale, 1', async () => {
    const { server } = await acquired();
    expect(await server.signalbox(['check', 'ls_unknown'])).toMatchObject({ code: 1, stdout: 'stale\n' });
  });

  test('of a fence: the one that holds is current, an older one is stale', async () => {
    const { server, id } = await acquired();
    const { fence } = await server.send('GET', `/v1/leases/${id}`);
    expect(await server.signalbox(['check', 'uat', String(fence)])).toMatchObject({ code: 0, stdout: 'current\n' });
    const stale = await server.signalbox(['check', 'uat', String(fence - 1), '--json']);
    expect(stale.code).toBe(1);
    expect(JSON.parse(stale.stdout)).toEqual({ current: false, environment: 'uat', fence: fence - 1 });
  });

  test('of a file that is not there: 64, which is not "stale"', async () => {
    const { server } = await acquired();
    expect((await server.signalbox(['check', '--state', '/nonexistent/state'])).code).toBe(64);
  });
});
