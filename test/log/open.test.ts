import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newFolder } from './folder.ts';
import { openLog } from './opened.ts';

test('memory: keeps nothing on disk', async () => {
  const log = await openLog('memory:');
  expect(log.name).toBe('memory:');
  await log.close();
});

test.each(['sqlite:', 'sqlite://'])('%sPATH is a file', async (scheme) => {
  const path = join(newFolder(), 'signalbox.db');
  const log = await openLog(scheme + path);
  expect(log.name).toBe(`sqlite:${path}`);
  expect(existsSync(path)).toBe(true);
  await log.close();
});

test.each([
  ['postgres://anna:secret@db:0/signalbox', /no port/],
  ['postgresql://anna:secret@db/signalbox?sslmode=maybe', /sslmode/],
  ['postgres://anna:secret@db/signalbox?target=any', /option "target"/],
  ['postgres://anna:sec%ret@db/signalbox', /%25/],
  ['postgres://anna:secret@@db/signalbox', /%40/],
  ['postgres://anna:secret@,/signalbox', /no host/],
  ['postgres:anna:secret', /postgres:\/\/USER/],
  ['mysql://anna:secret@db/signalbox', /sqlite:PATH/],
  ['./signalbox.db', /sqlite:PATH/],
  ['sqlite:', /sqlite:PATH/],
  ['memory:x', /sqlite:PATH/],
  ['', /sqlite:PATH/],
])('%s is refused, and no password shown', async (url, message) => {
  const error = await openLog(url).catch((thrown) => thrown);
  expect(error).toMatchObject({
    name: 'StoreError',
    code: 'store_unsupported',
    message: expect.stringMatching(message),
  });
  expect(error.message).not.toContain('secret');
});
