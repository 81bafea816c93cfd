// What can be done from the board: every action in a real browser against a real server, what the server refuses, and who is
// offered what.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { start as startProcess } from '../cli/process.ts';
import { admin, start, type TestServer } from '../http/server.ts';
import { live, open, row, useBrowser } from './browser.ts';

useBrowser();

/** What a browser says of an answer that is no success. */
const refusals = /status of 4\d\d/;

const dialog = (page: Page) => page.getByRole('dialog');
const button = (page: Page, name: string | RegExp) => dialog(page).getByRole('button', { name });
const reasonField = (page: Page) => dialog(page).getByLabel(/^Reason/);
const yours = (page: Page) => page.getByRole('region', { name: 'Yours' });
const freezes = (page: Page) => page.getByRole('region', { name: 'Freezes that are on' });

/** Opens an action of a row's menu. */
async function choose(page: Page, name: string, action: string | RegExp): Promise<void> {
  await row(page, name)
    .getByRole('button', { name: `Actions of ${name}` })
    .click();
  await page.getByRole('menuitem', { name: action }).click();
  await dialog(page).waitFor();
}

/** What the menu of a row offers. */
async function offered(page: Page, name: string): Promise<string[]> {
  await row(page, name)
    .getByRole('button', { name: `Actions of ${name}` })
    .click();
  const items = await page.getByRole('menuitem').allTextContents();
  await page.keyboard.press('Escape');
  return items;
}

async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Closes a dialog that has said this. */
async function done(page: Page, words: string | RegExp): Promise<void> {
  await dialog(page).getByRole('status').getByText(words).waitFor();
  await button(page, 'Close').click();
  await dialog(page).waitFor({ state: 'detached' });
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    type Result = { violations: { id: string; nodes: { html: string }[] }[] };
    const { violations } = await (globalThis as unknown as { axe: { run(): Promise<Result> } }).axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  });
}

async function held(server: TestServer, name: string): Promise<(string | null)[]> {
  return (await server.environment(name)).held.map(({ holder }) => holder.name);
}

describe('taking away', () => {
  test('a command that runs elsewhere is stopped, says who took it away and why, and exits 76', async () => {
    const server = await start();
    const run = startProcess('signalbox', ['run', 'uat', '--', 'sleep', '600'], {
      SIGNALBOX_URL: server.url,
    });
    const page = await open(server);
    await row(page, 'uat').getByText('held', { exact: true }).waitFor();
    await live(page);
    const [holder = null] = await held(server, 'uat');
    await page.keyboard.press('j');
    await page.keyboard.press('.');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: `Take uat away from ${holder}?` }).waitFor();
    const take = button(page, 'Take it away');
    expect(await take.isDisabled()).toBe(true);
    await page.keyboard.type('prod incident, need uat now');
    expect(await take.isEnabled()).toBe(true);
    await page.keyboard.press('Enter');
    expect(await held(server, 'uat')).toEqual([holder]);
    await take.click();
    await done(page, `taken away from ${holder}`);
    const { code, stderr } = await run.ended;
    expect(code).toBe(76);
    expect(stderr).toMatch(/was taken away after .* by anonymous: "prod incident, need uat now"/);
    await row(page, 'uat').getByText('free', { exact: true }).waitFor();
    expect(await page.evaluate(() => (document.activeElement as HTMLElement).closest('tr')?.dataset.row)).toBe('uat');
  });

  test('and for oneself: before those who wait, in this browser, and released from it', async () => {
    const server = await start();
    await server.ask({ environment: 'uat', holder: { name: 'perf #12' } });
    const next = server.ask({ environment: 'uat', holder: { name: 'api #77' } }, { query: '?wait=60' });
    await server.waiting('uat', 1);
    const page = await open(server);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await live(page);
    await choose(page, 'uat', 'Take it away…');
    await dialog(page).getByText('Next in line is api #77').waitFor();
    await dialog(page).getByLabel('and give it to me').check();
    await dialog(page).getByText('You get it before api #77').waitFor();
    await dialog(page).getByLabel('In the name of').fill('anna');
    await reasonField(page).fill('hotfix');
    await button(page, 'Take it away').click();
    await dialog(page).getByText('the old holder may still be working').waitFor();
    await done(page, /It is yours\./);
    expect(await held(server, 'uat')).toEqual(['anna']);
    await page.reload();
    await yours(page).getByText('is yours until you release it').waitFor();
    const secret = await page.evaluate(() => JSON.parse(sessionStorage.getItem('signalbox.leases') ?? '')[0].secret);
    expect(secret).toMatch(/^.{16,}$/);
    await yours(page).getByRole('button', { name: 'Release… uat' }).click();
    await button(page, 'Release').click();
    await done(page, /Released\. The next in line gets it\./);
    expect((await next).state).toBe('held');
    expect(await yours(page).count()).toBe(0);
    expect(asked.filter((url) => url.includes(secret))).toEqual([]);
    expect(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))).not.toContain(secret);
  });

  test('waits until a job has stopped, and the place is kept for as long', async () => {
    const server = await start({ graceSeconds: 1 });
    const lease = await server.ask({ environment: 'uat', holder: { name: 'perf' }, ttlSeconds: 600 });
    const page = await open(server);
    await live(page);
    await choose(page, 'uat', 'Take it away…');
    await dialog(page).getByLabel('and give it to me').check();
    await reasonField(page).fill('hotfix');
    await button(page, 'Take it away').click();
    await done(page, /You are next\. Keep this tab open/);
    await row(page, 'uat').getByText('being taken away by anonymous').waitFor();
    await yours(page).getByText('You wait for uat').waitFor();
    // Longer than the grace after which the server gives away the place of one who does not ask.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect((await server.environment('uat')).waiting).toBe(1);
    await server.call('DELETE', `/v1/leases/${lease.id}`);
    await yours(page).getByText('is yours until you release it').waitFor();
  });

  test('at once, where that is chosen', async () => {
    const server = await start();
    await server.ask({ environment: 'uat', holder: { name: 'perf' }, ttlSeconds: 600 });
    const page = await open(server);
    await live(page);
    await choose(page, 'uat', 'Take it away…');
    await dialog(page).getByLabel('at once').check();
    await reasonField(page).fill('its runner is gone');
    await button(page, 'Take it away').click();
    await done(page, /It was taken away from perf/);
    expect(await held(server, 'uat')).toEqual([]);
  });
});

describe('somebody was faster', () => {
  test('the dialog says so while it is open, and does nothing', async () => {
    const server = await start();
    const first = await server.ask({ environment: 'uat', holder: { name: 'perf' }, ttlSeconds: 600 });
    const page = await open(server);
    await live(page);
    await choose(page, 'uat', 'Take it away…');
    await reasonField(page).fill('mine');
    await server.call('DELETE', `/v1/leases/${first.id}`);
    await server.ask({ environment: 'uat', holder: { name: 'api' }, ttlSeconds: 600 });
    await dialog(page).getByRole('alert').getByText('perf does not hold it any more. api holds it now.').waitFor();
    expect(await button(page, 'Take it away').isDisabled()).toBe(true);
    await button(page, 'Keep').click();
    expect(await held(server, 'uat')).toEqual(['api']);
  });

  /** A page that hears of nothing, as in the moment before it does. */
  async function deaf(server: TestServer): Promise<Page> {
    const page = await open(server, '/meet', { expects: refusals });
    await page.route('**/v1/events/stream*', () => {});
    await page.goto(server.url);
    return page;
  }

  test('what the page has not heard of is asked before anything is sent', async () => {
    const server = await start();
    const first = await server.ask({ environment: 'uat', holder: { name: 'perf' }, ttlSeconds: 600 });
    const page = await deaf(server);
    await row(page, 'uat').waitFor();
    await choose(page, 'uat', 'Take it away…');
    await server.call('DELETE', `/v1/leases/${first.id}`);
    await reasonField(page).fill('mine');
    await button(page, 'Take it away').click();
    await dialog(page).getByRole('alert').getByText('Nobody does now').waitFor();
    await button(page, 'Keep').click();
    await choose(page, 'uat', 'Freeze…');
    await server.call('PATCH', '/v1/environments/uat', { body: { state: 'draining', reason: 'rebuilt' } });
    await reasonField(page).fill('mine');
    await button(page, 'Freeze it').click();
    await dialog(page)
      .getByRole('alert')
      .getByText('anonymous was faster: it is being drained now, “rebuilt”')
      .waitFor();
    expect((await server.environment('uat')).state).toBe('drained');
  });

  test('and what is refused by the server itself is told in its words', async () => {
    const server = await start();
    const first = await server.ask({ environment: 'uat', holder: { name: 'perf' }, ttlSeconds: 600 });
    const page = await deaf(server);
    await row(page, 'uat').waitFor();
    await choose(page, 'uat', 'Take it away…');
    const before = await server.environment('uat');
    await page.route('**/v1/environments/uat', (route) => route.fulfill({ json: before }));
    await server.call('DELETE', `/v1/leases/${first.id}`);
    await reasonField(page).fill('mine');
    await button(page, 'Take it away').click();
    const alert = dialog(page).getByRole('alert');
    await alert.getByText('has ended: released by anonymous').waitFor();
    expect(await alert.textContent()).toMatch(/It was not done\..*lease_ended · request /);
  });
});

test('what somebody has forgotten is released for them', async () => {
  const server = await start();
  await server.ask({ environment: 'uat', holder: { name: 'carla' } });
  const page = await open(server, '/environments/uat');
  await live(page);
  await page.getByRole('button', { name: 'More actions on uat' }).click();
  await page.getByRole('menuitem', { name: 'Release for its holder…' }).click();
  await page.getByRole('heading', { name: 'Release uat for carla?' }).waitFor();
  await button(page, 'Release').click();
  await done(page, 'Released. Nobody waits for it.');
  expect(await held(server, 'uat')).toEqual([]);
});

test('a request that waits is cancelled with a reason, unless it has been granted meanwhile', async () => {
  const server = await start();
  const first = await server.ask({ environment: 'uat', ttlSeconds: 600 });
  const other = server.call('POST', '/v1/leases?wait=60', { body: { environment: 'uat', holder: { name: 'api' } } });
  await server.waiting('uat', 1);
  const page = await open(server, '/environments/uat');
  await live(page);
  const cancel = (name: string) => page.getByRole('button', { name: `Cancel… ${name}` });
  await cancel('api').click();
  await page.getByRole('heading', { name: 'Take api out of the queue of uat?' }).waitFor();
  await reasonField(page).fill('the release goes first');
  await button(page, 'Cancel the request').click();
  await done(page, 'The request was taken out of the queue');
  expect((await other).text).toContain('the release goes first');
  const second = server.ask({ environment: 'uat', holder: { name: 'db' } }, { query: '?wait=60' });
  await server.waiting('uat', 1);
  // Lines stay where they are under pointer and focus.
  await page.reload();
  await cancel('db').click();
  await reasonField(page).fill('the release goes first');
  await server.call('DELETE', `/v1/leases/${first.id}`);
  expect((await second).state).toBe('held');
  await dialog(page).getByRole('alert').getByText('db has got it meanwhile. Nothing was done.').waitFor();
  expect(await held(server, 'uat')).toEqual(['db']);
});

describe('reserving', () => {
  test('what is free is had at once, for as long as was chosen', async () => {
    const server = await start();
    await server.call('PUT', '/v1/environments/uat', { body: {} });
    const page = await open(server);
    await live(page);
    await choose(page, 'uat', 'Reserve for me…');
    await dialog(page).getByText('It is free: you have it at once.').waitFor();
    await dialog(page).getByLabel('In the name of').fill('anna');
    await dialog(page).getByLabel('For how long').selectOption({ label: 'for 4 hours' });
    await button(page, 'Reserve').click();
    await done(page, /uat is yours until/);
    const [lease] = (await server.environment('uat')).held;
    expect([lease?.holder.name, lease?.reason, lease?.ttlSeconds]).toEqual(['anna', null, 4 * 3600]);
    expect(await offered(page, 'uat')).toContain('Release…');
    const other = await page.context().newPage();
    await other.goto(server.url);
    await other.getByRole('region', { name: 'Yours' }).getByText('is yours').waitFor();
    await server.call('POST', `/v1/leases/${lease?.id}/revoke`, { body: { reason: 'prod incident', now: true } });
    await yours(page).getByText('is no longer yours: revoked by anonymous, “prod incident”').waitFor();
    await yours(page).getByRole('button', { name: 'Understood' }).click();
    expect(await yours(page).count()).toBe(0);
  });

  test('what is taken in that moment is not waited for before one says so; then it is had in turn', async () => {
    const server = await start({ graceSeconds: 1 });
    await server.call('PUT', '/v1/environments/uat', { body: {} });
    const page = await open(server, '/meet', { expects: refusals });
    await page.route('**/v1/events/stream*', () => {});
    await page.goto(server.url);
    await row(page, 'uat').waitFor();
    await choose(page, 'uat', 'Reserve for me…');
    const lease = await server.ask({ environment: 'uat', holder: { name: 'api' } });
    await button(page, 'Reserve').click();
    await dialog(page).getByRole('alert').getByText('uat is held by api').waitFor();
    expect((await server.environment('uat')).waiting).toBe(0);
    await button(page, 'Wait for it').click();
    await done(page, /You wait for uat, as number 1 in line/);
    await page.reload();
    await yours(page).getByText('This tab keeps your place').waitFor();
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect((await server.environment('uat')).waiting).toBe(1);
    await server.call('DELETE', `/v1/leases/${lease.id}`);
    await yours(page).getByText('is yours').waitFor();
  });

  test('one leaves the queue again; signing out forgets what was reserved', async () => {
    const server = await start({ adminKeys: [admin] });
    await server.ask({ environment: 'uat', holder: { name: 'api' } }, { key: admin.key });
    await server.call('PUT', '/v1/environments/db', { body: {}, key: admin.key });
    const page = await open(server);
    await signIn(page, await server.makeKey(['read', 'acquire'], { name: 'anna' }));
    await live(page);
    expect(await offered(page, 'uat')).toEqual(['Open', 'Reserve for me…', 'Copy link']);
    await choose(page, 'uat', 'Reserve for me…');
    await dialog(page).getByText('api has had it').waitFor();
    expect(await dialog(page).getByLabel('In the name of').inputValue()).toBe('anna');
    await button(page, 'Wait for it').click();
    await done(page, /You wait for uat/);
    await server.waiting('uat', 1, { key: admin.key });
    await yours(page).getByRole('button', { name: 'Leave… the queue of uat' }).click();
    await button(page, 'Leave the queue').click();
    await done(page, 'You wait no longer.');
    await server.waiting('uat', 0, { key: admin.key });
    await choose(page, 'db', 'Reserve for me…');
    await button(page, 'Reserve').click();
    await done(page, /db is yours/);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('API key').waitFor();
    expect(await page.evaluate(() => JSON.stringify({ ...sessionStorage }))).toBe('{}');
  });
});

describe('closing and opening one', () => {
  test('a drain sends away who waits, and is ended again', async () => {
    const server = await start();
    await server.ask({ environment: 'uat', holder: { name: 'perf' } });
    const waiting = server.call('POST', '/v1/leases?wait=60', { body: { environment: 'uat' } });
    await server.waiting('uat', 1);
    const page = await open(server);
    await live(page);
    await choose(page, 'uat', 'Drain…');
    await dialog(page).getByText('perf holds it and goes on.').waitFor();
    await dialog(page).getByText('1 that waits is sent away now').waitFor();
    await reasonField(page).fill('rebuilt tonight');
    await button(page, 'Drain it').click();
    await done(page, 'It takes no new requests. 1 holder goes on.');
    expect((await waiting).text).toContain('rebuilt tonight');
    await row(page, 'uat').getByText('draining', { exact: true }).waitFor();
    expect(await offered(page, 'uat')).not.toContain('Reserve for me…');
    await choose(page, 'uat', 'Open again…');
    await button(page, 'Open it').click();
    await done(page, 'It is open.');
    expect((await server.environment('uat')).state).toBe('open');
  });

  test('a freeze has a reason and an end', async () => {
    const server = await start();
    await server.call('PUT', '/v1/environments/uat', { body: {} });
    const page = await open(server);
    await live(page);
    await choose(page, 'uat', 'Freeze…');
    await reasonField(page).fill('audit');
    await dialog(page).getByRole('combobox', { name: 'For how long' }).selectOption('until …');
    expect(await button(page, 'Freeze it').isDisabled()).toBe(true);
    await dialog(page).getByLabel('Until (your time)').fill('2020-01-01T10:00');
    expect(await button(page, 'Freeze it').isDisabled()).toBe(true);
    await dialog(page).getByLabel('Until (your time)').fill('2099-01-01T10:00');
    await button(page, 'Freeze it').click();
    await done(page, 'Nothing is granted there any more.');
    const { state, stateReason, stateUntil } = await server.environment('uat');
    expect([state, stateReason, stateUntil]).toEqual(['frozen', 'audit', new Date('2099-01-01T10:00').toISOString()]);
  });
});

describe('the release freeze', () => {
  test('of everything, seen live by everybody, and ended by one who may', async () => {
    const server = await start({ adminKeys: [admin] });
    const key = { key: admin.key };
    for (const name of ['uat', 'db']) await server.call('PUT', `/v1/environments/${name}`, { body: {}, ...key });
    const reader = await open(server);
    await signIn(reader, await server.makeKey(['read']));
    await live(reader);
    const page = await open(server);
    await signIn(page, admin.key);
    await live(page);
    await page.getByRole('button', { name: 'Freeze…', exact: true }).click();
    await dialog(page).getByText('2 environments are frozen, and those that are made later').waitFor();
    await reasonField(page).fill('nobody deploys until Monday');
    expect(
      await dialog(page).getByRole('combobox', { name: 'For how long' }).locator('option:checked').textContent(),
    ).toBe('until Monday 08:00');
    await button(page, 'Freeze everything').click();
    await done(page, /The freeze freeze is on until/);
    const words = 'Everything is frozen by admin for';
    await freezes(reader).getByText(words).waitFor();
    expect(await freezes(reader).textContent()).toContain('“nobody deploys until Monday”, until');
    expect(await freezes(reader).getByRole('button').count()).toBe(0);
    await row(reader, 'db').getByText('frozen', { exact: true }).waitFor();
    const [freeze] = (await server.call('GET', '/v1/freezes', key)).json.items;
    const until = new Date(freeze.until);
    expect([freeze.labels, until.getDay(), until.getHours(), until.getMinutes()]).toEqual([{}, 1, 8, 0]);
    await freezes(page).getByRole('button', { name: 'End it… the freeze freeze' }).click();
    await button(page, 'End it').click();
    await done(page, 'The freeze is over.');
    await freezes(reader).waitFor({ state: 'detached' });
    await row(reader, 'db').getByText('free', { exact: true }).waitFor();
  });

  test('of what the board shows, under a name that nobody has', async () => {
    const server = await start();
    await server.call('PUT', '/v1/environments/uat', { body: { labels: { kind: 'uat' } } });
    await server.call('PUT', '/v1/environments/db', { body: { labels: { kind: 'db' } } });
    await server.call('PUT', '/v1/freezes/freeze-uat', { body: { labels: { kind: 'none' }, reason: 'an older one' } });
    const page = await open(server, '/?label=kind%3Duat');
    await live(page);
    await page.getByRole('button', { name: 'Freeze…', exact: true }).click();
    await dialog(page).getByText('1 environment is frozen, and those that are made later with these labels').waitFor();
    expect(await dialog(page).getByLabel('Name of the freeze').inputValue()).toBe('freeze-uat-2');
    await reasonField(page).fill('release');
    await dialog(page).getByLabel('Name of the freeze').fill('freeze-uat');
    await dialog(page).getByRole('alert').getByText('anonymous has a freeze of this name already').waitFor();
    expect(await button(page, 'Freeze these').isDisabled()).toBe(true);
    await dialog(page).getByLabel('Name of the freeze').fill('mine');
    await server.call('PUT', '/v1/environments/uat', { body: {} });
    await button(page, 'Freeze these').click();
    await done(page, /The freeze mine is on/);
    expect((await server.environment('uat')).state).toBe('frozen');
    expect((await server.environment('db')).state).toBe('open');
    await choose(page, 'uat', /^End the freeze .mine.…$/);
    await server.call('PUT', '/v1/freezes/mine', { body: { labels: {}, reason: 'another' } });
    await dialog(page).getByRole('alert').getByText('It is another one now, by anonymous: “another”').waitFor();
    expect(await button(page, 'End it').isDisabled()).toBe(true);
  });
});

test('what was left dirty is freed by one who has looked', async () => {
  const server = await start();
  await server.call('PUT', '/v1/environments/uat', { body: { onExpire: 'hold', capacity: 2 } });
  const leave = async () => {
    const { id } = await server.ask({ environment: 'uat', ttlSeconds: 600 });
    await server.call('POST', `/v1/leases/${id}/revoke`, { body: { reason: 'gone', now: true } });
  };
  await leave();
  const page = await open(server);
  await live(page);
  await choose(page, 'uat', 'It is clean…');
  await leave();
  await dialog(page).getByRole('alert').getByText('There are 2 dirty slots by now, not 1').waitFor();
  await button(page, 'Not yet').click();
  await choose(page, 'uat', 'It is clean…');
  await button(page, 'It is clean').click();
  await done(page, '2 slots are free again.');
  expect((await server.environment('uat')).dirty).toBe(0);
});

test('one that nobody uses is deleted; one that somebody uses only with a reason', async () => {
  const server = await start();
  await server.call('PUT', '/v1/environments/old', { body: {} });
  const lease = await server.ask({ environment: 'uat', holder: { name: 'perf' } });
  const page = await open(server);
  await live(page);
  await choose(page, 'old', 'Delete…');
  await button(page, 'Delete it').click();
  await done(page, 'old was deleted.');
  await row(page, 'old').waitFor({ state: 'detached' });
  await choose(page, 'uat', 'Delete…');
  await dialog(page).getByText('perf loses it at once.').waitFor();
  expect(await button(page, 'Delete it').isDisabled()).toBe(true);
  await reasonField(page).fill('moved');
  await button(page, 'Delete it').click();
  await done(page, 'uat was deleted.');
  expect((await server.lease(lease.id)).end).toMatchObject({ how: 'environment_deleted', reason: 'moved' });
});

test('what the key may not do is not offered', async () => {
  const server = await start({ adminKeys: [admin] });
  for (const environment of ['mine', 'other'])
    await server.ask({ environment, holder: { name: 'x' } }, { key: admin.key });
  const reader = await open(server);
  await signIn(reader, await server.makeKey(['read']));
  await live(reader);
  expect(await offered(reader, 'mine')).toEqual(['Open', 'Copy link']);
  expect(await reader.getByRole('button', { name: 'Freeze…' }).count()).toBe(0);
  const some = await open(server);
  await signIn(some, await server.makeKey(['read', 'force:mine']));
  await live(some);
  expect(await offered(some, 'mine')).toEqual([
    'Open',
    'Take it away…',
    'Freeze…',
    'Drain…',
    'Release for its holder…',
    'Copy link',
  ]);
  expect(await offered(some, 'other')).toEqual(['Open', 'Copy link']);
  expect(await some.getByRole('button', { name: 'Freeze…' }).count()).toBe(0);
  await choose(some, 'mine', 'Take it away…');
  expect(await dialog(some).getByLabel('and give it to me').count()).toBe(0);
});

test('whatever others have written stays text', async () => {
  const server = await start();
  const name = '<img src=x onerror=alert(1)>';
  await server.ask({
    environment: name,
    holder: { name: '<b>bold</b>', url: 'javascript:alert(1)' },
    reason: '<i>x</i>',
  });
  await server.call('PUT', `/v1/freezes/${encodeURIComponent('<b>')}`, {
    body: { labels: { kind: '<i>' }, reason: '<script>alert(1)</script>' },
  });
  const page = await open(server);
  await live(page);
  await freezes(page).getByText('<script>alert(1)</script>').waitFor();
  await choose(page, name, 'Take it away…');
  await page.getByRole('heading', { name: `Take ${name} away from <b>bold</b>?` }).waitFor();
  expect(
    await page.locator('main b, main i, dialog b, dialog i, dialog img, dialog a, script:not([src])').count(),
  ).toBe(0);
});

describe.each([
  ['in light', { colorScheme: 'light' }],
  ['in dark', { colorScheme: 'dark' }],
  ['on a phone', { viewport: { width: 360, height: 700 }, isMobile: true, hasTouch: true }],
] as const)('%s', (look, options) => {
  test('every dialog and bar is fit for everybody', async () => {
    const server = await start();
    await server.call('PUT', '/v1/environments/uat', {
      body: { onExpire: 'hold', capacity: 3, labels: { kind: 'uat' } },
    });
    const gone = await server.ask({ environment: 'uat', ttlSeconds: 600 });
    await server.call('POST', `/v1/leases/${gone.id}/revoke`, { body: { reason: 'gone', now: true } });
    await server.ask({
      environment: 'uat',
      holder: { name: 'shop deploy #1841', url: 'https://ci.example/1841' },
      ttlSeconds: 600,
    });
    await server.call('PUT', '/v1/freezes/release', {
      body: { reason: 'nobody deploys until Monday', labels: { kind: 'x' } },
    });
    const page = await open(server, '/?label=kind%3Duat', options);
    await live(page);
    await freezes(page).waitFor();
    const shot = process.env.SHOTS;
    const inspect = async (name: string) => {
      if (shot !== undefined) await page.screenshot({ path: `${shot}/${look.replaceAll(' ', '-')}-${name}.png` });
      expect([name, await faults(page)]).toEqual([name, []]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      const box = dialog(page);
      if ((await box.count()) > 0)
        expect(await box.evaluate((each) => each.scrollWidth <= each.clientWidth)).toBe(true);
      await page.keyboard.press('Escape');
      await dialog(page).waitFor({ state: 'detached' });
    };
    await inspect('bar');
    await page.getByRole('button', { name: 'Freeze…', exact: true }).click();
    await inspect('freeze-all');
    await page.getByRole('button', { name: 'End it… the freeze release' }).click();
    await inspect('end-freeze');
    if (look === 'on a phone') {
      await page.goto(`${server.url}/environments/uat`);
      await live(page);
    }
    const actions = [
      'Take it away…',
      'Release for its holder…',
      'Reserve for me…',
      'It is clean…',
      'Freeze…',
      'Drain…',
      'Delete…',
    ];
    for (const action of actions) {
      if (look === 'on a phone') {
        const seen = page.locator('main').getByRole('button', { name: `${action} uat` });
        const more = page.getByRole('button', { name: 'More actions on uat' });
        await seen.or(more).first().waitFor();
        if ((await seen.count()) > 0) await seen.click();
        else {
          await more.click();
          await page.getByRole('menuitem', { name: action }).click();
        }
        await dialog(page).waitFor();
      } else await choose(page, 'uat', action);
      if (action === 'Take it away…') await dialog(page).getByLabel('and give it to me').check();
      await inspect(action.replaceAll(/[^a-z]/gi, ''));
    }
  });
});
