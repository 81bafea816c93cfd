// The board: searched, filtered, grouped and ordered, walked by keys, with two thousand rows, on a phone.

import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { start, type TestServer } from '../http/server.ts';
import { live, open, row, someone, useBrowser } from './browser.ts';

useBrowser();

async function put(server: TestServer, name: string, labels: object = {}, more: object = {}): Promise<void> {
  const { status } = await server.call('PUT', `/v1/environments/${name}`, { body: { labels, ...more } });
  expect(status).toBe(201);
}

async function many(server: TestServer, count: number): Promise<void> {
  for (let from = 0; from < count; from += 100)
    await Promise.all(
      Array.from({ length: Math.min(100, count - from) }, (_, i) => put(server, `env-${from + i}`, { kind: 'uat' })),
    );
}

const shown = (page: Page) =>
  page.locator('[data-row]').evaluateAll((rows) => rows.map((each) => (each as HTMLElement).dataset.row));

const focused = (page: Page) =>
  page.evaluate(() => document.activeElement?.closest<HTMLElement>('[data-row]')?.dataset.row ?? null);

test('what needs attention comes first, and each row says its state in words', async () => {
  const server = await start();
  for (const name of ['free-10', 'free-2', 'wanted', 'wanted-longer']) await put(server, name);
  await put(server, 'dirty', {}, { onExpire: 'hold' });
  await put(server, 'three', {}, { capacity: 3 });
  const lost = await server.ask({ environment: 'dirty' });
  await server.call('POST', `/v1/leases/${lost.id}/revoke`, { body: { reason: 'gone', now: true } });
  await server.ask({ environment: 'three' });
  for (const environment of ['wanted-longer', 'wanted']) {
    await server.ask({ environment });
    await server.ask({ environment, queueSeconds: null });
  }
  await put(server, 'ice');
  await server.call('PATCH', '/v1/environments/ice', { body: { state: 'frozen', reason: 'until Monday' } });
  const page = await open(server);
  await row(page, 'ice').waitFor();
  expect(await shown(page)).toEqual(['dirty', 'wanted-longer', 'wanted', 'free-2', 'free-10', 'ice', 'three']);
  for (const [name, word] of [
    ...[
      ['dirty', 'dirty'],
      ['wanted', 'held'],
      ['free-2', 'free'],
      ['ice', 'frozen'],
    ],
    ['three', '1 of 3'],
  ] as string[][])
    expect(
      await row(page, name as string)
        .locator('.state')
        .textContent(),
    ).toBe(word);
  expect(await row(page, 'ice').textContent()).toContain('until Monday');
  expect(await row(page, 'wanted').textContent()).toContain('1 waiting');
  const counts = page.locator('.counts');
  expect(await counts.textContent()).toContain('7 environments · 3 held · 2 free · 1 frozen · 1 dirty2 waiting');
});

test('search, filters and groups stand in the address, and are there at the next visit', async () => {
  const server = await start();
  await put(server, 'uat-1', { kind: 'uat', site: 'eu' });
  await put(server, 'uat-2', { kind: 'uat', site: 'us' });
  await put(server, 'db-1', { kind: 'db', site: 'eu' });
  await server.ask({ environment: 'uat-2', holder: { name: 'shop deploy' } });
  const by = await someone();
  const page = await open(server, '/', { by });
  await row(page, 'db-1').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('DEPLOY shop');
  await expect.poll(() => shown(page)).toEqual(['uat-2']);
  expect(new URL(page.url()).searchParams.get('q')).toBe('DEPLOY shop');
  await page.getByRole('searchbox').fill('kind=uat');
  await expect.poll(() => shown(page)).toEqual(['uat-1', 'uat-2']);
  await page.getByRole('searchbox').fill('');
  await page.getByLabel('Label', { exact: true }).selectOption('site=eu');
  await expect.poll(() => shown(page)).toEqual(['db-1', 'uat-1']);
  await page.getByLabel('State', { exact: true }).selectOption('held');
  await page.getByText('No environment matches.').waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await page.getByLabel('Group by').selectOption('label:kind');
  await page.getByRole('rowheader', { name: 'db (1) 0 held · 1 free' }).waitFor();
  await page.getByRole('button', { name: 'Environment' }).click();
  await page.getByRole('button', { name: 'Environment' }).click();
  await expect.poll(() => shown(page)).toEqual(['db-1', 'uat-2', 'uat-1']);
  expect(await page.locator('th.col-name[aria-sort]').getAttribute('aria-sort')).toBe('descending');
  expect(new URL(page.url()).search).toBe('?group=label%3Akind&sort=-name');
  const next = await open(server, '/', { by });
  await expect.poll(() => shown(next)).toEqual(['db-1', 'uat-2', 'uat-1']);
});

test('it is grouped by pools where there are any', async () => {
  const server = await start({ driver: { kind: 'command', program: '/bin/false' } });
  const body = {
    labels: { kind: 'uat' },
    min: 0,
    max: 1,
    build: { site: 's', env: 'e', queue: 'q', instanceType: 't' },
  };
  const pool = await server.call('PUT', '/v1/pools/test-pool', { body });
  expect(pool.status, pool.text).toBe(201);
  await put(server, 'uat-1', { kind: 'uat' });
  await put(server, 'alone');
  const page = await open(server);
  await page.getByRole('rowheader', { name: 'test-pool (1)' }).waitFor();
  await page.getByRole('rowheader', { name: 'the rest (1)' }).waitFor();
  expect(await shown(page)).toEqual(['uat-1', 'alone']);
});

test('the keyboard does everything', async () => {
  const server = await start();
  for (const name of ['a', 'b', 'c']) await put(server, name);
  const page = await open(server);
  await row(page, 'c').waitFor();
  await live(page);
  await page.keyboard.press('j');
  expect(await focused(page)).toBe('a');
  await page.keyboard.press('j');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('k');
  expect(await focused(page)).toBe('b');
  await server.ask({ environment: 'b' });
  await row(page, 'b').getByText('held', { exact: true }).waitFor();
  expect(await focused(page)).toBe('b');
  await page.keyboard.press('.');
  await page.getByRole('menuitem', { name: 'Open' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('menu').waitFor({ state: 'detached' });
  expect(await focused(page)).toBe('b');
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'c', level: 1, exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await row(page, 'a').waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('m');
  await page.getByRole('heading', { name: 'Meeting places', level: 1 }).waitFor();
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Keys' });
  await help.getByLabel('Letters are keys').uncheck();
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'detached' });
  await page.keyboard.press('g');
  await page.keyboard.press('b');
  await page.waitForTimeout(50);
  expect(new URL(page.url()).pathname).toBe('/meet');
});

describe('two thousand environments', () => {
  test('only those that are seen are in the page, and each is found, reached and kept true', async () => {
    const server = await start();
    await many(server, 2000);
    const page = await open(server);
    await page.getByText('2000 environments').waitFor();
    await live(page);
    const table = page.getByRole('table', { name: 'Environments' });
    expect(await table.getAttribute('aria-rowcount')).toBe('2001');
    const there = await shown(page);
    expect(there.length).toBeLessThan(100);
    expect(there[0]).toBe('env-0');
    expect(await row(page, 'env-3').getAttribute('aria-rowindex')).toBe('5');
    await page.keyboard.press('j');
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await row(page, 'env-1999').waitFor();
    expect((await shown(page)).length).toBeLessThan(100);
    expect(await focused(page)).toBe('env-0');
    await server.ask({ environment: 'env-1990', holder: { name: 'me' } });
    await row(page, 'env-1990').getByText('held', { exact: true }).waitFor();
    await page.keyboard.press('j');
    expect(await focused(page)).toBe('env-1');
    await page.keyboard.press('/');
    await page.keyboard.type('env-1234');
    await expect.poll(() => shown(page)).toEqual(['env-1234']);
  });
});

test('on a phone a row is a card of two lines, and a tap opens it', async () => {
  const server = await start();
  await put(server, 'uat');
  await server.ask({ environment: 'uat', holder: { name: 'shop deploy' }, ttlSeconds: 600 });
  const phone = { viewport: { width: 360, height: 700 }, hasTouch: true, isMobile: true };
  const page = await open(server, '/', phone);
  await row(page, 'uat').getByText('shop deploy').waitFor();
  expect(await page.getByRole('table').count()).toBe(0);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  await row(page, 'uat').getByRole('link').tap();
  await page.getByRole('heading', { name: 'uat', level: 1, exact: true }).waitFor();
  await page.getByRole('navigation', { name: 'Screens at the bottom' }).getByRole('link', { name: 'Board' }).tap();
  await row(page, 'uat').waitFor();
});
