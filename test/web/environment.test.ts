// The page of an environment in a browser: who holds it, who waits for what, what was, links from a CI log, and who may do what.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import type { LaneBlock, Lanes } from '../../src/client/types-figures.ts';
import {
  absencesOf,
  curveOf,
  narrowest,
  neighbour,
  piecesOf,
  ticksOf,
} from '../../web/src/environment/timeline/layout.ts';
import { moved, rangeOf, searchWith, windowOf, zoomed } from '../../web/src/environment/timeline/range.ts';
import { admin, start, type TestServer } from '../http/server.ts';
import { live, open, useBrowser } from './browser.ts';

useBrowser();

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** What a browser says of an answer that is no success. */
const refusals = /status of [45]\d\d/;

async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    type Result = { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] };
    const { violations } = await (globalThis as unknown as { axe: { run(): Promise<Result> } }).axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
  });
}

const section = (page: Page, name: string | RegExp) => page.getByRole('region', { name });
const holders = (page: Page) => section(page, 'Held by');
const queue = (page: Page) => section(page, /^Queue/);
const timeline = (page: Page) => section(page, 'Timeline');
const waiting = (page: Page) => page.locator('[data-lease]');
const pieces = (page: Page) => page.getByRole('option');
const focused = (page: Page) => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? '');

const shop = { name: 'shop deploy #1841', url: 'https://ci.example/1841', ref: 'main@9f2a1c' };
const wait = { queueSeconds: null };

/** uat is held by the shop, two wait, and db is held by somebody else. */
async function aQueue(server: TestServer, options: { key?: string } = {}) {
  const held = await server.ask({ environment: 'uat', holder: shop, reason: 'hotfix 4.2', ttlSeconds: 600 }, options);
  await server.ask({ environment: 'db', holder: { name: 'etl #9' }, ttlSeconds: null }, options);
  const first = await server.ask({ environment: 'uat', holder: { name: 'api tests #77' }, ...wait }, options);
  const wants = [{ environment: 'uat' }, { environment: 'db' }];
  const second = await server.ask({ wants, holder: { name: 'nightly #5' }, ...wait }, options);
  for (const { id } of [first, second]) polls(server, id, options);
  return { held, first, second };
}

/** A job that waits asks for its lease all the time; nobody else is granted anything. */
function polls(server: TestServer, id: string, options: { key?: string } = {}): void {
  void server.call('GET', `/v1/leases/${id}?wait=60`, options).catch(() => undefined);
}

/** Ended leases, so that there is a past. */
async function aPast(server: TestServer, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const lease = await server.ask({ environment: 'uat', holder: { name: `past #${i}` } });
    await server.call('DELETE', `/v1/leases/${lease.id}`);
  }
}

async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

test('who holds it and who waits for what is shown, and changes as that does', async () => {
  const server = await start();
  const { held, first } = await aQueue(server);
  const page = await open(server, '/environments/uat');
  await holders(page).getByText('shop deploy #1841').waitFor();
  expect(await holders(page).getByRole('link', { name: 'shop deploy #1841' }).getAttribute('href')).toBe(shop.url);
  const block = await holders(page).textContent();
  for (const words of ['“hotfix 4.2”', `fence ${held.fence}`, 'main@9f2a1c', 'to renew', 'last sign of life'])
    expect(block).toContain(words);
  await expect.poll(() => waiting(page).count()).toBe(2);
  expect(await waiting(page).nth(1).textContent()).toContain('wants uat + db');
  expect(await waiting(page).nth(1).textContent()).toContain('db held by etl #9');
  const link = waiting(page).nth(1).getByRole('link', { name: 'db' });
  expect(await link.getAttribute('href')).toBe('/environments/db');
  await live(page);
  await server.call('DELETE', `/v1/leases/${held.id}`);
  await holders(page).getByText('api tests #77').waitFor();
  await expect.poll(() => waiting(page).count()).toBe(1);
  await expect.poll(() => waiting(page).first().textContent()).toMatch(/^1nightly #5.*uat held by api tests #77/);
  await server.call('DELETE', `/v1/leases/${first.id}`);
  // What is in its way elsewhere is shown as it changes too.
  await expect.poll(() => waiting(page).first().textContent()).not.toContain('uat held by');
  const { json } = await server.call('GET', '/v1/environments/db');
  await server.call('DELETE', `/v1/leases/${json.held[0].id}`);
  await holders(page).getByText('nightly #5').waitFor();
  await queue(page).getByText('Nobody waits for it.').waitFor();
});

test('several slots, those that are dirty, and why it is closed', async () => {
  const server = await start();
  await server.call('PUT', '/v1/environments/pool', {
    body: { capacity: 3, onExpire: 'hold', labels: { kind: 'uat' }, description: 'three of them' },
  });
  const lost = await server.ask({ environment: 'pool', holder: { name: 'lost #1' } });
  await server.ask({ environment: 'pool', holder: { name: 'kept #2' } });
  const page = await open(server, '/environments/pool');
  await holders(page).getByText('1 of 3 slots are free').waitFor();
  expect(await holders(page).getByRole('listitem').count()).toBe(2);
  await live(page);
  await server.call('POST', `/v1/leases/${lost.id}/revoke`, { body: { reason: 'gone', now: true } });
  await holders(page).getByText('1 slot is dirty').waitFor();
  await server.call('PUT', '/v1/freezes/release', { body: { labels: { kind: 'uat' }, reason: 'release week' } });
  const closed = page.locator('.closed');
  await closed.getByText('release week').waitFor();
  expect(await closed.textContent()).toMatch(/^frozen by anonymous: “release week”.*freeze release/);
  expect(await page.locator('.facts').textContent()).toContain('capacity 3');
  expect(await page.locator('.facts').textContent()).toContain('kind=uat');
});

test('one that is not there yet says so, and appears when it is made', async () => {
  const server = await start();
  await server.ask({ environment: 'uat-1' });
  const page = await open(server, '/environments/uat-2', { expects: refusals });
  await page.getByText('is not there, or your key may not see it').waitFor();
  expect(await page.getByRole('link', { name: 'uat-1' }).getAttribute('href')).toBe('/environments/uat-1');
  await live(page);
  await server.ask({ environment: 'uat-2', holder: { name: 'the first' } });
  await holders(page).getByText('the first').waitFor();
  await server.call('DELETE', '/v1/environments/uat-2?force=true&reason=over');
  await page.getByText('is not there, or your key may not see it').waitFor();
  await section(page, /^History/)
    .getByText('deleted: “over”')
    .waitFor();
});

describe('a link to a lease', () => {
  test('tells its place, that it holds, and how it ended', async () => {
    const server = await start();
    const { held, first } = await aQueue(server);
    const page = await open(server, `/environments/uat?lease=${first.id}`);
    const told = page.locator('.marked-lease');
    await told.getByText('and is next').waitFor();
    expect(await page.locator(`[data-lease=${first.id}]`).getAttribute('aria-current')).toBe('true');
    expect(await page.locator('[aria-current=true]').count()).toBe(1);
    await live(page);
    await server.call('DELETE', `/v1/leases/${held.id}`);
    await told.getByText('holds uat since').waitFor();
    await holders(page).locator('[aria-current=true]').getByText('api tests #77').waitFor();
    await server.call('POST', `/v1/leases/${first.id}/revoke`, { body: { reason: 'prod incident', now: true } });
    await told.getByText('taken away by anonymous: “prod incident”').waitFor();
    await page.reload();
    await told.getByText('taken away by anonymous: “prod incident”').waitFor();
  });

  test('that has moved up says its new place, and whoever looks is not taken for its job', async () => {
    const server = await start();
    const { first, second } = await aQueue(server);
    const page = await open(server);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.goto(`${server.url}/environments/uat?lease=${second.id}`);
    const told = page.locator('.marked-lease');
    await told.getByText('is number 2 in the queue').waitFor();
    await live(page);
    await server.call('DELETE', `/v1/leases/${first.id}`);
    await told.getByText('and is next').waitFor();
    expect(asked).toContain('/v1/leases');
    expect(asked).not.toContain(`/v1/leases/${second.id}`);
  });

  test('that the server does not know says so in its words, and the page is there all the same', async () => {
    const server = await start();
    await aQueue(server);
    const page = await open(server, '/environments/uat?lease=ls_nobody', { expects: refusals });
    await page.getByText('There is no lease ls_nobody').waitFor();
    await holders(page).getByText('shop deploy #1841').waitFor();
  });
});

test('rows of the queue stay where they are under a pointer', async () => {
  const server = await start();
  const { first } = await aQueue(server);
  const page = await open(server, '/environments/uat');
  await expect.poll(() => waiting(page).count()).toBe(2);
  await live(page);
  await waiting(page).nth(1).hover();
  await server.call('DELETE', `/v1/leases/${first.id}`);
  await queue(page).getByText('api tests #77 waits no more').waitFor();
  expect(await queue(page).locator('tbody tr').count()).toBe(2);
  await queue(page).getByRole('button', { name: '1 row would move · reorder' }).waitFor();
  await page.mouse.move(5, 5);
  await expect.poll(() => queue(page).locator('tbody tr').count()).toBe(1);
});

describe('the timeline', () => {
  test('arrows walk from block to block, each tells who, and the focus stays while blocks come', async () => {
    const server = await start();
    const past = await server.ask({ environment: 'uat', holder: { name: 'perf #12', url: 'https://ci.example/12' } });
    const next = await server.ask({ environment: 'uat', holder: { name: 'api #1' }, ...wait });
    polls(server, next.id);
    await server.call('POST', `/v1/leases/${past.id}/revoke`, { body: { reason: 'needed', now: true } });
    await server.call('PATCH', '/v1/environments/uat', { body: { capacity: 2 } });
    await server.call('PATCH', '/v1/environments/uat', { body: { state: 'frozen', reason: 'release week' } });
    const page = await open(server, '/environments/uat?view=table');
    // Seconds ago: the drawing has them as one band, the table each by itself.
    const table = page.getByRole('table', { name: 'Timeline of uat' });
    await table.getByText('taken away by anonymous: “needed”').waitFor();
    expect(await table.getByRole('link', { name: 'perf #12' }).getAttribute('href')).toBe('https://ci.example/12');
    expect(await table.getByRole('row').count()).toBe(4);
    await page.getByRole('button', { name: 'As table' }).click();
    await pieces(page).first().waitFor();
    await live(page);
    await page.getByRole('button', { name: 'As table' }).focus();
    await page.keyboard.press('Tab');
    expect(await focused(page)).toMatch(/^(?:2 leases|api #1), slot 1, /);
    await page.keyboard.press('ArrowUp');
    expect(await focused(page)).toMatch(/^frozen, .*, release week$/);
    expect(await page.locator('.detail').textContent()).toContain('by anonymous: “release week”');
    await page.keyboard.press('ArrowDown');
    expect(await focused(page)).toMatch(/slot 1/);
    await server.call('PATCH', '/v1/environments/uat', { body: { state: 'open' } });
    await server.ask({ environment: 'uat', holder: { name: 'late #9' } });
    await timeline(page)
      .getByRole('option', { name: /^late #9, slot 2/ })
      .waitFor();
    expect(await focused(page)).toMatch(/slot 1/);
    await page.keyboard.press('ArrowDown');
    expect(await focused(page)).toMatch(/^late #9, slot 2, .*still held$/);
    expect(await page.locator('.detail').textContent()).toContain('late #9');
  });

  test('its range stands in the address, is moved and zoomed, and is the same in the table', async () => {
    const server = await start();
    await aPast(server, 2);
    const page = await open(server, '/environments/uat');
    await pieces(page).first().waitFor();
    const pressed = (name: string) => timeline(page).getByRole('button', { name, exact: true, pressed: true });
    await pressed('24h').waitFor();
    await pieces(page).first().focus();
    await page.keyboard.press('+');
    await pressed('6h').waitFor();
    await page.keyboard.press('-');
    await page.keyboard.press('-');
    await pressed('7d').waitFor();
    expect(new URL(page.url()).search).toMatch(/^\?range=7d(?:&until=|$)/);
    await timeline(page).getByRole('button', { name: '1h', exact: true }).click();
    await pressed('1h').waitFor();
    await timeline(page).getByRole('button', { name: 'Earlier' }).click();
    await timeline(page).getByText('Nobody held it in this time.').waitFor();
    expect(new URL(page.url()).search).toMatch(/^\?range=1h&until=\d{4}/);
    await page.reload();
    await timeline(page).getByText('Nobody held it in this time.').waitFor();
    await timeline(page).getByRole('button', { name: 'Now' }).click();
    await pieces(page).first().waitFor();
    expect(await timeline(page).getByRole('button', { name: 'Later' }).isDisabled()).toBe(true);
    await timeline(page).getByRole('button', { name: 'As table' }).click();
    await page.getByRole('table', { name: 'Timeline of uat' }).getByText('past #1').waitFor();
    expect(new URL(page.url()).search).toContain('view=table');
  });

  test('that cannot be made says why, and the rest of the page stays', async () => {
    const server = await start();
    await aQueue(server);
    const page = await open(server, '/', { expects: refusals });
    const problem = '{"status":503,"code":"server_full","detail":"Too many figures at once.","requestId":"abc-1"}';
    await page.route('**/lanes*', (route) =>
      route.fulfill({ status: 503, contentType: 'application/problem+json', body: problem }),
    );
    await page.getByRole('link', { name: 'uat' }).click();
    const notice = timeline(page).getByRole('alert');
    await notice.getByText('Too many figures at once.').waitFor();
    expect(await notice.textContent()).toContain('server_full · request abc-1');
    await holders(page).getByText('shop deploy #1841').waitFor();
    await page.unroute('**/lanes*');
    await notice.getByRole('button', { name: 'Try again' }).click();
    await pieces(page).first().waitFor();
  });
});

test('figures and the history are there, and what happens is added', async () => {
  const server = await start();
  await aPast(server, 3);
  await server.call('PUT', '/v1/signals/uat', { body: {} });
  const page = await open(server, '/environments/uat');
  const figures = section(page, 'Would another one pay?');
  await figures.getByText('Nobody waited: another one would change nothing.').waitFor();
  expect(await figures.locator('.numbers').textContent()).toContain('leases3');
  await figures.getByRole('rowheader', { name: 'past' }).waitFor();
  const recent = section(page, /^History/);
  await recent.getByText('made at its first use').waitFor();
  expect(await recent.getByRole('link', { name: 'All of uat' }).getAttribute('href')).toBe('/history?subject=uat');
  expect(await recent.getByRole('listitem').count()).toBe(7);
  await live(page);
  await server.ask({ environment: 'uat', holder: { name: 'now #1' } });
  await recent.getByText('granted to now #1').waitFor();
  expect(await recent.getByRole('listitem').first().textContent()).toContain('now #1');
});

describe('actions', () => {
  const offered = (page: Page) => page.locator('.actions button').allTextContents();

  test('are offered to who may do them, and what they did is shown', async () => {
    const server = await start();
    await aQueue(server);
    const page = await open(server, '/environments/uat');
    await expect.poll(() => waiting(page).count()).toBe(2);
    await live(page);
    await page.getByRole('button', { name: 'Cancel… api tests #77' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/^Reason/).fill('not today');
    await dialog.getByRole('button').last().click();
    await dialog.getByRole('status').waitFor();
    await dialog.getByRole('button', { name: 'Close' }).click();
    await expect.poll(() => waiting(page).count()).toBe(1);
    await page.getByRole('button', { name: 'Take it away… uat' }).click();
    await dialog.getByText('shop deploy #1841').first().waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    expect((await server.environment('uat')).held.length).toBe(1);
  });

  test('of a key that may only read are none', async () => {
    const server = await start({ adminKeys: [admin] });
    await aQueue(server, { key: admin.key });
    const page = await open(server, '/environments/uat', { expects: refusals });
    await signIn(page, await server.makeKey(['read']));
    await expect.poll(() => waiting(page).count()).toBe(2);
    expect(await offered(page)).toEqual([]);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn(page, await server.makeKey(['read', 'force:other']));
    await expect.poll(() => waiting(page).count()).toBe(2);
    expect(await offered(page)).toEqual([]);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn(page, await server.makeKey(['read', 'force:uat']));
    await expect.poll(() => waiting(page).count()).toBe(2);
    // Whoever also wants db is not theirs to send away.
    expect(await offered(page)).toEqual(['Take it away…', 'Freeze…', 'Drain…', 'Release for its holder…', 'Cancel…']);
  });
});

test('names are text, whatever is written in them', async () => {
  const server = await start();
  const bold = '<b>bold</b>';
  const image = '<img src=x onerror=alert(1)>';
  await server.call('PUT', `/v1/environments/${encodeURIComponent(bold)}`, {
    body: { description: image, labels: { kind: 'x' } },
  });
  for (const name of [image, '<script>alert(1)</script>'])
    await server.ask({ environment: bold, holder: { name, url: 'javascript:alert(1)' }, reason: image, ...wait });
  await server.call('PATCH', `/v1/environments/${encodeURIComponent(bold)}`, {
    body: { state: 'frozen', reason: image },
  });
  const page = await open(server, `/environments/${encodeURIComponent(bold)}`);
  await page.getByRole('heading', { name: bold, exact: true }).waitFor();
  await expect.poll(() => waiting(page).count()).toBe(1);
  await pieces(page).last().focus();
  await page.locator('.detail').getByText(image).waitFor();
  expect(await page.locator('main b, main img, main script').count()).toBe(0);
  expect(await page.locator('a[href^="javascript"]').count()).toBe(0);
});

describe('for everybody', () => {
  for (const [name, options] of [
    ['in light', {}],
    ['in dark', { colorScheme: 'dark' }],
    ['on a phone', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }],
  ] as const)
    test(`axe finds nothing ${name}`, async () => {
      const server = await start();
      const { first } = await aQueue(server);
      await server.call('PATCH', '/v1/environments/uat', { body: { state: 'frozen', reason: 'release week' } });
      const page = await open(server, `/environments/uat?lease=${first.id}`, options);
      await expect.poll(() => waiting(page).count()).toBe(2);
      await pieces(page).first().waitFor();
      await page.getByText('another one would').waitFor();
      expect(await faults(page)).toEqual([]);
      await timeline(page).getByRole('button', { name: 'As table' }).click();
      await page.getByRole('table', { name: 'Timeline of uat' }).waitFor();
      expect(await faults(page)).toEqual([]);
      // Nothing makes the page itself wider than the screen.
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(wide).toBeLessThanOrEqual(0);
    });
});

describe('where blocks lie', () => {
  const hour = 3_600_000;
  const window = { from: Date.parse('2026-11-20T00:00:00Z'), to: Date.parse('2026-11-21T00:00:00Z') };
  const iso = (hours: number) => new Date(window.from + hours * hour).toISOString();
  const block = (from: number, to: number | null, more: Partial<LaneBlock> = {}): LaneBlock => ({
    ...{ slot: 0, state: 'held', from: iso(from), to: to === null ? null : iso(to), lease: `ls ${from}`, merged: 1 },
    ...{ holder: { name: 'shop', url: null, ref: null }, by: 'ci', how: 'released', endedBy: null, reason: null },
    waitedSeconds: 0,
    ...more,
  });
  const lanes = (blocks: LaneBlock[], more: Partial<Lanes> = {}): Lanes => ({
    ...{ environment: 'uat', since: iso(0), until: iso(24), from: iso(0), truncated: false },
    ...{ asOf: { seq: 1, at: iso(24) }, slots: 1, slotsLeftOut: 0, capacity: [], blocks, mergedWithinSeconds: null },
    ...{ closed: [], waiting: [] },
    ...more,
  });

  test('short ones next to one another are a band that says how many, and none is too narrow to point at', () => {
    const second = hour / 3_600_000 / 3600;
    const found = piecesOf(
      lanes([
        block(1, 2),
        block(3, 3 + second),
        block(3 + 2 * second, 3 + 3 * second, { how: 'expired' }),
        block(3 + 4 * second, 3 + 5 * second, { merged: 5, lease: null }),
        block(9, 9 + second),
        block(12, null, { how: null }),
      ]),
      window,
      960,
    );
    expect(found.map(({ count, look }) => [count, look])).toEqual([
      [1, 'released'],
      [7, 'several'],
      [1, 'released'],
      [1, 'now'],
    ]);
    for (const { width } of found) expect(width).toBeGreaterThanOrEqual(narrowest);
    expect([found[0]?.x, found[0]?.width, found.at(-1)?.x, found.at(-1)?.width]).toEqual([40, 40, 480, 480]);
  });

  test('what is outside is left out, and what reaches in is cut', () => {
    const found = piecesOf(lanes([block(-3, -2), block(-1, 1), block(23, 30), block(25, 26)]), window, 960);
    expect(found.map(({ x, width }) => [x, width])).toEqual([
      [0, 40],
      [920, 40],
    ]);
  });

  test('arrows go along a slot, and to what is nearest in the next', () => {
    const found = piecesOf(
      lanes([block(1, 2), block(5, 6), block(1, 2, { slot: 1, lease: 'a' }), block(5, 7, { slot: 1, lease: 'b' })], {
        slots: 2,
      }),
      window,
      960,
    );
    const [first, second, third, fourth] = found;
    if (!first || !second || !fourth) throw new Error('four');
    expect(neighbour(found, first, 'ArrowRight')).toBe(second);
    expect(neighbour(found, first, 'ArrowLeft')).toBe(null);
    expect(neighbour(found, second, 'ArrowDown')).toBe(fourth);
    expect(neighbour(found, fourth, 'Home')).toBe(third);
    expect(neighbour(found, fourth, 'ArrowUp')).toBe(second);
    expect(neighbour(found, fourth, 'ArrowDown')).toBe(null);
  });

  test('the curve of those who wait, ticks, and slots that were not there', () => {
    const waits = [0, 2, 4].map((waiting, i) => ({ at: iso(i * 6), waiting }));
    expect(curveOf(lanes([], { waiting: waits }), window, 240, 40)).toEqual({
      path: 'M0.0 40H0.0V40.0H60.0V20.0H120.0V0.0H240V40Z',
      most: 4,
    });
    expect(curveOf(lanes([]), window, 240, 40)).toBe(null);
    for (const width of [240, 960, 3000]) {
      const ticks = ticksOf(window, width);
      expect(ticks.length).toBeGreaterThan(0);
      for (const [i, { x }] of ticks.entries()) if (i > 0) expect(x - (ticks[i - 1]?.x ?? 0)).toBeGreaterThan(70);
    }
    const capacity = [
      { at: iso(0), capacity: 1 },
      { at: iso(12), capacity: 2 },
    ];
    expect(absencesOf(lanes([], { slots: 2, capacity }), window, 240)).toEqual([{ slot: 1, x: 0, width: 120 }]);
  });

  test('the range of an address', () => {
    const now = window.to;
    const day = rangeOf('?range=24h', '6h');
    expect([rangeOf('', '6h').span, rangeOf('?range=constructor', '6h').span, day.span]).toEqual(['6h', '6h', '24h']);
    expect(windowOf(day, now)).toEqual(window);
    const before = moved(day, -1, now);
    expect(windowOf(before, now).to).toBe(window.from);
    expect(moved(before, 1, now)).toEqual(day);
    expect(rangeOf(searchWith('?lease=a', before), '1h')).toEqual(before);
    expect(searchWith('?lease=a&until=x', day)).toBe('?lease=a&range=24h');
    const close = zoomed(day, 1, window.from + 2 * hour, now);
    expect(windowOf(close, now)).toEqual({ from: window.from - hour, to: window.from + 5 * hour });
    expect(zoomed({ span: '1h', until: null }, 1, null, now)).toEqual({ span: '1h', until: null });
    expect(zoomed(day, -1, null, now)).toEqual({ span: '7d', until: null });
  });
});
