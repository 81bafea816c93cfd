// Takes the pictures of the dashboard that stand in README and docs/dashboard.md: `npm run screenshots`. A server of its own, filled
// through the API as a small team would, looked at by Debian's chromium.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium } from 'playwright-core';
import { buildIfStale } from '../../scripts/build-web.ts';
import { ServerProcess } from '../crash/server-process.ts';

const pictures = join(import.meta.dirname, '../../docs/images');
const driver = join(import.meta.dirname, '../../examples/machines/processes.sh');

interface Picture {
  readonly file: string;
  readonly path: string;
  readonly options?: BrowserContextOptions;
}

const desktop = { width: 1280, height: 720 };
const taken: readonly Picture[] = [
  { file: 'board.png', path: '/' },
  { file: 'board-dark.png', path: '/', options: { colorScheme: 'dark' } },
  {
    file: 'board-phone.png',
    path: '/',
    options: { viewport: { width: 390, height: 720 }, isMobile: true, hasTouch: true },
  },
  { file: 'environment.png', path: '/environments/uat' },
  { file: 'meet.png', path: '/meet' },
  { file: 'machines.png', path: '/machines' },
  { file: 'history.png', path: '/history' },
];

const machines = mkdtempSync(join(tmpdir(), 'signalbox-pictures-'));
await buildIfStale();
const server = await ServerProcess.create(['--driver', `command:${driver}`], { MACHINES: machines });
let browser: Browser | null = null;
try {
  await server.start();
  const onTheLine = new AbortController();
  await fill(onTheLine.signal);
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  mkdirSync(pictures, { recursive: true });
  for (const { file, path, options } of taken) {
    const context = await browser.newContext({
      viewport: desktop,
      locale: 'en-GB',
      timezoneId: 'Europe/Berlin',
      ...options,
    });
    const page = await context.newPage();
    await page.goto(server.url + path);
    await page.getByText('live', { exact: true }).waitFor();
    await page.waitForTimeout(1_500);
    await page.screenshot({ path: join(pictures, file) });
    await context.close();
    console.log(`docs/images/${file}`);
  }
  onTheLine.abort();
} finally {
  for (const { id } of (await call('GET', '/v1/instance-builds').catch(() => ({ items: [] }))).items ?? [])
    await call('DELETE', `/v1/instance-builds/${id}`);
  await pause(3_000);
  await browser?.close();
  await server.remove();
  rmSync(machines, { recursive: true, force: true });
}

async function fill(signal: AbortSignal): Promise<void> {
  const environments: [string, Record<string, string>][] = [
    ['uat', { kind: 'uat', site: 'eu' }],
    ['uat-2', { kind: 'uat', site: 'eu' }],
    ['uat-3', { kind: 'uat', site: 'us' }],
    ['staging', { kind: 'staging' }],
    ['perf-lab', { kind: 'lab' }],
    ['db-blue', { kind: 'db' }],
    ['db-green', { kind: 'db' }],
    ['production', { kind: 'production' }],
  ];
  for (const [name, labels] of environments) await call('PUT', `/v1/environments/${name}`, { labels, capacity: 1 });
  // A little of a past.
  for (const name of ['api tests #75', 'shop deploy #1840', 'api tests #76']) {
    const past = await ask('uat', name, 'anna');
    await pause(700);
    await call('DELETE', `/v1/leases/${past.id}`);
  }
  await ask('uat', 'shop deploy #1841', 'anna', 'hotfix 4.2');
  await ask('uat-2', 'nightly #512', 'ben');
  await ask('staging', 'shop deploy #1842', 'carla');
  await ask('db-blue', 'migrate #88', 'anna', 'V42');
  await call('PATCH', '/v1/environments/production', { state: 'frozen', reason: 'release week' });
  await call('PATCH', '/v1/environments/perf-lab', { state: 'draining', reason: 'moves to another rack' });
  for (const name of ['api tests #77', 'nightly #513']) void wait(name, [{ environment: 'uat' }], signal);
  void wait('etl #9', [{ environment: 'uat' }, { environment: 'db-blue' }], signal);
  await call('PUT', '/v1/signals/migrated', { data: { version: 'V42' } });
  await call('PUT', '/v1/signals/seeded', { failure: { reason: 'no space left on device' } });
  await call('PUT', '/v1/barriers/shards', { parties: ['1', '2', '3', '4'].map((n) => `shard-${n}`) });
  for (const n of [1, 2, 4]) await call('POST', '/v1/barriers/shards/arrivals', { party: `shard-${n}` });
  void fetch(`${server.url}/v1/waits`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, signal },
    body: JSON.stringify({
      all: ['approved', 'tcp:127.0.0.1:5433'],
      timeoutSeconds: 600,
      holder: { name: 'shop deploy #1843' },
    }),
  }).catch(() => undefined);
  const build = { site: 'org', env: 'ci', queue: 'docker', role: 'worker', instanceType: 'c5.xlarge' };
  await call('PUT', '/v1/pools/docker', { labels: { pool: 'docker' }, max: 4, min: 2, readyWhen: 'started', build });
  await call('POST', '/v1/instance-builds', { id: 'web-7', ...build, queue: 'web', role: 'web', count: 2 });
  await call('PUT', '/v1/images/ami-0aa11bb22', { role: 'worker', name: 'worker 2026-11' });
  await call('PUT', '/v1/images/ami-0aa11bb11', { role: 'worker', name: 'worker 2026-10', active: false });
  await pause(3_000);
}

function ask(environment: string, name: string, by: string, reason?: string): Promise<{ id: string }> {
  const holder = { name, url: 'https://ci.example/jobs/1', ref: `main by ${by}` };
  return call('POST', '/v1/leases', { environment, holder, ttlSeconds: 600, ...(reason && { reason }) });
}

async function wait(name: string, wants: object[], signal: AbortSignal): Promise<void> {
  const body = JSON.stringify({ wants, holder: { name, url: 'https://ci.example/jobs/2' }, queueSeconds: null });
  const headers = { 'content-type': 'application/json' };
  await fetch(`${server.url}/v1/leases?wait=60`, { method: 'POST', headers, body, signal }).catch(() => undefined);
}

// biome-ignore lint/suspicious/noExplicitAny: one field of an answer is looked at here and there
async function call(method: string, path: string, body?: object): Promise<any> {
  const headers = { 'content-type': 'application/json' };
  const reply = await fetch(server.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`);
  return text === '' ? null : JSON.parse(text);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
