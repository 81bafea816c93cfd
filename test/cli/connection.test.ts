// Which server a command talks to, with which key, and how it says that this did not work.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { proxyFor } from '../../src/cli/connection/network.ts';
import { clientSettings } from '../../src/cli/connection/settings.ts';
import { folder, lines, signalbox } from './process.ts';
import { serve } from './real-server.ts';
import { emptyList, recordingServer } from './recording-server.ts';

const KEY = 'sbx_9f2a5c_0123456789abcdef';

/** An environment whose contexts are these. */
function withContexts(current: string | null, contexts: Record<string, unknown>): { XDG_CONFIG_HOME: string } {
  const home = folder();
  mkdirSync(join(home, 'signalbox'));
  writeFileSync(join(home, 'signalbox', 'config.json'), JSON.stringify({ current, contexts }));
  return { XDG_CONFIG_HOME: home };
}

describe('settings, strongest first', () => {
  const contexts = {
    shop: { url: 'https://shop.example', key: 'shop-key' },
    other: { url: 'https://other.example', key: null },
  };

  test('nothing: this machine, no key', () => {
    expect(clientSettings({}, { XDG_CONFIG_HOME: '/nonexistent' })).toEqual({
      url: { value: 'http://127.0.0.1:8080', from: 'the default' },
      key: null,
      caFile: null,
      space: null,
    });
  });

  test('the current context goes before the default', () => {
    const settings = clientSettings({}, withContexts('shop', contexts));
    expect(settings.url).toEqual({ value: 'https://shop.example', from: 'context shop' });
    expect(settings.key).toEqual({ value: 'shop-key', from: 'context shop' });
  });

  test('variables go before the context, and its key stays with its server', () => {
    const env = { ...withContexts('shop', contexts), SIGNALBOX_URL: 'https://elsewhere.example/' };
    const settings = clientSettings({}, env);
    expect(settings.url).toEqual({ value: 'https://elsewhere.example', from: 'SIGNALBOX_URL' });
    expect(settings.key).toBeNull();
  });

  test('the same server by a variable still gets the key of its context', () => {
    const env = { ...withContexts('shop', contexts), SIGNALBOX_URL: 'https://shop.example' };
    expect(clientSettings({}, env).key).toEqual({ value: 'shop-key', from: 'context shop' });
  });

  test('a flag goes before all, and the key of a context does not go with it', () => {
    const env = { ...withContexts('shop', contexts), SIGNALBOX_URL: 'https://elsewhere.example' };
    const settings = clientSettings({ url: 'http://10.0.0.1:9' }, env);
    expect(settings.url).toEqual({ value: 'http://10.0.0.1:9', from: '--url' });
    expect(settings.key).toBeNull();
  });

  test('a context that is asked for leaves the variables aside, key and all', () => {
    const env = {
      ...withContexts('shop', contexts),
      SIGNALBOX_URL: 'https://elsewhere.example',
      SIGNALBOX_KEY: 'of-elsewhere',
    };
    const settings = clientSettings({ context: 'other' }, env);
    expect(settings.url).toEqual({ value: 'https://other.example', from: 'context other' });
    expect(settings.key).toBeNull();
  });

  test('a context that is not there is a question', () => {
    expect(() => clientSettings({ context: 'shpo' }, withContexts('shop', contexts))).toThrow(
      'there is no context "shpo". Did you mean shop?',
    );
  });

  test('a key comes from a file by flag, from its variable, from a file by variable', () => {
    const place = folder();
    writeFileSync(join(place, 'one'), 'from-flag\n');
    writeFileSync(join(place, 'two'), '  from-file  \n');
    const env = {
      XDG_CONFIG_HOME: '/nonexistent',
      SIGNALBOX_KEY: 'from-variable',
      SIGNALBOX_KEY_FILE: join(place, 'two'),
    };
    expect(clientSettings({ keyFile: join(place, 'one') }, env).key).toEqual({
      value: 'from-flag',
      from: '--key-file',
    });
    expect(clientSettings({}, env).key).toEqual({ value: 'from-variable', from: 'SIGNALBOX_KEY' });
    expect(clientSettings({}, { ...env, SIGNALBOX_KEY: '' }).key).toEqual({
      value: 'from-file',
      from: 'SIGNALBOX_KEY_FILE',
    });
  });

  test.each([
    [{ SIGNALBOX_URL: 'signalbox.example' }, 'SIGNALBOX_URL: "signalbox.example" is not the address of a server'],
    [{ SIGNALBOX_URL: 'ftp://a' }, 'SIGNALBOX_URL: "ftp://a" is not the address of a server'],
    [{ SIGNALBOX_URL: 'https://u:secret@a' }, 'SIGNALBOX_URL: a name or password in the address is not used'],
    [
      { SIGNALBOX_KEY: 'my secret' },
      'SIGNALBOX_KEY: this is not a key: one line of up to 256 printable characters without spaces',
    ],
    [
      { SIGNALBOX_KEY_FILE: '/nonexistent/key' },
      "SIGNALBOX_KEY_FILE: cannot read /nonexistent/key: ENOENT: no such file or directory, open '/nonexistent/key'",
    ],
  ])('%j is refused by name', async (env, what) => {
    const { code, stderr } = await signalbox(['status'], env);
    expect(lines(stderr)[0]).toBe(`signalbox: ${what} [bad_setting]`);
    expect(stderr).not.toContain('secret');
    expect(code).toBe(78);
  });

  test('a broken file of contexts is an error, not another server', async () => {
    const home = folder();
    mkdirSync(join(home, 'signalbox'));
    writeFileSync(join(home, 'signalbox', 'config.json'), '{"contexts": {"shop": {}}}');
    const { code, stderr } = await signalbox(['status'], { XDG_CONFIG_HOME: home });
    expect(stderr).toContain('config.json: context "shop" has no url [bad_setting]');
    expect(code).toBe(78);
  });
});

describe('what is sent', () => {
  test('the key of a context never leaves for another server', async () => {
    const other = await recordingServer(emptyList);
    const env = {
      ...withContexts('shop', { shop: { url: 'https://shop.example', key: KEY } }),
      SIGNALBOX_URL: other.url,
    };
    expect((await signalbox(['status'], env)).code).toBe(0);
    expect(other.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test('a key goes in a header', async () => {
    const server = await recordingServer(emptyList);
    await signalbox(['status'], { SIGNALBOX_URL: server.url, SIGNALBOX_KEY: KEY });
    expect(server.seen[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
    expect(server.seen[0]?.path).not.toContain('sbx');
  });
});

describe('errors say what, why and what next', () => {
  test('a server that is not there: 69', async () => {
    const { code, stdout, stderr } = await signalbox(['status'], { SIGNALBOX_URL: 'http://127.0.0.1:2' });
    expect({ code, stdout }).toEqual({ code: 69, stdout: '' });
    expect(lines(stderr)).toEqual([
      'signalbox: cannot reach http://127.0.0.1:2: connection refused. [unreachable]',
      'signalbox:   URL from SIGNALBOX_URL. Check: signalbox doctor',
    ]);
  });

  test('something else that answers there is not taken for a server', async () => {
    const other = await recordingServer({ status: 200, type: 'text/html', body: '<h1>Welcome to nginx!</h1>' });
    const { code, stderr } = await signalbox(['status'], { SIGNALBOX_URL: other.url });
    expect(code).toBe(69);
    expect(stderr).toContain('is not from Signalbox');
  });

  test('a wrong key: 77, which one, from where, and never all of it', async () => {
    const server = await serve([], { API_KEY: 'right' });
    const { code, stdout, stderr } = await signalbox(['status'], { SIGNALBOX_URL: server.url, SIGNALBOX_KEY: KEY });
    expect({ code, stdout }).toEqual({ code: 77, stdout: '' });
    expect(lines(stderr)).toEqual([
      'signalbox: the server does not know this key. [key_unknown]',
      `signalbox:   sent: sbx_9f2a… from SIGNALBOX_KEY to ${server.url}`,
      'signalbox:   It may be mistyped, revoked, or of another server. Ask an admin for a new one: signalbox key create',
    ]);
  });

  test('a key in a form of its own is not shown at all', async () => {
    const server = await serve([], { API_KEY: 'right' });
    const { stderr } = await signalbox(['status'], { SIGNALBOX_URL: server.url, SIGNALBOX_KEY: 'correct-horse' });
    expect(stderr).toContain('sent: a key of 13 characters from SIGNALBOX_KEY');
    expect(stderr).not.toContain('horse');
  });

  test('no key where one is wanted: 77, and where to put it', async () => {
    const server = await serve([], { API_KEY: 'right' });
    const { code, stderr } = await signalbox(['status'], { SIGNALBOX_URL: server.url });
    expect(code).toBe(77);
    expect(lines(stderr)).toEqual([
      `signalbox: ${server.url} wants a key, and there is none here. [unauthenticated]`,
      'signalbox:   Set SIGNALBOX_KEY or SIGNALBOX_KEY_FILE, or: signalbox login',
    ]);
  });

  test('a key that may not: 77, what it has and what it needs', async () => {
    const server = await serve([], { API_KEY: 'right' });
    const key = (await server.signalbox(['key', 'create', 'reader', '--scope', 'read,acquire:shop-*'])).stdout.trim();
    await server.signalbox(['acquire', 'prod']);
    const { code, stderr } = await server.signalbox(['revoke', 'prod', '--reason', 'mine'], { SIGNALBOX_KEY: key });
    expect(code).toBe(77);
    expect(stderr).toMatch(/\[forbidden\]\nsignalbox: {3}it has: read, acquire:shop-\* {3}it needs: force/);
  });

  test('hostile words of a server do not reach the terminal as they are', async () => {
    const problem = { status: 409, code: 'x\u001b[2J', detail: 'boo\u001b[31m\n::error::gone', field: '##[error]' };
    const server = await recordingServer({
      status: 409,
      type: 'application/problem+json',
      body: JSON.stringify(problem),
    });
    const { code, stderr } = await signalbox(['status'], { SIGNALBOX_URL: server.url });
    expect(code).toBe(64);
    expect(lines(stderr)).toEqual(['signalbox: boo ⏎ ::error::gone [x]', 'signalbox:   it is about: # #[error]']);
  });
});

describe('a proxy is used for what is elsewhere', () => {
  const env = {
    HTTPS_PROXY: 'http://user:secret@proxy:3128',
    http_proxy: 'http://plain:80',
    NO_PROXY: 'localhost,.corp.example, 10.0.0.7,exact.example:8443',
  };

  test.each([
    ['https://signalbox.example', 'http://proxy:3128', 'HTTPS_PROXY'],
    ['http://signalbox.example', 'http://plain', 'http_proxy'],
    ['https://notcorp.example', 'http://proxy:3128', 'HTTPS_PROXY'],
    ['https://exact.example', 'http://proxy:3128', 'HTTPS_PROXY'],
  ])('%s by %s', (url, proxy, from) => {
    expect(proxyFor(url, env)).toEqual({ url: proxy, from });
  });

  test.each([
    'http://127.0.0.1:8080',
    'http://localhost:8080',
    'http://[::1]:8080',
    'https://a.corp.example',
    'https://corp.example',
    'http://10.0.0.7',
    'https://exact.example:8443',
  ])('%s without', (url) => {
    expect(proxyFor(url, env)).toBeNull();
  });

  test('nothing when NO_PROXY is *', () => {
    expect(proxyFor('https://signalbox.example', { ...env, NO_PROXY: '*' })).toBeNull();
  });

  test('one that is none is refused by name', () => {
    expect(() => proxyFor('https://signalbox.example', { HTTPS_PROXY: 'proxy:3128' })).toThrow(
      'HTTPS_PROXY is not the address of a proxy, like http://proxy:3128',
    );
  });
});

test('a file that may not be read is named', async () => {
  const file = join(folder(), 'key');
  writeFileSync(file, KEY);
  chmodSync(file, 0o000);
  // Root reads everything: then the key is simply used, and the server is not there.
  const { code, stderr } = await signalbox(['status', '--key-file', file], { SIGNALBOX_URL: 'http://127.0.0.1:2' });
  expect(code).toBe(process.getuid?.() === 0 ? 69 : 78);
  expect(stderr).not.toContain(KEY);
});
