// One stream for all tabs of a browser, whichever of them is closed.

import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { start, type TestServer } from '../http/server.ts';
import { live, open, row, someone, useBrowser } from './browser.ts';

useBrowser();

async function streams(server: TestServer): Promise<number> {
  const { text } = await server.call('GET', '/metrics');
  return Number(/^signalbox_streams (\d+)$/m.exec(text)?.[1]);
}

test('eight tabs have one stream, and each shows what changes', async () => {
  const server = await start();
  await server.call('PUT', '/v1/environments/uat', { body: {} });
  const by = await someone();
  const tabs: Page[] = [];
  for (let i = 0; i < 8; i++) {
    const tab = await open(server, '/', { by });
    await row(tab, 'uat').waitFor();
    await live(tab);
    tabs.push(tab);
  }
  expect(await streams(server)).toBe(1);
  await server.ask({ environment: 'uat' });
  for (const tab of tabs) await row(tab, 'uat').getByText('held', { exact: true }).waitFor();
});

test('when the tab that holds it is closed another takes it, and nothing is missed', async () => {
  const server = await start();
  await server.call('PUT', '/v1/environments/uat', { body: {} });
  const by = await someone();
  const first = await open(server, '/', { by });
  await live(first);
  const second = await open(server, '/', { by });
  const third = await open(server, '/', { by });
  for (const tab of [second, third]) await live(tab);
  await first.close();
  const lease = await server.ask({ environment: 'uat' });
  for (const tab of [second, third]) await row(tab, 'uat').getByText('held', { exact: true }).waitFor();
  await expect.poll(() => streams(server)).toBe(1);
  await server.call('DELETE', `/v1/leases/${lease.id}`);
  for (const tab of [second, third]) await row(tab, 'uat').getByText('free', { exact: true }).waitFor();
});

test('without locks each tab has a stream of its own', async () => {
  const server = await start();
  await server.call('PUT', '/v1/environments/uat', { body: {} });
  const by = await someone();
  // As over http from another machine.
  await by.addInitScript(() => Object.defineProperty(navigator, 'locks', { value: undefined }));
  const first = await open(server, '/', { by });
  const second = await open(server, '/', { by });
  for (const tab of [first, second]) await live(tab);
  await expect.poll(() => streams(server)).toBe(2);
  await server.ask({ environment: 'uat' });
  for (const tab of [first, second]) await row(tab, 'uat').getByText('held', { exact: true }).waitFor();
});
