// The board shows what is, and what changes while one looks, in a real browser against a real server.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { start, startForFile } from '../http/server.ts';
import { live, open, row, useBrowser } from './browser.ts';

useBrowser();

/** What a browser says of a server that is away. */
const serverIsAway = /ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|ERR_NETWORK|Failed to load resource/;

test('a row shows who holds an environment, and changes as that does', async () => {
  const server = await start();
  const lease = await server.ask({
    environment: 'uat',
    holder: { name: 'shop deploy #1841', url: 'https://ci.example/1841' },
    ttlSeconds: 600,
  });
  const page = await open(server);
  await row(page, 'uat').getByText('held', { exact: true }).waitFor();
  const link = row(page, 'uat').getByRole('link', { name: 'shop deploy #1841' });
  expect(await link.getAttribute('href')).toBe('https://ci.example/1841');
  await live(page);
  await server.call('DELETE', `/v1/leases/${lease.id}`);
  await row(page, 'uat').getByText('free', { exact: true }).waitFor();
});

test('the first visit shows three commands, and the first environment takes their place', async () => {
  const server = await start();
  const page = await open(server);
  await page.getByText('No environments yet').waitFor();
  const commands = await page.locator('.commands code').allTextContents();
  expect(commands).toEqual([
    'signalbox run uat -- ./deploy.sh',
    expect.stringContaining(`${server.url}/v1/leases`),
    'signalbox env create uat --capacity 1',
  ]);
  await server.ask({ environment: 'uat' });
  await row(page, 'uat').waitFor();
});

test('one that is deleted goes', async () => {
  const server = await start();
  for (const name of ['one', 'two']) await server.call('PUT', `/v1/environments/${name}`, { body: {} });
  const page = await open(server);
  await row(page, 'one').waitFor();
  await live(page);
  await server.call('DELETE', '/v1/environments/one');
  await row(page, 'one').waitFor({ state: 'detached' });
  expect(await row(page, 'two').count()).toBe(1);
});

test('a change of one environment repaints its row alone', async () => {
  const server = await start();
  for (let i = 0; i < 30; i++) await server.call('PUT', `/v1/environments/env-${i}`, { body: {} });
  const page = await open(server);
  await row(page, 'env-29').waitFor();
  await live(page);
  await page.evaluate(() => {
    const seen = new Set<string>();
    Object.assign(globalThis, { seen });
    const note = (node: Node) => {
      const element = node instanceof Element ? node : node.parentElement;
      seen.add(
        element?.closest<HTMLElement>('[data-row]')?.dataset.row ?? `in ${element?.closest('table, tbody')?.tagName}`,
      );
    };
    new MutationObserver((changes) => {
      for (const change of changes) note(change.target);
    }).observe(document.querySelector('table') as Element, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
    });
  });
  await server.ask({ environment: 'env-7', holder: { name: 'me' } });
  await row(page, 'env-7').getByText('held', { exact: true }).waitFor();
  expect(await page.evaluate(() => [...(globalThis as unknown as { seen: Set<string> }).seen])).toEqual(['env-7']);
});

test('rows stay where they are under a pointer, and say that they would move', async () => {
  const server = await start();
  for (const name of ['a', 'b', 'c']) await server.call('PUT', `/v1/environments/${name}`, { body: {} });
  await server.ask({ environment: 'c' });
  const page = await open(server);
  await row(page, 'c').waitFor();
  await live(page);
  const order = () =>
    page.locator('[data-row]').evaluateAll((rows) => rows.map((each) => (each as HTMLElement).dataset.row));
  expect(await order()).toEqual(['a', 'b', 'c']);
  await row(page, 'b').hover();
  await server.ask({ environment: 'c', queueSeconds: null });
  await server.call('DELETE', '/v1/environments/a');
  await server.call('PUT', '/v1/environments/aa', { body: {} });
  await row(page, 'c').getByText('1 waiting').waitFor();
  await page.getByRole('button', { name: '3 rows would move · reorder' }).waitFor();
  expect(await order()).toEqual(['a', 'b', 'c']);
  expect(await row(page, 'a').textContent()).toBe('a was deleted');
  await page.mouse.move(5, 5);
  await expect.poll(order).toEqual(['c', 'aa', 'b']);
});

test('names are text, whatever is written in them, and only web addresses are links', async () => {
  const server = await start();
  const bold = '<b onclick=alert(1)>bold</b>';
  await server.ask({
    environment: bold,
    holder: { name: '<img src=x onerror=alert(1)>', url: 'https://ci.example/"><script>' },
    reason: '<script>alert(1)</script>',
  });
  const page = await open(server);
  await row(page, bold).getByText('<img src=x onerror=alert(1)>').waitFor();
  expect(await page.locator('table b, table img, table script').count()).toBe(0);
  await page.getByRole('link', { name: bold }).click();
  await page.getByRole('heading', { name: bold, level: 1, exact: true }).waitFor();
  expect(new URL(page.url()).pathname).toBe(`/environments/${encodeURIComponent(bold)}`);
  await page.reload();
  await page.getByRole('heading', { name: bold, level: 1, exact: true }).waitFor();
});

describe('a server that is away', () => {
  test('is said after a moment, with what was known; what changed meanwhile is shown when it is back', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-web-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const store = { kind: 'sqlite', path: join(folder, 'a.db') } as const;
    const first = await startForFile({ store });
    const lease = await first.ask({ environment: 'uat' });
    await first.ask({ environment: 'gone' });
    const page = await open(first, '/', { expects: serverIsAway });
    await row(page, 'uat').getByText('held', { exact: true }).waitFor();
    await live(page);
    await first.stop();
    await page.getByText('showing what was known then').waitFor();
    expect(await row(page, 'uat').getByText('held', { exact: true }).count()).toBe(1);
    const between = await startForFile({ store });
    await between.call('DELETE', `/v1/leases/${lease.id}`);
    await between.call('DELETE', '/v1/environments/gone?force=true&reason=over');
    await between.stop();
    const second = await start({ store, port: first.port });
    await page.getByRole('button', { name: 'Try now' }).click();
    await live(page);
    await row(page, 'uat').getByText('free', { exact: true }).waitFor();
    await row(page, 'gone').waitFor({ state: 'detached' });
    await page.getByText('showing what was known then').waitFor({ state: 'detached' });
    await second.ask({ environment: 'uat' });
    await row(page, 'uat').getByText('held', { exact: true }).waitFor();
  });

  test('that comes back with less than it had is believed', async () => {
    const first = await startForFile();
    for (let i = 0; i < 20; i++) await first.ask({ environment: `env-${i}` });
    const page = await open(first, '/', { expects: serverIsAway });
    await row(page, 'env-19').waitFor();
    await live(page);
    await first.stop();
    const second = await start({ port: first.port });
    await second.ask({ environment: 'new' });
    await row(page, 'new').waitFor();
    await row(page, 'env-19').waitFor({ state: 'detached' });
  });

  test('when the page is opened says so, and is asked again', async () => {
    const server = await start();
    await server.ask({ environment: 'uat' });
    const page = await open(server, '/meet', { expects: /Failed to load resource/ });
    await live(page);
    await page.route('**/v1/environments*', (route) =>
      route.fulfill({
        status: 507,
        contentType: 'application/problem+json',
        body: '{"status":507,"code":"store_full","detail":"The disk is full.","requestId":"abc-1"}',
      }),
    );
    await page.getByRole('navigation', { name: 'Screens', exact: true }).getByRole('link', { name: 'Board' }).click();
    const notice = page.getByRole('alert');
    await notice.getByText('The disk is full.').waitFor();
    expect(await notice.textContent()).toContain('store_full · request abc-1');
    await page.unroute('**/v1/environments*');
    await notice.getByRole('button', { name: 'Try again' }).click();
    await row(page, 'uat').waitFor();
  });
});
