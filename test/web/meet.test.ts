// The meeting places in a browser: what is set, waited for, missing and tried, live; and what can be done to it, by whom.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { BrowserContextOptions, Locator, Page } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { WaitList } from '../../src/client/types.ts';
import { check, type Typed } from '../../web/src/meet/setting.ts';
import { waitsOf } from '../../web/src/meet/waiting.ts';
import { admin, start, type TestServer } from '../http/server.ts';
import { live, open, row, useBrowser } from './browser.ts';

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

/** Somebody who waits until the end of the test, or until what they wait for has come. */
function waiter(server: TestServer, all: readonly string[], name = 'shop #1841', more: object = {}, key?: string) {
  const gone = new AbortController();
  onTestFinished(() => gone.abort());
  const body = { all, timeoutSeconds: 60, holder: { name, url: 'https://ci.example/1841' }, ...more };
  const answer = server.call('POST', '/v1/waits', { body, signal: gone.signal, key });
  answer.catch(() => undefined);
  return { answer, leave: () => gone.abort() };
}

async function arrive(server: TestServer, name: string, party: string, more: object = {}): Promise<void> {
  await server.call('POST', `/v1/barriers/${name}/arrivals`, { body: { party, ...more } });
}

async function act(page: Page, name: string, item: string): Promise<Locator> {
  await row(page, name)
    .getByRole('button', { name: /^Actions of/ })
    .click();
  await page.getByRole('menuitem', { name: item }).click();
  return page.getByRole('dialog');
}

const section = (page: Page, title: string) => page.getByRole('region', { name: new RegExp(`^${title}`) });

describe('signals', () => {
  test('what is set, what failed, and who waits for what is not set, all of it live', async () => {
    const server = await start();
    await server.call('PUT', '/v1/signals/migrated', {
      body: { data: { version: 'V42' }, holder: { name: 'db-migrate #310', url: 'https://ci.example/310' } },
    });
    await server.call('PUT', '/v1/signals/seeded', { body: { failure: { reason: 'no space left' } } });
    await server.call('PUT', '/v1/signals/kept', { body: { ttlSeconds: null } });
    const first = waiter(server, ['signal:approved']);
    waiter(server, ['signal:approved', 'signal:migrated'], 'api #77');
    const page = await open(server, '/meet');
    const approved = row(page, 'approved');
    await approved.getByText('2 wait, longest').waitFor();
    expect(await approved.textContent()).toContain('not set');
    expect(await approved.getByRole('link', { name: 'shop #1841' }).getAttribute('href')).toBe(
      'https://ci.example/1841',
    );
    expect(await row(page, 'migrated').textContent()).toMatch(
      /^set\s*migrateddb-migrate #310 ↗ \d+s ago{"version":"V42"}6d23h/,
    );
    expect(await row(page, 'seeded').textContent()).toContain('“no space left”');
    expect(await row(page, 'kept').textContent()).toContain('never');
    const names = await section(page, 'Signals')
      .locator('[data-row]')
      .evaluateAll((rows) => rows.map((each) => (each as HTMLElement).dataset.row));
    expect(names).toEqual(['approved', 'seeded', 'kept', 'migrated']);
    await live(page);
    first.leave();
    await approved.getByText('1 waits').waitFor();
    await server.call('PUT', '/v1/signals/approved', { body: {} });
    await approved.getByText('set', { exact: true }).waitFor();
    await server.call('DELETE', '/v1/signals/seeded');
    await row(page, 'seeded').waitFor({ state: 'detached' });
  });

  test('one is set from its row, with a payload that is checked first, and whoever waits goes on', async () => {
    const server = await start();
    const { answer } = waiter(server, ['signal:approved']);
    const page = await open(server, '/meet');
    await row(page, 'approved').getByRole('button', { name: 'Set approved' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('One waits for it, and goes on at once:').waitFor();
    await dialog.getByRole('listitem').getByText('shop #1841').waitFor();
    await dialog.getByLabel('Carries').fill('{"version": 4');
    await dialog.getByText(/^This is no JSON/).waitFor();
    const button = dialog.getByRole('button', { name: 'Set it', exact: true });
    expect(await button.isDisabled()).toBe(true);
    await dialog.getByLabel('Carries').fill('{"version": 42}');
    await dialog.getByLabel('Ends').selectOption('after');
    await dialog.getByLabel('After how long').fill('soon');
    await dialog.getByText('Write it like').waitFor();
    await dialog.getByLabel('After how long').fill('2h');
    await button.click();
    await dialog.getByText('The server has set approved').waitFor();
    const { json } = await answer;
    expect([json.outcome, json.conditions[0].data]).toEqual(['met', { version: 42 }]);
    expect((await server.call('GET', '/v1/signals/approved')).json.ttlSeconds).toBe(7200);
    await dialog.getByRole('button', { name: 'Close' }).click();
    await row(page, 'approved').getByText('{"version":42}').waitFor();
  });

  test('a new one is set as failed only with a reason, and its answer is the server’s', async () => {
    const server = await start();
    const { answer } = waiter(server, ['signal:tests']);
    const page = await open(server, '/meet', { expects: /status of 422|status of 400/ });
    await page.getByRole('button', { name: 'Set a signal…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('tests');
    await dialog.getByLabel(/^as failed/).check();
    await dialog.getByText('One waits for it, and fails at once:').waitFor();
    const button = dialog.getByRole('button', { name: 'Set it as failed' });
    expect(await button.isDisabled()).toBe(true);
    await dialog.getByLabel(/^Reason/).fill('<b>red</b>');
    // Enter does not confirm what does harm.
    await page.keyboard.press('Enter');
    expect((await server.call('GET', '/v1/signals/tests')).status).toBe(404);
    await page.route('**/v1/signals/tests', (route) =>
      route.fulfill({
        status: 422,
        contentType: 'application/problem+json',
        body: '{"status":422,"code":"too_many_signals","detail":"There are 7 signals already.","requestId":"abc-1"}',
      }),
    );
    await button.click();
    await dialog.getByText('There are 7 signals already.').waitFor();
    expect(await dialog.getByRole('alert').textContent()).toContain('too_many_signals · request abc-1');
    await page.unroute('**/v1/signals/tests');
    await button.click();
    await dialog.getByText('The server has set tests as failed').waitFor();
    expect((await answer).json.conditions[0]).toMatchObject({ state: 'failed', detail: '<b>red</b>' });
    await dialog.getByRole('button', { name: 'Close' }).click();
    await row(page, 'tests').getByText('“<b>red</b>”').waitFor();
  });

  test('clearing says who set it and who has seen it, and does nothing where it was set anew meanwhile', async () => {
    const server = await start();
    await server.call('PUT', '/v1/signals/migrated', { body: { holder: { name: 'db-migrate #310' } } });
    waiter(server, ['signal:migrated', 'signal:never'], 'api #77');
    const page = await open(server, '/meet');
    await row(page, 'never').waitFor();
    let dialog = await act(page, 'migrated', 'Clear…');
    await dialog.getByText('It was set by db-migrate #310').waitFor();
    await dialog.getByText('One has seen it and waits for other things too').waitFor();
    await dialog.getByRole('listitem').getByText('api #77').waitFor();
    await server.call('PUT', '/v1/signals/migrated', { body: { data: 1 } });
    await dialog.getByText('It was set anew since this was opened.').waitFor();
    expect(await dialog.getByRole('button', { name: 'Clear it' }).isDisabled()).toBe(true);
    await page.keyboard.press('Escape');
    dialog = await act(page, 'migrated', 'Clear…');
    await dialog.getByRole('button', { name: 'Clear it' }).click();
    await dialog.getByText('The server has cleared migrated.').waitFor();
    expect((await server.call('GET', '/v1/signals/migrated')).status).toBe(404);
  });

  test('a payload is text in a tree that is folded, however large it is and whatever is in it', async () => {
    const server = await start();
    const data = {
      html: '<img src=x onerror=alert(1)>',
      hidden: 'abc\u202ecba',
      deep: { er: { still: 'here' } },
      many: Array.from({ length: 300 }, (_, i) => `item ${i}`),
      long: 'x'.repeat(20_000),
    };
    await server.call('PUT', '/v1/signals/big', { body: { data } });
    const page = await open(server, '/meet');
    await row(page, 'big')
      .getByText(/KiB, not shown here/)
      .waitFor();
    await row(page, 'big').getByRole('button', { name: 'big', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('"<img src=x onerror=alert(1)>"').waitFor();
    await dialog.getByText('"abc\\u202ecba"').waitFor();
    expect(await dialog.locator('img').count()).toBe(0);
    expect(await dialog.getByText('"here"').count()).toBe(0);
    await dialog.getByText('"deep":').click();
    await dialog.getByText('"er":').click();
    await dialog.getByText('"here"').waitFor();
    await dialog.getByText('"many":').click();
    await dialog.getByText('"item 99"').waitFor();
    expect(await dialog.getByText('"item 100"').count()).toBe(0);
    await dialog.getByRole('button', { name: '200 more' }).click();
    await dialog.getByText('"item 299"').waitFor();
    expect((await dialog.locator('.leaf').last().textContent())?.length).toBeLessThan(3_000);
    await dialog.getByRole('button', { name: 'all 20,002 characters' }).click();
    expect((await dialog.locator('.leaf').last().textContent())?.length).toBeGreaterThan(20_000);
  });
});

describe('barriers', () => {
  test('how many have come and who is missing, generation by generation, and why one broke, live', async () => {
    const server = await start();
    await server.call('PUT', '/v1/barriers/shards?generation=310', {
      body: { parties: ['shard-1', 'shard-2', 'shard-3'] },
    });
    await server.call('PUT', '/v1/barriers/shards?generation=309', { body: { parties: 2 } });
    await arrive(server, 'shards', 'a', {});
    const page = await open(server, '/meet');
    const generation = (name: string) => section(page, 'Barriers').locator('[data-row]').filter({ hasText: name });
    const now = generation('310');
    await now.getByText('0 of 3').waitFor();
    await live(page);
    await server.call('POST', '/v1/barriers/shards/arrivals?generation=310', { body: { party: 'shard-1' } });
    await now.getByText('1 of 3').waitFor();
    expect(await now.textContent()).toContain('missing shard-2, shard-3');
    expect(await now.textContent()).toMatch(/5h59m left/);
    await server.call('POST', '/v1/barriers/shards/arrivals?generation=310', {
      body: { party: 'shard-2', failure: { reason: 'tests <b>red</b>' } },
    });
    await now.getByText('broken', { exact: true }).waitFor();
    expect(await now.textContent()).toContain('shard-2 has failed: “tests <b>red</b>” · missing shard-3');
    for (const party of ['x', 'y'])
      await server.call('POST', '/v1/barriers/shards/arrivals?generation=309', { body: { party } });
    await generation('309').getByText('all have come').waitFor();
  });

  test('one that waits is broken with a reason for those who have come, and forgotten when it is over', async () => {
    const server = await start();
    await server.call('PUT', '/v1/barriers/meet', { body: { parties: ['a', 'b'] } });
    await arrive(server, 'meet', 'a');
    const { answer } = waiter(server, ['barrier:meet'], 'report #5');
    const page = await open(server, '/meet');
    await row(page, 'meet').getByText('1 of 2').waitFor();
    let dialog = await act(page, 'meet', 'Break…');
    await dialog.getByText('Here are: a').waitFor();
    await dialog.getByRole('listitem').getByText('report #5').waitFor();
    const button = dialog.getByRole('button', { name: 'Break it' });
    expect(await button.isDisabled()).toBe(true);
    await dialog.getByLabel(/^Reason/).fill('wrong branch');
    await button.click();
    await dialog.getByText('The server has broken it.').waitFor();
    expect((await answer).json.outcome).toBe('failed');
    await dialog.getByRole('button', { name: 'Close' }).click();
    await row(page, 'meet').getByText('“wrong branch”').waitFor();
    dialog = await act(page, 'meet', 'Forget…');
    await dialog.getByRole('button', { name: 'Forget it' }).click();
    await dialog.getByText('The server has forgotten').waitFor();
    await dialog.getByRole('button', { name: 'Close' }).click();
    await page.mouse.move(5, 5);
    await row(page, 'meet').waitFor({ state: 'detached' });
    expect((await server.call('GET', '/v1/barriers/meet')).status).toBe(404);
  });

  test('nothing is broken that has opened meanwhile, and all parties are shown on demand', async () => {
    const server = await start();
    const parties = Array.from({ length: 120 }, (_, i) => `p-${i}`);
    await server.call('PUT', '/v1/barriers/crowd', { body: { parties } });
    for (const party of parties.slice(1)) await arrive(server, 'crowd', party);
    const page = await open(server, '/meet');
    await row(page, 'crowd').getByRole('button', { name: 'crowd', exact: true }).click();
    await page.getByRole('dialog').getByRole('row').filter({ hasText: 'missing' }).getByText('p-0').waitFor();
    await page.keyboard.press('Escape');
    const dialog = await act(page, 'crowd', 'Break…');
    await dialog.getByLabel(/^Reason/).fill('too late');
    await arrive(server, 'crowd', 'p-0');
    await dialog.getByText('It does not wait any more').waitFor();
    expect(await dialog.getByRole('button', { name: 'Break it' }).isDisabled()).toBe(true);
  });
});

test('probes with their last answer and tries, waits for environments, and what was waited for in vain', async () => {
  const server = await start();
  await server.ask({ environment: 'uat' });
  waiter(server, ['tcp:127.0.0.1:1'], 'db tests');
  waiter(server, ['env:uat'], 'deploy #9');
  await waiter(server, ['signal:never'], 'late #1', { timeoutSeconds: 0.1 }).answer;
  const page = await open(server, '/meet');
  const probe = section(page, 'Probes').getByRole('row').filter({ hasText: 'tcp:127.0.0.1:1' });
  await probe.getByText(/refused/).waitFor();
  expect(await probe.textContent()).toMatch(/^down.*\d+ in \d+s, last \d+s ago1 waits$/);
  const other = section(page, 'Waits for environments').getByRole('row').filter({ hasText: 'deploy #9' });
  expect(await other.getByRole('link', { name: 'env:uat' }).getAttribute('href')).toBe('/environments/uat');
  const late = section(page, 'Timed out').getByRole('row').filter({ hasText: 'signal:never' });
  expect(await late.textContent()).toContain('late #1');
  await waiter(server, ['signal:later'], 'late #2', { timeoutSeconds: 0.1 }).answer;
  await section(page, 'Timed out').getByText('late #2').waitFor();
  await page.getByRole('searchbox').fill('never');
  await section(page, 'Probes').getByText('None matches.').waitFor();
  expect(await section(page, 'Timed out').getByRole('row').count()).toBe(2);
  expect(new URL(page.url()).search).toBe('?q=never');
});

describe('with keys', () => {
  async function signIn(page: Page, key: string): Promise<void> {
    await page.getByLabel('API key').fill(key);
    await page.getByRole('button', { name: 'Sign in' }).click();
  }

  async function places(server: TestServer): Promise<void> {
    for (const name of ['mine-set', 'other-set'])
      await server.call('PUT', `/v1/signals/${name}`, { body: {}, key: admin.key });
    await server.call('PUT', '/v1/barriers/mine-barrier', { body: { parties: 2 }, key: admin.key });
  }

  test('a key that may only read is offered nothing', async () => {
    const server = await start({ adminKeys: [admin] });
    await places(server);
    waiter(server, ['signal:mine-awaited'], 'x', {}, admin.key);
    const page = await open(server, '/meet');
    await signIn(page, await server.makeKey(['read']));
    await row(page, 'mine-awaited').waitFor();
    expect(await page.getByRole('button', { name: /^Set/ }).count()).toBe(0);
    for (const name of ['mine-set', 'mine-awaited', 'mine-barrier']) {
      await row(page, name)
        .getByRole('button', { name: /^Actions of/ })
        .click();
      expect(await page.getByRole('menuitem').allTextContents()).toEqual(['History']);
      await page.keyboard.press('Escape');
    }
  });

  test('one for some names is offered what it may do to those, and sees how many wait where it does not see who', async () => {
    const server = await start({ adminKeys: [admin] });
    await places(server);
    waiter(server, ['signal:mine-awaited', 'signal:other'], 'x', {}, admin.key);
    const page = await open(server, '/meet');
    await signIn(page, await server.makeKey(['read:mine-*', 'signal:mine-a*', 'signal:mine-b*']));
    await row(page, 'mine-awaited').getByText('1 waits').waitFor();
    expect(await row(page, 'other-set').count()).toBe(0);
    await row(page, 'mine-set')
      .getByRole('button', { name: /^Actions of/ })
      .click();
    expect(await page.getByRole('menuitem').allTextContents()).toEqual(['History']);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Set a signal…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('other');
    await dialog.getByText('Your key may not set other.').waitFor();
    expect(await dialog.getByRole('button', { name: 'Set it', exact: true }).isDisabled()).toBe(true);
    await dialog.getByLabel('Name').fill('mine-awaited');
    await dialog.getByRole('button', { name: 'Set it', exact: true }).click();
    await dialog.getByText('The server has set mine-awaited').waitFor();
  });
});

const looks: [string, BrowserContextOptions][] = [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['a phone', { viewport: { width: 360, height: 700 }, isMobile: true, hasTouch: true }],
];

test.each(looks)('everybody can use it in %s', async (look, options) => {
  const server = await start();
  await server.call('PUT', '/v1/signals/migrated', { body: { data: { version: 'V42', hosts: ['a', 'b'] } } });
  await server.call('PUT', '/v1/signals/seeded', { body: { failure: { reason: 'no space left '.repeat(30) } } });
  await server.call('PUT', '/v1/barriers/shards', { body: { parties: ['a', 'b'] } });
  waiter(server, ['signal:approved', 'tcp:127.0.0.1:1']);
  const page = await open(server, '/meet', options);
  await row(page, 'approved').waitFor();
  await live(page);
  if (look === 'a phone') {
    // One section at a time.
    expect(await row(page, 'shards').count()).toBe(0);
    await page.getByRole('button', { name: /^▸ Barriers|^Barriers/ }).click();
    await row(page, 'shards').waitFor();
    expect(await row(page, 'approved').count()).toBe(0);
    expect(await faults(page)).toEqual([]);
    await page.getByRole('button', { name: /Probes/ }).click();
    await page.getByRole('list', { name: 'Probes' }).getByText('refused').waitFor();
    expect(await faults(page)).toEqual([]);
    await page.getByRole('button', { name: /Signals/ }).click();
  }
  expect(await faults(page)).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
  await row(page, 'migrated').getByRole('button').first().click();
  await page.getByRole('dialog').getByText('"V42"').waitFor();
  expect(await faults(page)).toEqual([]);
  await page.getByRole('dialog').getByRole('button', { name: 'Set…' }).click();
  await page.getByRole('dialog').getByLabel('Carries').fill('{');
  await page.getByRole('dialog').getByText('no JSON').waitFor();
  expect(await faults(page)).toEqual([]);
});

describe('without a page', () => {
  const typed = (change: Partial<Typed>): Typed => ({
    ...{ name: 'a', isFailure: false, payload: '', reason: '', ends: 'week', duration: '' },
    ...change,
  });

  test('what is typed is checked as the server would', () => {
    expect(check(typed({ payload: ' 1 ', ends: 'never' }))).toEqual({
      ok: true,
      request: { data: 1, ttlSeconds: null },
    });
    expect(check(typed({ isFailure: true, reason: ' no ', payload: '{' }))).toEqual({
      ...{ ok: true, request: { failure: { reason: 'no' } } },
    });
    const faultOf = (change: Partial<Typed>) => {
      const checked = check(typed(change));
      return checked.ok ? null : checked.field;
    };
    expect([
      faultOf({ name: '' }),
      faultOf({ name: 'a\tb' }),
      faultOf({ payload: '{' }),
      faultOf({ payload: JSON.stringify('x'.repeat(64 * 1024)) }),
      faultOf({ payload: '['.repeat(66) + ']'.repeat(66) }),
      faultOf({ isFailure: true, reason: ' ' }),
      faultOf({ ends: 'after', duration: 'soon' }),
      faultOf({ ends: 'after', duration: '500ms' }),
    ]).toEqual(['name', 'name', 'payload', 'payload', 'payload', 'reason', 'duration', 'duration']);
    expect(faultOf({ payload: '['.repeat(64) + ']'.repeat(64) })).toBe(null);
  });

  test('who waits is listed by what is still missing, the longest first, and is the same list while nothing changes', () => {
    const holder = { name: null, url: null, ref: null };
    const wait = (id: string, since: string, ...conditions: [string, 'pending' | 'met'][]) => ({
      ...{ id, mode: 'all' as const, by: id, holder, since, until: since },
      conditions: conditions.map(([target, state]) => ({ target, state, detail: '', settledAt: null })),
    });
    const list: WaitList = {
      items: [
        wait('late', '2026-01-01T00:00:02Z', ['signal:a', 'pending']),
        wait('early', '2026-01-01T00:00:01Z', ['signal:a', 'pending'], ['signal:b', 'met']),
      ],
      ...{ next: null, asOf: { seq: 1, at: '2026-01-01T00:00:03Z' }, timedOut: [], timedOutCount: 0 },
      ...{ probes: [], probesCount: 0 },
    };
    const first = waitsOf(list, null);
    expect(first.pending.get('signal:a')?.map(({ id }) => id)).toEqual(['early', 'late']);
    expect([first.settled.get('signal:b')?.length, first.pending.has('signal:b')]).toEqual([1, false]);
    expect(waitsOf(list, first).pending.get('signal:a')).toBe(first.pending.get('signal:a'));
    const fewer = waitsOf({ ...list, items: list.items.slice(1) }, first);
    expect(fewer.pending.get('signal:a')?.length).toBe(1);
  });
});
