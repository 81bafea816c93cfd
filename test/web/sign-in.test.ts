// Who may look: the sign-in, the session that tabs share, and that the key is nowhere but in a header.

import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { admin, start } from '../http/server.ts';
import { live, open, row, someone, useBrowser } from './browser.ts';

useBrowser();

/** A browser tells of every answer that is no success. */
const refusals = /status of 401|status of 429|ERR_ABORTED|net::ERR_/;

async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

test('without keys nobody is asked for one', async () => {
  const server = await start();
  await server.ask({ environment: 'uat' });
  const page = await open(server);
  await row(page, 'uat').waitFor();
  expect(await page.getByLabel('API key').count()).toBe(0);
  expect(await page.getByRole('button', { name: /Sign/ }).count()).toBe(0);
});

test('a wrong key is refused in the words of the server, and the right one opens the board', async () => {
  const server = await start({ adminKeys: [admin] });
  await server.ask({ environment: 'uat' }, { key: admin.key });
  const page = await open(server, '/', { expects: refusals });
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await signIn(page, 'sbx_wrong_wrong');
  await page.getByText('The server does not know this key.').waitFor();
  await signIn(page, admin.key);
  await row(page, 'uat').waitFor();
  await live(page);
  await page.reload();
  await row(page, 'uat').waitFor();
  expect(asked.filter((url) => url.includes(admin.key))).toEqual([]);
  expect(`${page.url()} ${await page.title()} ${await page.content()}`).not.toContain(admin.key);
  expect(await page.evaluate(() => `${JSON.stringify(localStorage)} ${document.cookie}`)).not.toContain(admin.key);
});

test('a key that may not read says what it lacks', async () => {
  const server = await start({ adminKeys: [admin] });
  const key = await server.makeKey(['acquire']);
  const page = await open(server);
  await signIn(page, key);
  await page.getByText('it needs the scope read').waitFor();
});

test('tabs share the session; signing out in one signs out all; another browser knows nothing', async () => {
  const server = await start({ adminKeys: [admin] });
  await server.ask({ environment: 'uat' }, { key: admin.key });
  const by = await someone();
  const first = await open(server, '/', { by, expects: refusals });
  await signIn(first, admin.key);
  await row(first, 'uat').waitFor();
  const second = await open(server, '/environments/uat', { by, expects: refusals });
  await second.getByRole('heading', { name: 'uat', level: 1, exact: true }).waitFor();
  await second.getByRole('button', { name: 'Sign out' }).click();
  await first.getByLabel('API key').waitFor();
  await second.getByLabel('API key').waitFor();
  expect(await row(first, 'uat').count()).toBe(0);
  const stranger = await open(server);
  await stranger.getByLabel('API key').waitFor();
});

test('a key that ends meanwhile brings the sign-in over the page, which stays where it was', async () => {
  const server = await start({ adminKeys: [admin] });
  await server.ask({ environment: 'uat' }, { key: admin.key });
  const key = await server.makeKey(['read']);
  const page = await open(server, '/?sort=name', { expects: refusals });
  await signIn(page, key);
  await row(page, 'uat').waitFor();
  await live(page);
  const [, id] = key.split('_');
  await server.call('DELETE', `/v1/keys/${id}`, { key: admin.key });
  // The stream of a key that has ended goes on until it breaks; whatever is asked anew is refused: here, the pools.
  await page.getByRole('link', { name: 'Meet' }).first().click();
  await page.goBack();
  await page.getByText('The server does not know this key.').waitFor();
  expect(await row(page, 'uat').count()).toBe(1);
  await signIn(page, admin.key);
  await row(page, 'uat').waitFor();
  expect(page.url()).toContain('?sort=name');
});

test('a reader of some environments sees those alone', async () => {
  const server = await start({ adminKeys: [admin] });
  for (const environment of ['mine-1', 'other']) await server.ask({ environment }, { key: admin.key });
  const page = await open(server);
  await signIn(page, await server.makeKey(['read:mine-*']));
  await row(page, 'mine-1').waitFor();
  await live(page);
  await server.ask({ environment: 'mine-2' }, { key: admin.key });
  await row(page, 'mine-2').waitFor();
  expect(await page.locator('[data-row]').count()).toBe(2);
});
