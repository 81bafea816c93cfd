// Images: what is said of them, and what is listed.

import { describe, expect, test } from 'vitest';
import { lines, signalbox } from './process.ts';
import { serve } from './real-server.ts';

describe('image set', () => {
  test('says what one is for, and changes only what is given', async () => {
    const server = await serve();
    const said = await server.signalbox(['image', 'set', 'ami-1', '--role', 'worker']);
    expect(said).toMatchObject({ code: 0, stdout: '', stderr: 'signalbox: image ami-1 is active for role worker\n' });
    expect((await server.signalbox(['image', 'set', 'ami-1', '--name', 'node 24'])).stderr).toBe(
      'signalbox: image ami-1 is active for role worker (node 24)\n',
    );
    const { stdout } = await server.signalbox(['image', 'set', 'ami-1', '--no-active', '--json']);
    const image = { id: 'ami-1', role: 'worker', name: 'node 24', active: false, source: 'api' };
    expect(JSON.parse(stdout)).toMatchObject(image);
    await server.signalbox(['image', 'set', 'ami-1', '--name', 'none', '--active']);
    expect((await server.send('GET', '/v1/images')).items).toMatchObject([{ ...image, name: null, active: true }]);
    expect((await server.signalbox(['image', 'set', 'ami-1', '--role', 'none'])).stderr).toBe(
      'signalbox: image ami-1 is for no role\n',
    );
  });

  test('without anything to say is wrong usage, and nobody is asked', async () => {
    const { code, stderr } = await signalbox(['image', 'set', 'ami-1']);
    expect({ code, what: lines(stderr)[0] }).toEqual({ code: 64, what: 'signalbox: nothing to say of it. [usage]' });
  });
});

describe('image list', () => {
  test('shows all, or those of a role, or those that a build may take by itself', async () => {
    const server = await serve();
    expect(await server.signalbox(['image', 'list'])).toMatchObject({
      ...{ code: 0, stdout: '', stderr: 'signalbox: there are no such images. To name one: signalbox image set\n' },
    });
    await server.signalbox(['image', 'set', 'ami-1', '--role', 'worker', '--name', 'old', '--no-active']);
    await server.signalbox(['image', 'set', 'ami-2', '--role', 'worker']);
    await server.signalbox(['image', 'set', 'ami-3', '--role', 'db']);
    const listed = async (...flags: string[]): Promise<string[][]> => {
      const rows = lines((await server.signalbox(['image', 'list', ...flags])).stdout);
      return rows.map((row) => row.split('\t').slice(0, 6)).toSorted();
    };
    const [old, worker, db] = [
      ['ami-1', 'worker', 'old', 'inactive', 'available', 'api'],
      ['ami-2', 'worker', '', 'active', 'available', 'api'],
      ['ami-3', 'db', '', 'active', 'available', 'api'],
    ];
    expect(await listed()).toEqual([old, worker, db]);
    expect(await listed('--role', 'worker')).toEqual([old, worker]);
    expect(await listed('--active')).toEqual([worker, db]);
    const { stdout } = await server.signalbox(['image', 'list', '--role', 'worker', '--active', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ items: (await server.send('GET', '/v1/images?role=worker&active=true')).items, next: null },
    });
  });
});

test('image forget forgets it', async () => {
  const server = await serve();
  await server.signalbox(['image', 'set', 'ami-1', '--role', 'worker']);
  expect(await server.signalbox(['image', 'forget', 'ami-1'])).toMatchObject({
    ...{ code: 0, stderr: 'signalbox: image ami-1 is forgotten\n' },
  });
  expect((await server.send('GET', '/v1/images')).items).toEqual([]);
});
