// For everybody: axe finds nothing on any screen, in light and dark, and motion stops for those who ask for that.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { admin, start } from '../http/server.ts';
import { live, open, row, useBrowser } from './browser.ts';

useBrowser();

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function faults(page: Page): Promise<string[]> {
  // By the debugger, since the page's policy lets no script in.
  await page.evaluate(axe);
  return page.evaluate(async () => {
    type Result = { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] };
    const { violations } = await (globalThis as unknown as { axe: { run(): Promise<Result> } }).axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
  });
}

const looks: [string, BrowserContextOptions][] = [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['a phone', { viewport: { width: 360, height: 700 }, isMobile: true, hasTouch: true }],
];

describe.each(looks)('in %s', (_, look) => {
  test('the board, its menu and help, an environment and the other screens', async () => {
    const server = await start();
    // One of the pages is of an environment that is not there.
    const page = await open(server, '/', { ...look, expects: /status of 404 .*environments\/none/ });
    await page.getByText('No environments yet').waitFor();
    expect(await faults(page)).toEqual([]);
    await server.call('PUT', '/v1/environments/ice', { body: { labels: { kind: 'a' } } });
    await server.call('PATCH', '/v1/environments/ice', { body: { state: 'frozen', reason: 'until Monday' } });
    for (const environment of ['uat', 'uat', 'db'])
      await server.ask({ environment, queueSeconds: null, ttlSeconds: 50 });
    await row(page, 'db').waitFor();
    await live(page);
    await row(page, 'uat').getByText('1 waiting').waitFor();
    expect(await faults(page)).toEqual([]);
    await page.keyboard.press('j');
    await page.keyboard.press('.');
    expect(await faults(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.getByRole('dialog').waitFor();
    expect(await faults(page)).toEqual([]);
    const paths = ['/?group=label:kind', '/?q=nothing', '/environments/uat', '/environments/none', '/meet'];
    for (const path of [...paths, '/machines', '/history']) {
      await page.goto(server.url + path);
      await live(page);
      expect([path, await faults(page)]).toEqual([path, []]);
    }
  });

  test('the sign-in', async () => {
    const server = await start({ adminKeys: [admin] });
    const page = await open(server, '/', look);
    await page.getByLabel('API key').waitFor();
    expect(await faults(page)).toEqual([]);
  });
});

test('nothing moves for those who want that', async () => {
  const server = await start();
  await server.call('PUT', '/v1/environments/uat', { body: {} });
  const page = await open(server, '/', { reducedMotion: 'reduce' });
  await row(page, 'uat').waitFor();
  await live(page);
  await server.ask({ environment: 'uat' });
  await row(page, 'uat').getByText('held', { exact: true }).waitFor();
  const motions = await page.evaluate(() =>
    [...document.querySelectorAll('*')].flatMap((each) => {
      const { animationName, transitionDuration } = getComputedStyle(each);
      return animationName === 'none' && transitionDuration === '0s' ? [] : [each.outerHTML.slice(0, 80)];
    }),
  );
  expect(motions).toEqual([]);
});
