// `signalbox store copy`, with real servers before and after it.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../log/postgres-cluster.ts';
import { folder, lines, signalbox } from './process.ts';
import { serve } from './real-server.ts';
import { asAdmin, isHeldAt, stop, withTeams } from './teams.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

const newFile = () => `sqlite:${join(folder(), 'store.db')}`;
const newDatabase = async () => cluster.url(await cluster.newDatabase());
const nameOf = (url: string) => new URL(url).pathname.slice(1);
const copy = (from: string, to: string, ...more: string[]) => signalbox(['store', 'copy', from, to, ...more]);

test('what was held is held after it, there and back, and every fence is higher than all before', async () => {
  const [file, database, back] = [newFile(), await newDatabase(), newFile()];
  const first = await serve(['--store', file]);
  const held = JSON.parse((await first.signalbox(['acquire', 'uat', '--holder', 'anna', '--json'])).stdout);
  await stop(first);
  let highest = held.fence;
  for (const [from, to] of [
    [file, database],
    [database, back],
  ] as const) {
    expect(await copy(from, to)).toMatchObject({ code: 0, stdout: '' });
    const server = await serve(['--store', to]);
    expect((await server.send('GET', '/v1/environments/uat')).held).toMatchObject([
      { id: held.id, fence: held.fence, holder: { name: 'anna' } },
    ]);
    expect(await server.send('GET', `/v1/environments/uat/fence/${held.fence}`)).toMatchObject({ current: true });
    const { fence } = JSON.parse((await server.signalbox(['acquire', `next-${highest}`, '--json'])).stdout);
    expect(fence).toBeGreaterThan(highest);
    highest = fence;
    await stop(server);
  }
});

test('says what was copied and what comes next, or the whole of it in JSON', async () => {
  const [file, database, back] = [newFile(), await newDatabase(), newFile()];
  const server = await serve(['--store', file]);
  await server.signalbox(['signal', 'built']);
  await stop(server);
  const { stderr } = await copy(file, database);
  expect(lines(stderr)).toEqual([
    expect.stringMatching(
      /^signalbox: .*store\.db is copied to postgres:.* 1 rows \([0-9a-f]{12}\) and \d events \([0-9a-f]{12}\), the same on both sides; epoch 1$/,
    ),
    `signalbox: next: start servers with --store ${database}, and none on ${file.replace('sqlite:', '')}`,
  ]);
  const { copied } = JSON.parse((await copy(database, back, '--json')).stdout);
  const [{ from }] = copied.spaces;
  expect(copied).toMatchObject({
    spaces: [{ space: 'main', epoch: 2, to: { rows: { count: 1, hash: from.rows.hash } } }],
  });
});

describe('spaces', () => {
  test('go over together, and are known again', async () => {
    const [file, database] = [newFile(), await newDatabase()];
    const held = await withTeams(file);
    const { code, stderr } = await copy(file, database);
    expect({ code, lines: lines(stderr) }).toEqual({
      code: 0,
      lines: [
        expect.stringContaining('is copied to postgres:'),
        expect.stringMatching(/: main: \d+ rows .* the same on both sides; epoch 1$/),
        expect.stringMatching(/: team-a: \d+ rows .* the same on both sides; epoch 1$/),
        expect.stringContaining(': not copied: team-b, which is listed and not there'),
        expect.stringContaining(`: next: start servers with --store ${database}`),
      ],
    });
    const after = await serve(['--store', database], asAdmin);
    for (const [space, lease] of Object.entries(held)) await isHeldAt(after.url, space, lease);
  });

  test('one alone moves to a database of its own', async () => {
    const [database, own] = [await newDatabase(), await newDatabase()];
    const held = await withTeams(database);
    const withPassword = own.replace('postgres@', 'postgres:geheim@');
    const { code, stderr } = await copy(database, withPassword, '--space', 'team-a');
    expect(code).toBe(0);
    expect(stderr).toContain(`next: start all servers with --space-stores team-a=${own}, and none without it`);
    expect(stderr).not.toContain('geheim');
    const after = await serve(['--store', database, '--space-stores', `team-a=${own}`], asAdmin);
    for (const [space, lease] of Object.entries(held)) await isHeldAt(after.url, space, lease);
    const spaces = await cluster.query('SELECT space, epoch FROM signalbox.meta', nameOf(own));
    expect(spaces).toEqual([{ space: 'team-a', epoch: 1 }]);
  });

  test('of a name that can be none are refused', async () => {
    const wrong = await copy(newFile(), newFile(), '--space', '../team');
    expect(wrong).toMatchObject({ code: 78, stderr: expect.stringContaining('--space: "../team" is not right') });
  });
});

test('an address that is wrong is said by its argument, and a password never', async () => {
  const wrong = await copy('mysql://db', newFile());
  expect(wrong).toMatchObject({ code: 78, stderr: expect.stringContaining('<from>: "mysql://db" is not right') });
  expect(await copy('memory:', newFile())).toMatchObject({ code: 78, stderr: expect.stringContaining('unsupported') });
  const away = await copy(`postgres://anna:geheim@127.0.0.1:1/none`, newFile());
  expect(away.code).toBe(69);
  expect(away.stderr).not.toContain('geheim');
});

test('what the address leaves out comes from the usual variables', async () => {
  const [file, database] = [newFile(), await cluster.newDatabase()];
  await stop(await serve(['--store', file]));
  const target = `postgres://127.0.0.1:${cluster.port}`;
  const variables = { PGUSER: 'postgres', PGDATABASE: database, PGSSLMODE: 'disable' };
  expect(await signalbox(['store', 'copy', file, target], variables)).toMatchObject({ code: 0 });
  expect(await cluster.query('SELECT epoch FROM signalbox.meta', database)).toEqual([{ epoch: 1 }]);
});
