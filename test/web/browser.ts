// A real browser for the tests of the dashboard: Debian's chromium, one for each file, closed at its end; a context (its own session
// and storage) for each test. Whatever the page complains of in its console fails the test that did not expect it.

import { accessSync } from 'node:fs';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { buildIfStale } from '../../scripts/build-web.ts';
import type { TestServer } from '../http/server.ts';

const paths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** For whatever must happen in the end; never a measure of speed. */
export const deadlineMs = 20_000;

let browser: Browser | null = null;

/** To be called once at the top of a file of tests. */
export function useBrowser(): void {
  beforeAll(async () => {
    await buildIfStale();
    browser = await chromium.launch({ executablePath: executable(), args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    browser = null;
  });
}

function executable(): string {
  const found = paths.find((path) => {
    try {
      accessSync(path);
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error('chromium is not here: node scripts/prepare-tests.ts');
  return found;
}

/** A person with a browser of their own; its tabs share a session as a browser's do. */
export async function someone(options: BrowserContextOptions = {}): Promise<BrowserContext> {
  if (browser === null) throw new Error('call useBrowser() at the top of the file');
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', ...options });
  context.setDefaultTimeout(deadlineMs);
  onTestFinished(() => context.close());
  return context;
}

export interface Tab extends Page {
  /** What the page has complained of, without what `expects` allows. */
  readonly complaints: string[];
}

/** Opens an address of the server in a new tab. `expects`: complaints that belong to the test (a server that goes away). */
export async function open(
  server: Pick<TestServer, 'url'>,
  path = '/',
  { by, expects = /^$/, ...options }: BrowserContextOptions & { by?: BrowserContext; expects?: RegExp } = {},
): Promise<Tab> {
  const context = by ?? (await someone(options));
  const page = await context.newPage();
  const complaints: string[] = [];
  const complain = (text: string): void => {
    if (!expects.test(text)) complaints.push(text);
  };
  page.on('pageerror', (error) => complain(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      complain(`${message.text()} (${message.location().url})`);
  });
  onTestFinished(() => expect(complaints).toEqual([]));
  await page.goto(server.url + path);
  return Object.assign(page, { complaints });
}

/** The row of an environment, in the table or among the cards. */
export function row(page: Page, name: string) {
  return page.locator(`[data-row=${JSON.stringify(name)}]`);
}

/** Resolves when the page says that it is live. */
export async function live(page: Page): Promise<void> {
  await page.getByText('live', { exact: true }).waitFor();
}
