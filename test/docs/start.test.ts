// What README and the pages say of starting a server, where a page's own commands cannot show it: `npm start` with flags, the
// metrics that it then has, and what the image runs, outside of Docker.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { pages, readProjectFile, root } from './pages.ts';

const { version } = JSON.parse(readProjectFile('package.json')) as { version: string };

let folder: string;
let server: ChildProcess | null = null;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-start-'));
});
afterEach(async () => {
  await stopped();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts it and resolves with its first line. */
async function started(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const child = spawn(command, args, {
    cwd: root,
    env: { PATH: process.env.PATH ?? '', HOME: folder, ...env },
    detached: true,
  });
  server = child;
  let said = '';
  return new Promise((resolve, reject) => {
    const take = (text: Buffer): void => {
      said += text.toString();
      const line = said.split('\n').find((each) => each.startsWith('Signalbox ') && said.includes(`${each}\n`));
      if (line !== undefined) resolve(line);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('exit', () => reject(new Error(`it ended: ${said}`)));
  });
}

/** Asks it to end, npm and all that npm has started. */
async function stopped(): Promise<void> {
  if (server === null || server.exitCode !== null || server.signalCode !== null) return;
  const gone = once(server, 'exit');
  process.kill(-(server.pid as number), 'SIGTERM');
  await gone;
  server = null;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

test('npm start passes flags on, and says address, store and keys in one line', async () => {
  const port = await freePort();
  const store = join(folder, 'other.db');
  const line = await started('npm', ['start', '--', '--port', String(port), '--store', `sqlite:${store}`], {});
  expect(line).toBe(
    `Signalbox ${version} on http://127.0.0.1:${port} · store sqlite:${store} (new) · no key: this machine only`,
  );
  expect(existsSync(store)).toBe(true);
  expect(await (await fetch(`http://127.0.0.1:${port}/start`)).text()).toBe('1');
});

test('every metric that a page or an example names is there', async () => {
  const port = await freePort();
  await started(join(root, 'bin/signalbox'), ['serve', '--port', String(port), '--store', 'memory:'], {});
  const there = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const texts = [readProjectFile('examples/alerts.yml'), ...pages.map(({ path }) => readProjectFile(path))];
  const named = new Set(
    texts.flatMap((text) => [...text.matchAll(/\bsignalbox_[a-z]+[a-z_]*\b/g)].map(([name]) => name)),
  );
  expect(named.size).toBeGreaterThan(10);
  expect([...named].filter((name) => !there.includes(`# TYPE ${name} `))).toEqual([]);
});

test('the image runs a command that starts, asks for a key, and knows that it is well', async () => {
  const dockerfile = readProjectFile('Dockerfile');
  const list = (instruction: string): string[] =>
    JSON.parse(new RegExp(`^\\s*${instruction} (\\[.*\\])$`, 'm').exec(dockerfile)?.[1] ?? '[]') as string[];
  const inImage = '/opt/signalbox';
  expect(dockerfile).toContain(`WORKDIR ${inImage}`);
  const [program = '', ...args] = list('ENTRYPOINT').map((word) => word.replace(inImage, root));
  const variables = Object.fromEntries(
    [...dockerfile.matchAll(/\b(SIGNALBOX_\w+)=(\S+)/g)].map((match) => [match[1] as string, match[2] as string]),
  );
  expect(variables.SIGNALBOX_STORE).toBe('sqlite:/var/lib/signalbox/signalbox.db');
  const port = await freePort();
  const env = { ...variables, SIGNALBOX_STORE: `sqlite:${join(folder, 'signalbox.db')}`, PORT: String(port) };

  await expect(started(program, args, env)).rejects.toThrow('without a key');
  expect(await started(program, args, { ...env, API_KEY: 'a-key' })).toContain('keys on');
  const [node = '', ...check] = list('CMD');
  expect(node).toBe('node');
  const health = spawn(process.execPath, check, { env: { PORT: String(port) } });
  expect((await once(health, 'exit'))[0]).toBe(0);
});

test('make says how it runs the image as the page does', () => {
  const makefile = readProjectFile('Makefile');
  const page = readProjectFile('docs/operating.md');
  for (const [, name, value] of makefile.matchAll(/^(\w+) \?= (\S+)$/gm))
    expect(page).toContain(`| \`${name}\` | \`${value}\` |`);
  for (const target of ['container', 'run', 'clean']) {
    expect(makefile).toMatch(new RegExp(`^${target}:`, 'm'));
    expect(page).toMatch(new RegExp(`^make ${target}\\b`, 'm'));
  }
});
