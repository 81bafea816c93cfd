// The machines in a real browser, with a driver whose machines are files: builds step by step, every action, what is refused, and who
// is offered what.

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ServerSettings } from '../../src/config.ts';
import { eventually } from '../eventually.ts';
import { admin, start, type TestServer } from '../http/server.ts';
import { live, open, row, useBrowser } from './browser.ts';

useBrowser();

const spec = { site: 'org', env: 'staging', queue: 'main' };
const bold = '<b onclick=alert(1)>bold</b>';
/** What a browser says of an answer that is no success. */
const refusals = /status of 4\d\d/;

const dialog = (page: Page) => page.getByRole('dialog');
const button = (page: Page, name: string | RegExp) => dialog(page).getByRole('button', { name });
const field = (page: Page, name: string) => dialog(page).getByLabel(name, { exact: true });
const actions = (page: Page) => page.locator('main').getByRole('button', { name: /^(Actions of|New|Set|Try)/ });

interface Machines extends TestServer {
  /** Lets machines of the type `gated` be made. */
  openGate(): void;
  build(id: string, more?: object): Promise<void>;
  /** Resolves when the build is in this state. */
  reached(id: string, state: string): Promise<void>;
}

/** A driver whose machines are files. Types: `gated` waits for the gate, `broken` never comes. */
async function withDriver(settings: Partial<ServerSettings> = {}): Promise<Machines> {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-machines-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const program = join(folder, 'driver');
  writeFileSync(
    program,
    `#!/bin/sh
asked=$(cat)
text() { printf '%s' "$asked" | sed -n "s/.*\\"$1\\":\\"\\([^\\"]*\\)\\".*/\\1/p"; }
shown() { printf '{"id":"%s","instance":"%s","facts":{"ip":"10.0.3.17"}}' "$(basename "$1")" "$(cat "$1")"; }
case $1 in
  create)
    case $(text instanceType) in
      broken) echo 'there is no type broken' >&2; exit 1 ;;
      gated) [ -e ${folder}/open ] || { echo 'the gate is closed' >&2; exit 75; } ;;
    esac
    file=${folder}/i-$(text token)
    text instance > "$file"
    shown "$file" ;;
  get) if [ -e "${folder}/$(text id)" ]; then shown "${folder}/$(text id)"; else echo null; fi ;;
  find)
    for file in ${folder}/i-*; do
      if [ -e "$file" ] && [ "$(cat "$file")" = "$(text instance)" ]; then shown "$file"; exit; fi
    done
    echo null ;;
  list)
    comma=; printf '['
    for file in ${folder}/i-*; do if [ -e "$file" ]; then printf '%s' "$comma"; shown "$file"; comma=,; fi; done
    printf ']' ;;
  delete) rm -f "${folder}/$(text id)" ;;
esac
`,
  );
  chmodSync(program, 0o755);
  const server = await start({ driver: { kind: 'command', program }, ...settings });
  const key = settings.adminKeys === undefined ? {} : { key: admin.key };
  return {
    ...server,
    openGate: () => writeFileSync(join(folder, 'open'), ''),
    build: async (id, more = {}) => {
      const body = { ...spec, id, instanceType: 'small', ...more };
      expect(await server.call('POST', '/v1/instance-builds', { body, ...key })).toMatchObject({ status: 202 });
    },
    reached: (id, state) =>
      eventually(async () =>
        expect((await server.call('GET', `/v1/instance-builds/${id}`, key)).json).toMatchObject({ state }),
      ),
  };
}

/** A pool with one machine, which may be leased as soon as it runs. */
const pool = {
  labels: { pool: 'docker' },
  min: 1,
  max: 2,
  readyWhen: 'started',
  build: { ...spec, instanceType: 'small' },
};

async function withPool(): Promise<Machines> {
  const server = await withDriver();
  await server.call('PUT', '/v1/pools/docker', { body: pool });
  await eventually(async () =>
    expect((await server.call('GET', '/v1/pools')).json.items[0].machines).toMatchObject({ free: 1 }),
  );
  return server;
}

/** Opens an action of a row's menu. */
async function choose(page: Page, id: string, action: string | RegExp): Promise<void> {
  const more = row(page, id).getByRole('button', { name: /^Actions of/ });
  // A menu closes when the page is scrolled, which is heard a frame later.
  await more.scrollIntoViewIfNeeded();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  await more.click();
  await page.getByRole('menuitem', { name: action }).click();
  await dialog(page).waitFor();
}

async function done(page: Page, says: string | RegExp): Promise<void> {
  await dialog(page).getByRole('status').getByText(says).waitFor();
  await button(page, 'Close').click();
}

async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('API key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const instances = async (server: TestServer) => (await server.call('GET', '/v1/instances')).json.items;

test('without a driver and without machines the commands that begin stand there, until there is something', async () => {
  const server = await start();
  const page = await open(server, '/machines');
  await page.getByText('No machines yet').waitFor();
  const commands = await page.locator('.commands code').allTextContents();
  expect(commands).toEqual([
    'signalbox serve --driver command:examples/machines/processes.sh',
    'signalbox serve --driver ec2',
    expect.stringContaining('signalbox build create --site org'),
  ]);
  expect(await page.getByRole('button', { name: /^Copy: / }).count()).toBe(3);
  expect(await actions(page).count()).toBe(0);
  await server.call('PUT', '/v1/images/ami-1', { body: { role: 'worker' } });
  await row(page, 'ami-1').waitFor();
});

describe('a build', () => {
  test('shows its steps as they are taken, and why they are not', async () => {
    const server = await withDriver();
    const page = await open(server, '/machines');
    await live(page);
    await server.build('one', { instanceType: 'gated', count: 2 });
    const line = row(page, 'one');
    await line.getByText('2 × gated worker for org/staging, queue main').waitFor();
    await line.getByText(/^after \d+ tr(y|ies): create: the gate is closed/).waitFor();
    await line
      .getByText(/again (in \d+s|now)/)
      .first()
      .waitFor();
    expect(await page.getByRole('button', { name: 'running 1' }).count()).toBe(1);
    await line.getByText('retrying', { exact: true }).waitFor();
    server.openGate();
    await line.getByText('started', { exact: true }).waitFor();
    await line.getByText('2 running').waitFor();
    await page.getByRole('button', { name: 'running 0' }).waitFor();
    const table = page.getByRole('table', { name: 'Machines' });
    await table.getByText('10.0.3.17').nth(1).waitFor();
    // What is done is a look at the driver alone.
    await page.getByText('nothing is to be done').waitFor();
    await page.getByText(/Looked at \d+s ago: .*nothing to set right/).waitFor();
  });

  test('has an address of its own, with all that is known of it', async () => {
    const server = await withDriver();
    await server.build('one', { role: 'runner' });
    await server.reached('one', 'started');
    const page = await open(server, '/machines');
    await row(page, 'one').getByRole('link', { name: 'one' }).click();
    await page.getByRole('heading', { name: 'Build one' }).waitFor();
    expect(page.url()).toBe(`${server.url}/machines?build=one`);
    await page.reload();
    await page.getByRole('heading', { name: 'Build one' }).waitFor();
    const steps = page.getByRole('list', { name: 'Steps of one' });
    expect((await steps.getByRole('listitem').allTextContents()).join()).toMatch(/done: launch 1\/1 i-/);
    await page.getByRole('table', { name: 'Machines of one' }).getByText('running').waitFor();
    await page.getByText('runner', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: 'Builds', exact: true }).waitFor();
  });

  test('that is not there says so in the words of the server', async () => {
    const server = await withDriver();
    const page = await open(server, '/machines?build=none', { expects: refusals });
    const notice = page.getByRole('alert');
    await notice.getByText('There is no build none.').waitFor();
    expect(await notice.textContent()).toContain('build_unknown · request ');
  });

  test('is asked for with all that is wrong said first, and made once', async () => {
    const server = await withDriver();
    const page = await open(server, '/machines', { expects: refusals });
    await page.getByText('Nothing was built yet.').waitFor();
    await page.getByRole('button', { name: 'New build…' }).click();
    await field(page, 'Site').fill('org');
    await dialog(page).getByRole('spinbutton').fill('0');
    await button(page, 'Build 0 machines').click();
    await dialog(page).getByRole('listitem').first().waitFor();
    expect(await dialog(page).getByRole('listitem').allTextContents()).toEqual([
      'empty "env" param',
      'empty "queue" param',
      'empty "instance_type" param',
      'count must be more than 0',
    ]);
    await dialog(page)
      .getByText(/invalid_request · request /)
      .waitFor();
    expect(await dialog(page).locator('[aria-invalid=true]').count()).toBe(4);
    expect((await server.call('GET', '/v1/instance-builds')).json.items).toEqual([]);
    await field(page, 'Environment').fill('staging');
    await field(page, 'Queue').fill('main');
    await field(page, 'Instance type').fill('small');
    await dialog(page).getByRole('spinbutton').fill('2');
    await button(page, 'Build 2 machines').click();
    await dialog(page).getByRole('status').getByRole('link').click();
    const { items } = (await server.call('GET', '/v1/instance-builds')).json;
    expect(items).toMatchObject([{ ...spec, instanceType: 'small', role: 'worker', count: 2 }]);
    await page.getByRole('heading', { name: `Build ${items[0].id}` }).waitFor();
    expect(await dialog(page).count()).toBe(0);
  });

  test('that has failed says where, why and after how many tries, and is asked for again as it was', async () => {
    const server = await withDriver();
    await server.build('good');
    await server.build('bad', { instanceType: 'broken', count: 2, role: 'runner', nameTemplate: 'x-{{.Role}}' });
    await server.reached('bad', 'failed');
    await server.reached('good', 'started');
    const page = await open(server, '/machines');
    await row(page, 'bad').getByText('launch 1/2').waitFor();
    expect(await row(page, 'bad').textContent()).toContain('after 1 try: create: there is no type broken');
    await page.getByRole('button', { name: 'failed 1' }).click();
    expect(new URL(page.url()).search).toBe('?show=failed');
    await row(page, 'good').waitFor({ state: 'detached' });
    await row(page, 'bad').getByRole('button', { name: 'Try again…' }).click();
    await button(page, 'Build 2 machines').click();
    await dialog(page).getByRole('status').getByText('is asked for: 2 machines').waitFor();
    const { items } = (await server.call('GET', '/v1/instance-builds')).json;
    expect(items).toHaveLength(3);
    const [again, before] = [items.find(({ id }: { id: string }) => id.startsWith('bd_')), items.at(-1)];
    const content = ({
      site,
      env,
      queue,
      role,
      instanceType,
      count,
      nameTemplate,
      image,
    }: Record<string, unknown>) => ({
      ...{ site, env, queue, role, instanceType, count, nameTemplate, image },
    });
    const bad = items.find(({ id }: { id: string }) => id === 'bad');
    expect([content(again), before !== again]).toEqual([content(bad), true]);
  });

  test('is cancelled with a reason, once it is said how many machines end', async () => {
    const server = await withDriver();
    await server.build('one', { count: 2 });
    await server.reached('one', 'started');
    const page = await open(server, '/machines');
    await live(page);
    await choose(page, 'one', 'Cancel…');
    await dialog(page)
      .getByText(/^2 machines of 2 end: i-/)
      .waitFor();
    expect(await button(page, 'Cancel the build').isDisabled()).toBe(true);
    await field(page, 'Reason').fill('wrong branch');
    // Enter does no harm.
    await field(page, 'Reason').press('Enter');
    expect((await server.call('GET', '/v1/instance-builds/one')).json.cancelling).toBeNull();
    await button(page, 'Cancel the build').click();
    await done(page, 'is being cancelled');
    await row(page, 'one').getByText('cancelled', { exact: true }).waitFor();
    await row(page, 'one').getByText('“wrong branch”').waitFor();
    await eventually(async () => expect(await instances(server)).toEqual([]));
  });

  test('that another has cancelled meanwhile is left alone', async () => {
    const server = await withDriver();
    await server.build('one', { instanceType: 'gated' });
    const page = await open(server, '/machines');
    await live(page);
    await choose(page, 'one', 'Cancel…');
    await server.call('DELETE', '/v1/instance-builds/one', { body: { reason: 'theirs' } });
    await dialog(page).getByRole('alert').getByText('It was cancelled meanwhile').waitFor();
    expect(await button(page, 'Cancel the build').isDisabled()).toBe(true);
  });
});

describe('a machine', () => {
  test('of a pool is terminated with a reason, and the dialog says who loses it', async () => {
    const server = await withPool();
    const holder = { name: 'shop deploy #1841' };
    const lease = await server.ask({ wants: [{ labels: { pool: 'docker' } }], holder });
    const page = await open(server, '/machines');
    await live(page);
    const [machine] = await instances(server);
    await row(page, machine.id).getByText('shop deploy #1841').waitFor();
    const link = row(page, machine.id).getByRole('link', { name: machine.environment });
    expect(await link.getAttribute('href')).toBe(`/environments/${machine.environment}`);
    await choose(page, machine.id, 'Terminate…');
    await dialog(page).getByText(`shop deploy #1841 holds it as ${machine.environment}, loses it at once`).waitFor();
    expect(await button(page, 'Terminate it').isDisabled()).toBe(true);
    await dialog(page)
      .getByLabel(/^Reason/)
      .fill('its disk is full');
    await button(page, 'Terminate it').click();
    await done(page, `${machine.cloudId} is ending`);
    await row(page, machine.id).waitFor({ state: 'detached' });
    expect((await server.lease(lease.id)).state).not.toBe('held');
    const { json } = await server.call('GET', `/v1/events?subject=${machine.cloudId}`);
    expect(JSON.stringify(json)).toContain('its disk is full');
  });

  test('that somebody has taken since the dialog was opened is left alone', async () => {
    const server = await withPool();
    const page = await open(server, '/machines');
    await live(page);
    const [machine] = await instances(server);
    await choose(page, machine.id, 'Terminate…');
    await dialog(page).getByText('Nobody holds it now.').waitFor();
    await dialog(page)
      .getByLabel(/^Reason/)
      .fill('not needed');
    await server.ask({ wants: [{ labels: { pool: 'docker' } }], holder: { name: 'api tests #77' } });
    await dialog(page).getByRole('alert').getByText('Somebody else holds it now').waitFor();
    expect(await button(page, 'Terminate it').isDisabled()).toBe(true);
    expect((await instances(server))[0].state).toBe('running');
  });

  test('is said to be ready', async () => {
    const server = await withDriver();
    await server.build('one');
    await server.reached('one', 'started');
    const page = await open(server, '/machines');
    const [machine] = await instances(server);
    await choose(page, machine.id, 'Say that it is ready…');
    await button(page, 'It is ready').click();
    await done(page, `${machine.cloudId} is ready`);
    await row(page, machine.id).getByText('ready', { exact: true }).waitFor();
    await row(page, 'one').getByText('finished', { exact: true }).waitFor();
  });
});

test('a pool is made, changed and deleted, and never over what another has changed', async () => {
  const server = await withDriver();
  const page = await open(server, '/machines', { expects: refusals });
  await page.getByRole('button', { name: 'New pool…' }).click();
  await field(page, 'Name').fill('docker');
  await field(page, 'Labels').fill('pool=docker, size=small');
  await dialog(page).getByLabel('Min').fill('3');
  await dialog(page).getByLabel('Max', { exact: false }).first().fill('2');
  await dialog(page).getByLabel('Max age').fill('12h');
  await field(page, 'Site').fill('org');
  await field(page, 'Environment').fill('ci');
  await field(page, 'Queue').fill('docker');
  await field(page, 'Instance type').fill('small');
  await button(page, 'Make it').click();
  await dialog(page).getByText('min (3) is more than max (2).').waitFor();
  await dialog(page).getByLabel('Min').fill('1');
  await button(page, 'Make it').click();
  await done(page, 'The pool docker keeps 1 to 2 machines');
  const get = async () => (await server.call('GET', '/v1/pools')).json.items;
  expect(await get()).toMatchObject([
    { name: 'docker', labels: { pool: 'docker', size: 'small' }, min: 1, max: 2, maxAgeSeconds: 43_200 },
  ]);
  await row(page, 'docker').getByText('1 – 2').waitFor();

  await choose(page, 'docker', 'Change…');
  await dialog(page).getByLabel('Idle', { exact: false }).first().fill('1');
  await button(page, 'Change it').click();
  await done(page, '1 of them idle');
  expect(await get()).toMatchObject([{ min: 1, max: 2, idle: 1, maxAgeSeconds: 43_200, build: { queue: 'docker' } }]);

  await choose(page, 'docker', 'Change…');
  await server.call('PUT', '/v1/pools/docker', { body: { ...pool, max: 5 } });
  await dialog(page).getByRole('alert').getByText('Somebody has changed it meanwhile.').waitFor();
  await button(page, 'Leave it as it is').click();
  await row(page, 'docker').getByText('1 – 5').waitFor();

  await choose(page, 'docker', 'Delete…');
  await button(page, 'Delete it').click();
  await done(page, 'The pool docker is deleted.');
  await row(page, 'docker').waitFor({ state: 'detached' });
  expect(await get()).toEqual([]);
});

test('a pool whose builds fail is paused, and its queue is counted', async () => {
  const server = await withDriver();
  await server.call('PUT', '/v1/pools/bad', {
    body: { ...pool, labels: { pool: 'bad' }, build: { ...spec, instanceType: 'broken' } },
  });
  const page = await open(server, '/machines');
  await row(page, 'bad').getByText('paused', { exact: true }).waitFor();
  await live(page);
  await server.ask({ wants: [{ labels: { pool: 'bad' } }], queueSeconds: null });
  await row(page, 'bad').getByText('1 waiting').waitFor();
});

test('an image is set, changed and forgotten', async () => {
  const server = await withDriver();
  const page = await open(server, '/machines');
  await page.getByRole('button', { name: 'Set an image…' }).click();
  await field(page, 'Image').fill('ami-0abc');
  await dialog(page).getByLabel('Name').fill('node 24');
  await button(page, 'Set it').click();
  await done(page, 'ami-0abc is active for the role worker.');
  await row(page, 'ami-0abc').getByText('the next build takes it').waitFor();
  await choose(page, 'ami-0abc', 'Change…');
  await dialog(page)
    .getByLabel(/^Active/)
    .uncheck();
  await button(page, 'Set it').click();
  await done(page, 'ami-0abc is not active');
  expect((await server.call('GET', '/v1/images')).json.items).toMatchObject([
    { id: 'ami-0abc', name: 'node 24', role: 'worker', active: false },
  ]);
  await choose(page, 'ami-0abc', 'Forget…');
  await button(page, 'Forget it').click();
  await done(page, 'ami-0abc is forgotten here.');
  await row(page, 'ami-0abc').waitFor({ state: 'detached' });
});

test('a job that was given up is said, and a search finds builds and machines', async () => {
  const server = await withDriver();
  await server.build('bad', { instanceType: 'broken' });
  await server.build('good', { queue: 'deploys' });
  await server.reached('good', 'started');
  await server.reached('bad', 'failed');
  const page = await open(server, '/machines');
  const jobs = page.getByRole('table', { name: 'Jobs' });
  await jobs.getByText('given up', { exact: true }).waitFor();
  await jobs.getByText('1 try: create: there is no type broken').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('deploys');
  await row(page, 'bad').waitFor({ state: 'detached' });
  expect(new URL(page.url()).search).toBe('?q=deploys');
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('good');
});

test.each([[['read']], [['read', 'build:uat-*', 'terminate:uat-*']]])('%j is offered no action', async (scopes) => {
  const server = await withDriver({ adminKeys: [admin] });
  await server.build('one');
  await server.reached('one', 'started');
  await server.call('PUT', '/v1/pools/docker', { body: { ...pool, min: 0 }, key: admin.key });
  await server.call('PUT', '/v1/images/ami-1', { body: { role: 'worker' }, key: admin.key });
  const page = await open(server, '/machines', { expects: refusals });
  await signIn(page, await server.makeKey(scopes));
  for (const id of ['one', 'docker', 'ami-1']) await row(page, id).waitFor();
  expect(await actions(page).count()).toBe(0);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await signIn(page, admin.key);
  await row(page, 'one').waitFor();
  await expect.poll(() => actions(page).count()).toBe(7);
});

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function faults(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    type Result = { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] };
    const { violations } = await (globalThis as unknown as { axe: { run(): Promise<Result> } }).axe.run();
    return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
  });
}

test.each([
  ['light', { colorScheme: 'light' as const }],
  ['dark', { colorScheme: 'dark' as const }],
  ['a phone', { viewport: { width: 360, height: 700 }, isMobile: true, hasTouch: true }],
])('in %s: names are text, everything has a name, and nothing is wider than the page', async (_, look) => {
  const server = await withPool();
  await server.ask({
    wants: [{ labels: { pool: 'docker' } }],
    holder: { name: bold, url: 'https://ci.example/"><b>' },
  });
  await server.build('one', { site: bold, queue: bold, role: 'x'.repeat(200), instanceType: 'gated' });
  await server.build('bad', { instanceType: 'broken' });
  await server.reached('bad', 'failed');
  await server.call('PUT', '/v1/images/ami-1', { body: { role: bold, name: bold } });
  const page = await open(server, '/machines', look);
  await row(page, 'one').waitFor();
  await live(page);
  const check = async () => {
    expect(await page.locator('b, [onclick]').count()).toBe(0);
    expect(await faults(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  };
  await row(page, 'ami-1').getByText(bold).first().waitFor();
  const [machine] = await instances(server);
  await row(page, machine.id).getByText(bold).waitFor();
  await check();
  for (const [id, action] of [
    ['bad', 'Try again…'],
    ['one', 'Cancel…'],
    [machine.id, 'Terminate…'],
    ['docker', 'Change…'],
    ['ami-1', 'Change…'],
  ] as const) {
    await choose(page, id, action);
    await check();
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });
  }
  await page.goto(`${server.url}/machines?build=one`);
  await page.getByRole('heading', { name: 'Build one' }).waitFor();
  await live(page);
  await check();
});
