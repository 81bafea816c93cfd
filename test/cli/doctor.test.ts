// `signalbox doctor`: which settings won, and does all of it work?

import { describe, expect, test } from 'vitest';
import { lines, signalbox } from './process.ts';
import { serve } from './real-server.ts';
import { recordingServer } from './recording-server.ts';

/** The answer in a pipe, as check → kind, text and origin. */
function findings(stdout: string): Record<string, { kind: string; text: string; from: string }> {
  const rows = lines(stdout).map((line) => line.split('\t'));
  return Object.fromEntries(rows.map(([kind = '', check = '', text = '', from = '']) => [check, { kind, text, from }]));
}

describe('when all is well', () => {
  test('says which server, which key, and that a lease can be had; 0', async () => {
    const server = await serve([], { API_KEY: 'admin' });
    const key = (await server.signalbox(['key', 'create', 'shop', '--scope', 'acquire,read'])).stdout.trim();
    const { code, stdout, stderr } = await server.signalbox(['doctor'], { SIGNALBOX_KEY: key });
    const found = findings(stdout);
    expect(found.server).toMatchObject({ kind: 'good', from: 'SIGNALBOX_URL' });
    expect(found.server?.text).toContain(`${server.url} answers in `);
    expect(found.key).toEqual({
      kind: 'good',
      text: `${key.slice(0, 8)}… "shop" may: acquire, read`,
      from: 'SIGNALBOX_KEY',
    });
    expect(found.clock?.kind).toBe('good');
    expect(found.queue?.text).toMatch(/^acquired, renewed and released _doctor in \d+ms$/);
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'signalbox: 0 failures, 0 notes. Details: --json\n' });
  });

  test('holds nothing afterwards, and leaves no environment behind where it may delete it', async () => {
    const server = await serve();
    await server.signalbox(['doctor']);
    expect((await server.send('GET', '/v1/environments')).items).toEqual([]);
  });

  test('--no-queue asks for no lease', async () => {
    const server = await serve();
    const { stdout } = await server.signalbox(['doctor', '--no-queue']);
    expect(findings(stdout)).not.toHaveProperty('queue');
    expect((await server.send('GET', '/v1/events?kind=lease.')).items).toEqual([]);
  });

  test('--json is one object', async () => {
    const server = await serve();
    const { stdout } = await server.signalbox(['doctor', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      failures: 0,
      notes: 0,
      findings: [{ check: 'server', kind: 'good' }, {}, {}, {}],
    });
  });
});

describe('what a key is not meant for is a note, and 0', () => {
  test('no lease may be taken', async () => {
    const server = await serve([], { API_KEY: 'admin' });
    const key = (await server.signalbox(['key', 'create', 'reader', '--scope', 'read'])).stdout.trim();
    const { code, stdout } = await server.signalbox(['doctor'], { SIGNALBOX_KEY: key });
    expect({ code, kind: findings(stdout).queue?.kind }).toEqual({ code: 0, kind: 'note' });
  });

  test('only declared environments', async () => {
    const server = await serve(['--declared-only']);
    const { code, stdout } = await server.signalbox(['doctor']);
    expect({ code, kind: findings(stdout).queue?.kind }).toEqual({ code: 0, kind: 'note' });
  });

  test('another doctor at work', async () => {
    const server = await serve();
    await server.signalbox(['acquire', '_doctor']);
    const { code, stdout } = await server.signalbox(['doctor']);
    expect({ code, ...findings(stdout).queue }).toMatchObject({
      code: 0,
      kind: 'note',
      text: expect.stringContaining('another doctor'),
    });
  });

  test('a key that nobody asks for', async () => {
    const server = await serve();
    const { code, stdout } = await server.signalbox(['doctor'], { SIGNALBOX_KEY: 'useless' });
    expect({ code, kind: findings(stdout).key?.kind }).toEqual({ code: 0, kind: 'note' });
  });

  test('a CI whose link cannot be made', async () => {
    const server = await serve();
    const seen = await server.signalbox(['doctor'], { CI: 'true', GITHUB_ACTIONS: 'true' });
    expect(findings(seen.stdout).ci).toMatchObject({ kind: 'note', text: expect.stringContaining('without a link') });
    const linked = { CI: 'true', GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: 'acme/shop', GITHUB_RUN_ID: '7' };
    const good = await server.signalbox(['doctor'], linked);
    expect(findings(good.stdout).ci).toMatchObject({
      kind: 'good',
      text: expect.stringContaining('/acme/shop/actions/runs/7'),
    });
  });
});

describe('what does not work is a failure, and 1', () => {
  test('a server that is not there: nothing else is tried', async () => {
    const { code, stdout, stderr } = await signalbox(['doctor'], { SIGNALBOX_URL: 'http://127.0.0.1:2' });
    expect(code).toBe(1);
    expect(Object.keys(findings(stdout))).toEqual(['server']);
    expect(findings(stdout).server).toMatchObject({ kind: 'failure', from: 'SIGNALBOX_URL' });
    expect(stderr).toContain('1 failure, 0 notes');
  });

  test('a wrong key', async () => {
    const server = await serve([], { API_KEY: 'right' });
    const { code, stdout } = await server.signalbox(['doctor'], { SIGNALBOX_KEY: 'correct-horse' });
    expect({ code, kind: findings(stdout).key?.kind }).toEqual({ code: 1, kind: 'failure' });
    expect(stdout).not.toContain('horse');
  });

  test('a wrong setting', async () => {
    const { code, stdout } = await signalbox(['doctor'], { SIGNALBOX_URL: 'nonsense' });
    expect({ code, kind: findings(stdout).settings?.kind }).toEqual({ code: 1, kind: 'failure' });
  });

  test('a space that is not the key’s', async () => {
    const server = await serve();
    const { code, stdout } = await server.signalbox(['doctor'], { SIGNALBOX_SPACE: 'shop' });
    expect({ code, ...findings(stdout).space }).toMatchObject({ code: 1, kind: 'failure', from: 'SIGNALBOX_SPACE' });
  });

  test('something else that answers there', async () => {
    const other = await recordingServer({ status: 200, type: 'text/html', body: '<h1>nginx</h1>' });
    const { code, stdout } = await signalbox(['doctor'], { SIGNALBOX_URL: other.url });
    expect({ code, kind: findings(stdout).server?.kind }).toEqual({ code: 1, kind: 'failure' });
  });
});
