// `signalbox store`: a copy beside a running server, and its way back.

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folder, lines, signalbox } from './process.ts';
import { serve } from './real-server.ts';
import { asAdmin, isHeldAt, withTeams } from './teams.ts';

async function withStore() {
  const place = folder();
  const store = ['--store', `sqlite:${join(place, 'store.db')}`];
  const server = await serve(store);
  return { place, store, server, copy: join(place, 'copy.db') };
}

describe('backup and restore', () => {
  test('what was held at the backup is held after the restore, and every fence is higher than all before', async () => {
    const { store, server, copy } = await withStore();
    await server.signalbox(['acquire', 'uat', '--holder', 'anna']);
    expect(await signalbox(['store', 'backup', copy, ...store])).toMatchObject({ code: 0, stdout: '' });
    expect(statSync(copy).mode & 0o077).toBe(0);
    await server.signalbox(['revoke', 'uat', '--now', '--reason', 'x']);
    const later = JSON.parse((await server.signalbox(['acquire', 'uat', '--json'])).stdout);
    server.process.child.kill('SIGTERM');
    await server.process.ended;

    const restored = await signalbox(['store', 'restore', copy, ...store, '--json']);
    expect(JSON.parse(restored.stdout)).toMatchObject({ epoch: 1 });
    const again = await serve(store);
    expect((await again.send('GET', '/v1/environments/uat')).held).toMatchObject([{ holder: { name: 'anna' } }]);
    const fresh = JSON.parse((await again.signalbox(['acquire', 'db', '--json'])).stdout);
    expect(fresh.fence).toBeGreaterThan(later.fence);
  });

  test('spaces come along, and what a space held is held again under higher fences', async () => {
    const place = folder();
    const store = `sqlite:${join(place, 'store.db')}`;
    const held = await withTeams(store);
    const backedUp = await signalbox(['store', 'backup', join(place, 'copy.db'), '--store', store]);
    expect(backedUp).toMatchObject({ code: 0, stdout: '' });
    expect(lines(backedUp.stderr)).toEqual([
      `signalbox: ${place}/store.db is copied to ${place}/copy.db`,
      `signalbox: ${place}/store.team-a.db is copied to ${place}/copy.team-a.db`,
      expect.stringContaining('not in it: team-b'),
    ]);
    const restored = await signalbox(['store', 'restore', join(place, 'copy.db'), '--store', store]);
    expect(lines(restored.stderr)).toEqual([
      expect.stringContaining('store.db is what'),
      expect.stringContaining('store.team-a.db is what'),
      'signalbox: not in it: team-b, which is as it was',
    ]);
    const wrong = await signalbox(['store', 'restore', join(place, 'copy.team-a.db'), '--store', store]);
    expect(wrong).toMatchObject({ code: 78, stderr: expect.stringContaining('Give --space team-a') });
    const args = ['store', 'restore', join(place, 'copy.team-a.db'), '--store', store, '--space', 'team-a', '--json'];
    expect(JSON.parse((await signalbox(args)).stdout)).toMatchObject({ epoch: 2, spaces: [{ space: 'team-a' }] });
    const { url } = await serve(['--store', store, '--space-stores', 'team-b=memory:'], asAdmin);
    for (const [space, lease] of Object.entries(held)) await isHeldAt(url, space, lease);
  });

  test('a restore under a running server is refused', async () => {
    const { store, copy } = await withStore();
    await signalbox(['store', 'backup', copy, ...store]);
    const { code, stderr } = await signalbox(['store', 'restore', copy, ...store]);
    expect({ code, said: stderr.includes('[store_in_use]') }).toEqual({ code: 78, said: true });
  });

  test('a backup never overwrites a file', async () => {
    const { store, copy } = await withStore();
    await signalbox(['store', 'backup', copy, ...store]);
    const { code, stderr } = await signalbox(['store', 'backup', copy, ...store]);
    expect({ code, said: stderr.includes('exists already') }).toEqual({ code: 73, said: true });
  });

  test('of a store that is not there makes none', async () => {
    const place = folder();
    const { code } = await signalbox([
      'store',
      'backup',
      join(place, 'copy.db'),
      '--store',
      `sqlite:${join(place, 'none.db')}`,
    ]);
    expect(code).toBe(78);
    expect(existsSync(join(place, 'none.db')) || existsSync(join(place, 'copy.db'))).toBe(false);
  });

  test('another setting of the server that is wrong does not stand in its way', async () => {
    const { store, copy } = await withStore();
    expect((await signalbox(['store', 'backup', copy, ...store], { PORT: 'eighty', API_KEY: 'two words' })).code).toBe(
      0,
    );
  });

  test('a store in memory cannot be copied', async () => {
    const { code, stderr } = await signalbox(['store', 'backup', '/tmp/none.db', '--store', 'memory:']);
    expect({ code, said: stderr.includes('[store_unsupported]') }).toEqual({ code: 78, said: true });
  });
});
