// The history in a browser: filters in the address, new events that do not push, older pages, the file, and what others wrote.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import type { HistoryEvent } from '../../src/client/types.ts';
import { cell, csvOf } from '../../web/src/history/csv.ts';
import { fits, fixed, questionOf, searchOf } from '../../web/src/history/query.ts';
import { wordsOf } from '../../web/src/history/words.ts';
import { admin, start, type TestServer } from '../http/server.ts';
import { live, open, useBrowser } from './browser.ts';

useBrowser();

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    type Result = { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] };
    const { violations } = await (globalThis as unknown as { axe: { run(): Promise<Result> } }).axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
  });
}

const rows = (page: Page) => page.locator('[data-row]');
const cells = (page: Page, column: string) => page.locator(`tbody .col-${column}`).allTextContents();

/** A day of somebody's: granted, waited for, taken away, given back. */
async function aDay(server: TestServer): Promise<void> {
  const first = await server.ask({
    ...{ environment: 'uat', holder: { name: 'shop deploy #1841', url: 'https://ci.example/1841' } },
  });
  await server.ask({ environment: 'uat', holder: { name: 'api tests #77' }, queueSeconds: null });
  await server.call('POST', `/v1/leases/${first.id}/revoke`, { body: { reason: 'prod incident' } });
  await server.call('PUT', '/v1/signals/migrated', { body: { data: { version: 'V42' } } });
  await server.call('PUT', '/v1/signals/seeded', { body: { failure: { reason: 'no space left' } } });
  await server.call('PUT', '/v1/barriers/shards', { body: { parties: ['a', 'b'] } });
}

test('every event is told in words, the newest first, with links to what it belongs to', async () => {
  const server = await start();
  await aDay(server);
  const page = await open(server, '/history');
  await rows(page).first().waitFor();
  const told = (await cells(page, 'what')).join('\n');
  for (const words of [
    'declared for 2 parties: a, b',
    'set as failed by anonymous: “no space left”',
    'taken away by anonymous from shop deploy #1841: “prod incident” · held 0s',
    'api tests #77 waits for it · place 1',
    /granted to shop deploy #1841 ↗ · waited 0s · fence \d+/,
    'made at its first use',
  ])
    expect(told).toMatch(words);
  const whole = (await rows(page).allTextContents()).join('\n');
  expect(whole.indexOf('shards')).toBeLessThan(whole.indexOf('migrated'));
  const granted = rows(page).filter({ hasText: 'granted to shop' });
  const link = granted.getByRole('link', { name: 'shop deploy #1841' });
  expect(await link.getAttribute('href')).toBe('https://ci.example/1841');
  expect(await granted.getByRole('link', { name: 'uat' }).getAttribute('href')).toBe('/environments/uat');
  expect(await granted.locator('time').getAttribute('title')).toMatch(/ · \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ UTC$/);
  expect(await granted.locator('time').textContent()).toMatch(/^\d+ \w+ \d\d:\d\d:\d\d \S+/);
  await granted.getByRole('link', { name: 'lease' }).click();
  await page.getByRole('button', { name: /^No longer only lease/ }).waitFor();
  await expect.poll(() => rows(page).count()).toBe(2);
  await page.getByRole('button', { name: /^No longer only lease/ }).click();
  await rows(page).filter({ hasText: 'shards' }).waitFor();
});

test('the filters stand in the address, and an address that was handed on shows the same', async () => {
  const server = await start();
  await aDay(server);
  const page = await open(server, '/history?kind=signal.');
  await expect.poll(() => rows(page).count()).toBe(2);
  expect(await page.getByLabel('Kind').inputValue()).toBe('signal.');
  await page.getByLabel('Kind').selectOption('lease.granted');
  await expect.poll(() => rows(page).count()).toBe(1);
  expect(new URL(page.url()).search).toBe('?kind=lease.granted');
  await page.getByLabel('About').fill('other');
  await page.keyboard.press('Enter');
  await page.getByText('No event matches.').waitFor();
  // The focus is where it was.
  expect(await page.getByLabel('About').evaluate((field) => field === document.activeElement)).toBe(true);
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await rows(page).filter({ hasText: 'shards' }).waitFor();
  expect([new URL(page.url()).search, await page.getByLabel('About').inputValue()]).toEqual(['', '']);
  await page.getByLabel('By').fill('signalbox');
  await page.keyboard.press('Enter');
  await rows(page).filter({ hasText: 'the server has started' }).waitFor();
  await expect.poll(() => rows(page).count()).toBe(1);
  await page.getByLabel('When').selectOption('1h');
  expect(new URL(page.url()).search).toBe('?actor=signalbox&since=1h');
  await expect.poll(() => rows(page).count()).toBe(1);
  await page.getByLabel('When').selectOption('custom');
  await page.getByLabel(/^To \(/).fill('2020-01-01T10:00');
  await page.keyboard.press('Enter');
  await page.getByText('No event matches.').waitFor();
  const handedOn = await open(server, new URL(page.url()).pathname + new URL(page.url()).search);
  await handedOn.getByText('No event matches.').waitFor();
  expect(await handedOn.getByLabel(/^To \(/).inputValue()).toBe('2020-01-01T10:00');
});

test('a question that the server does not understand is answered in its words', async () => {
  const server = await start();
  const page = await open(server, '/history?since=yesterday', { expects: /status of 400/ });
  await page.getByRole('alert').getByText(/since/).waitFor();
  expect(await page.getByRole('alert').textContent()).toContain('request ');
});

test('the copied link has times and no durations', async () => {
  const server = await start();
  await aDay(server);
  const page = await open(server, '/history?subject=uat&since=24h', {
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  await rows(page).first().waitFor();
  await page.getByRole('button', { name: 'Copy link' }).click();
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  const copied = new URL(await page.evaluate(() => navigator.clipboard.readText()));
  expect(copied.origin + copied.pathname).toBe(`${server.url}/history`);
  expect(copied.searchParams.get('subject')).toBe('uat');
  expect(copied.searchParams.get('since')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/);
});

test('what happens meanwhile is said and shown when it is wanted; what does not belong to it is not said', async () => {
  const server = await start();
  await aDay(server);
  const page = await open(server, '/history?kind=signal.');
  await expect.poll(() => rows(page).count()).toBe(2);
  await live(page);
  const top = () =>
    rows(page)
      .filter({ hasText: 'seeded' })
      .evaluate((each) => each.getBoundingClientRect().top);
  const before = await top();
  await server.ask({ environment: 'db' });
  await server.call('PUT', '/v1/signals/one', { body: {} });
  await page.getByRole('button', { name: '1 new event, show' }).waitFor();
  await server.call('PUT', '/v1/signals/two', { body: {} });
  await page.getByRole('button', { name: '2 new events, show' }).waitFor();
  expect([await rows(page).count(), await top()]).toEqual([2, before]);
  await page.getByRole('button', { name: '2 new events, show' }).click();
  await expect.poll(() => rows(page).count()).toBe(4);
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe('two');
  expect((await rows(page).allTextContents()).map((text) => /one|two|seeded|migrated/.exec(text)?.[0])).toEqual([
    ...['two', 'one', 'seeded', 'migrated'],
  ]);
  expect(await page.getByText('new event').count()).toBe(0);
});

test('older events come page by page, and of many only those that are seen are in the page', async () => {
  const server = await start();
  for (let i = 0; i < 450; i++) await server.call('PUT', `/v1/signals/s-${i}`, { body: {} });
  const page = await open(server, '/history?kind=signal.set');
  await page.getByText('200 events, and older ones').waitFor();
  const older = page.getByRole('button', { name: 'Older events' });
  await older.click();
  await page.getByText('400 events, and older ones').waitFor();
  await older.click();
  await page.getByText('450 events', { exact: true }).waitFor();
  expect(await older.count()).toBe(0);
  expect(await rows(page).count()).toBeLessThan(200);
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await page.getByText('s-0', { exact: true }).waitFor();
  expect(await page.getByText('s-449', { exact: true }).count()).toBe(0);
});

test('the file has all pages, times in UTC, and nothing that a spreadsheet would run', async () => {
  const server = await start();
  for (let i = 0; i < 250; i++) await server.call('PUT', `/v1/signals/s-${i}`, { body: {} });
  await server.call('PUT', `/v1/signals/${encodeURIComponent('=HYPERLINK("http://evil.example")')}`, { body: {} });
  const page = await open(server, '/history?kind=signal.set');
  await rows(page).first().waitFor();
  const coming = page.waitForEvent('download');
  await page.getByRole('button', { name: 'CSV' }).click();
  const file = await coming;
  expect(file.suggestedFilename()).toMatch(/^signalbox-history-\d{4}-\d\d-\d\d\.csv$/);
  const lines = readFileSync(await file.path(), 'utf8').split('\r\n');
  expect(lines.length).toBe(1 + 251 + 1);
  expect(lines[0]).toBe('\ufeff"time (UTC)","number","event","about","what happened","by","data"');
  expect(lines[1]).toMatch(
    /^"\d{4}-\d\d-\d\dT[\d:.]+Z","\d+","signal.set","'=HYPERLINK\(""http:\/\/evil.example""\)",/,
  );
});

test('names are text, whatever is written in them; all of an event is shown on demand', async () => {
  const server = await start();
  const bold = '<b onclick=alert(1)>bold</b>';
  await server.ask({ environment: bold, holder: { name: '<img src=x onerror=alert(1)>', url: 'javascript:alert(1)' } });
  const page = await open(server, '/history?kind=lease.');
  await rows(page).getByText('<img src=x onerror=alert(1)>').waitFor();
  expect(await page.locator('main b, main img, main script, main a[href^="javascript"]').count()).toBe(0);
  await page.keyboard.press('j');
  await page.keyboard.press('.');
  const dialog = page.getByRole('dialog');
  await dialog.getByText('"holder": "<img src=x onerror=alert(1)>"').waitFor();
  expect(await dialog.locator('b, img').count()).toBe(0);
  await dialog.getByRole('link', { name: bold }).click();
  await page.getByRole('heading', { name: bold, level: 1 }).waitFor();
  expect(await page.getByRole('dialog').count()).toBe(0);
});

test('a reader of some environments sees their events alone', async () => {
  const server = await start({ adminKeys: [admin] });
  for (const environment of ['mine-1', 'other']) await server.ask({ environment }, { key: admin.key });
  const page = await open(server, '/history');
  await page.getByLabel('API key').fill(await server.makeKey(['read:mine-*']));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await rows(page).filter({ hasText: 'granted' }).waitFor();
  await live(page);
  await server.ask({ environment: 'mine-2' }, { key: admin.key });
  await page.getByRole('button', { name: '2 new events, show' }).click();
  expect(await page.getByText('other', { exact: true }).count()).toBe(0);
});

const looks: [string, BrowserContextOptions][] = [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['a phone', { viewport: { width: 360, height: 700 }, isMobile: true, hasTouch: true }],
];

test.each(looks)('everybody can use it in %s', async (_, look) => {
  const server = await start();
  await aDay(server);
  const page = await open(server, '/history?since=2020-01-01T00:00:00Z', look);
  await rows(page).first().waitFor();
  await live(page);
  expect(await faults(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  await rows(page).first().getByRole('button').click();
  await page.getByRole('dialog').waitFor();
  expect(await faults(page)).toEqual([]);
});

describe('without a page', () => {
  const event = (kind: string, data: HistoryEvent['data'], more: Partial<HistoryEvent> = {}): HistoryEvent => ({
    ...{ seq: 7, at: '2026-11-21T10:00:00.000Z', kind, subject: 'uat', actor: 'carla', data },
    ...more,
  });

  test.each(['=1+1', '+1', '-1', '@A1', ' =1', '\t=1', '\u00a0=1', '＝1', '|x', '\rx'])('%j is no formula', (text) => {
    expect(cell(text).startsWith(`"'`)).toBe(true);
  });

  test('other text stays as it is', () => {
    expect([cell('shop #1'), cell('a "b"'), cell('')]).toEqual(['"shop #1"', '"a ""b"""', '""']);
    expect(csvOf([event('lease.queued', { holder: 'a,b\nc' })]).split('\r\n')).toHaveLength(3);
  });

  test('a kind that nobody knows, and data that nobody expects, are told all the same', () => {
    expect(wordsOf(event('moon.risen', { reason: 'tide' }))).toBe('moon.risen: “tide”');
    expect(wordsOf(event('toString', {}))).toBe('toString');
    expect(wordsOf(event('lease.granted', { holder: 7, fence: 'x', waitedSeconds: null }))).toContain(
      'granted to carla',
    );
    expect(wordsOf(event('environment.changed', { capacity: 3, was: { capacity: 2 } }))).toBe(
      'changed: capacity 2 → 3',
    );
    expect(wordsOf(event('environment.changed', { state: 'frozen', reason: 'until Monday' }))).toBe(
      'frozen: “until Monday”',
    );
  });

  test('an event of the stream belongs to a question as the server would say', () => {
    const asked = (search: string) => fits(event('lease.granted', { lease: 'L1' }), questionOf(search));
    expect(
      ['', '?kind=lease.', '?kind=lease.granted', '?subject=uat&actor=carla', '?lease=L1', '?since=6'].map(asked),
    ).toEqual(Array(6).fill(true));
    expect(
      ['?kind=lease', '?kind=signal.', '?subject=ua', '?actor=ben', '?lease=L2', '?since=7', '?until=7'].map(asked),
    ).toEqual(Array(7).fill(false));
    expect([asked('?since=2026-11-21T10:00:00Z'), asked('?until=2026-11-21T10:00:00Z')]).toEqual([false, false]);
  });

  test('a question is written as it is read, and its durations become times', () => {
    const search = '?subject=a+%26+b&kind=lease.&since=24h&until=1h';
    expect(searchOf(questionOf(search))).toBe(search);
    const { since, until } = fixed(questionOf(search), Date.parse('2026-11-21T10:00:00Z'));
    expect([since, until]).toEqual(['2026-11-20T10:00:00.000Z', '2026-11-21T09:00:00.000Z']);
  });
});
