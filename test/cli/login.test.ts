// `signalbox login` and `signalbox context`: a key that was tried is kept, for the eyes of one person.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folder, lines, root, signalbox } from './process.ts';
import { serve } from './real-server.ts';

const mode = (path: string) => statSync(path).mode & 0o777;

async function loggedIn(args: readonly string[] = []) {
  const server = await serve([], { API_KEY: 'right' });
  const home = folder();
  const env = { XDG_CONFIG_HOME: home };
  const ended = await signalbox(['login', server.url, ...args], env, 'right\n');
  return { server, env, ended, file: join(home, 'signalbox', 'config.json') };
}

describe('login', () => {
  test('keeps the key in a file and a folder that only its owner reads', async () => {
    const { ended, file, server } = await loggedIn(['--name', 'shop']);
    expect(ended.code).toBe(0);
    expect(mode(file)).toBe(0o600);
    expect(mode(join(file, '..'))).toBe(0o700);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      current: 'shop',
      contexts: { shop: { url: server.url, key: 'right', caFile: null, space: null } },
    });
  });

  test('says who one is, and never the key', async () => {
    const { ended, server } = await loggedIn();
    expect(ended.stderr).toContain(`logged in to ${server.url} as `);
    expect(ended.stdout + ended.stderr).not.toContain('right');
  });

  test('makes the server and its key those of the commands that follow', async () => {
    const { env } = await loggedIn();
    const { code, stdout } = await signalbox(['status', '--json'], env);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ items: [] });
  });

  test('a wrong key is not kept', async () => {
    const server = await serve([], { API_KEY: 'right' });
    const home = folder();
    const { code, stderr } = await signalbox(['login', server.url], { XDG_CONFIG_HOME: home }, 'wrong\n');
    expect(code).toBe(77);
    expect(stderr).toContain('sent: a key of 5 characters from what you entered');
    expect(existsSync(join(home, 'signalbox'))).toBe(false);
  });

  test('a server that is not there is said before anybody types a key', async () => {
    const { code, stderr } = await signalbox(['login', 'http://127.0.0.1:2'], { XDG_CONFIG_HOME: folder() });
    expect(code).toBe(69);
    expect(stderr).not.toContain('Key for');
  });

  test('a server without keys asks for none', async () => {
    const server = await serve();
    const home = folder();
    const { code, stderr } = await signalbox(['login', server.url, '--name', 'here'], { XDG_CONFIG_HOME: home });
    expect(code).toBe(0);
    expect(stderr).toContain('this server asks nobody for a key');
    expect(JSON.parse(readFileSync(join(home, 'signalbox', 'config.json'), 'utf8')).contexts.here.key).toBeNull();
  });

  test('says which variables go before what was just kept', async () => {
    const server = await serve();
    const { stderr } = await signalbox(['login', server.url], {
      XDG_CONFIG_HOME: folder(),
      SIGNALBOX_URL: 'http://127.0.0.1:2',
    });
    expect(stderr).toContain('SIGNALBOX_URL is set in this shell and goes before the context');
  });

  test('on a terminal the key is not shown while it is typed', async () => {
    const server = await serve([], { API_KEY: 'correct-horse' });
    const home = folder();
    // util-linux's script gives the command a terminal of its own.
    const { stdout } = spawnSync(
      'script',
      ['-qec', `${root}/bin/signalbox login ${server.url} --name tty`, '/dev/null'],
      {
        input: 'correct-horse\r',
        encoding: 'utf8',
        env: { PATH: process.env.PATH ?? '', HOME: home, XDG_CONFIG_HOME: home },
      },
    );
    expect(stdout).toContain(`Key for ${server.url}: `);
    expect(stdout).toContain('logged in to');
    // The terminal itself may show what came before the program took it over; the program adds nothing to it.
    expect(stdout.slice(stdout.indexOf('Key for'))).not.toContain('horse');
  });
});

describe('contexts', () => {
  test('are listed without their keys, the current one marked', async () => {
    const { server, env } = await loggedIn(['--name', 'shop']);
    await signalbox(['login', server.url, '--name', 'bank'], env, 'right\n');
    const { stdout } = await signalbox(['context', 'list'], env);
    expect(lines(stdout)).toEqual([
      ['bank', server.url, 'a key of 5 characters', 'current'].join('\t'),
      ['shop', server.url, 'a key of 5 characters', ''].join('\t'),
    ]);
    const json = (await signalbox(['context', 'list', '--json'], env)).stdout;
    expect(json).not.toContain('right');
    expect(JSON.parse(json).items).toMatchObject([
      { name: 'bank', current: true },
      { name: 'shop', current: false },
    ]);
  });

  test('one is used, and removed with its key', async () => {
    const { server, env, file } = await loggedIn(['--name', 'shop']);
    await signalbox(['login', server.url, '--name', 'bank'], env, 'right\n');
    expect((await signalbox(['context', 'use', 'shop'], env)).code).toBe(0);
    expect(JSON.parse(readFileSync(file, 'utf8')).current).toBe('shop');
    expect((await signalbox(['context', 'remove', 'shop'], env)).code).toBe(0);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      current: null,
      contexts: { bank: { key: 'right' } },
    });
    expect(JSON.parse(readFileSync(file, 'utf8')).contexts).not.toHaveProperty('shop');
    expect(mode(file)).toBe(0o600);
  });

  test('one that is not there is a question', async () => {
    const { env } = await loggedIn(['--name', 'shop']);
    const { code, stderr } = await signalbox(['context', 'use', 'shpo'], env);
    expect(code).toBe(64);
    expect(lines(stderr)[0]).toBe('signalbox: there is no context "shpo". Did you mean shop? [usage]');
  });
});
