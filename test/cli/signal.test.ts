// `signalbox signal`: set, fail, clear, list, show.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mortalServer, untilWaiting } from './meeting.ts';
import { folder, lines, signalbox, start } from './process.ts';
import { serve } from './real-server.ts';

const nowhere = { SIGNALBOX_URL: 'http://127.0.0.1:2' };

describe('setting', () => {
  test('says so in one line, and nothing on stdout; the name may be written as a target', async () => {
    const server = await serve();
    expect(await server.signalbox(['signal', 'signal:migrated'])).toMatchObject({
      ...{ code: 0, stdout: '', stderr: 'signalbox: signal:migrated is set for 7d\n' },
    });
    expect(await server.signalbox(['signal', 'migrated', '--ttl', 'never'])).toMatchObject({
      stderr: 'signalbox: signal:migrated is set until it is cleared\n',
    });
    expect((await server.send('GET', '/v1/signals')).items).toMatchObject([{ name: 'migrated', ttlSeconds: null }]);
  });

  test('carries a payload, from the line, stdin or a file, and shows it again', async () => {
    const server = await serve();
    const file = join(folder(), 'payload.json');
    writeFileSync(file, '{"from": "a file"}\n');
    await server.signalbox(['signal', 'a', '--data', '{"n": 1}']);
    await server.signalbox(['signal', 'b', '--data', '-'], {}, '["stdin"]\n');
    await server.signalbox(['signal', 'c', '--data', `@${file}`]);
    await server.signalbox(['signal', 'd']);
    const shown = await Promise.all(['a', 'b', 'c', 'd'].map((name) => server.signalbox(['signal', 'show', name])));
    expect(shown.map(({ stdout }) => stdout)).toEqual(['{"n":1}\n', '["stdin"]\n', '{"from":"a file"}\n', 'null\n']);
  });

  test('says who did it, in a CI with name, link and commit of the job', async () => {
    const server = await serve();
    await server.signalbox(['signal', 'built'], {
      ...{ GITLAB_CI: 'true', CI_PROJECT_NAME: 'shop', CI_JOB_NAME: 'build', CI_PIPELINE_IID: '7' },
      ...{ CI_JOB_URL: 'https://ci.test/7', CI_COMMIT_REF_NAME: 'main', CI_COMMIT_SHA: '0123456789' },
    });
    const [signal] = (await server.send('GET', '/v1/signals')).items;
    expect(signal.holder).toEqual({ name: 'shop build #7', url: 'https://ci.test/7', ref: 'main@0123456' });
  });

  test('as failed is told to whoever looks, with 1', async () => {
    const server = await serve();
    const set = await server.signalbox(['signal', 'migrated', '--fail', 'V42 \u001b[2Jbroke']);
    expect(set).toMatchObject({ code: 0, stderr: 'signalbox: signal:migrated is set as failed for 7d: "V42 broke"\n' });
    const { code, stdout, stderr } = await server.signalbox(['signal', 'show', 'migrated']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/V42 broke.*\[signal_failed\]/);
    expect(stderr).not.toContain('\u001b');
  });

  test('is undone by --clear; what is not set is 75', async () => {
    const server = await serve();
    await server.signalbox(['signal', 'migrated']);
    expect(await server.signalbox(['signal', 'migrated', '--clear'])).toMatchObject({
      ...{ code: 0, stderr: 'signalbox: signal:migrated is cleared\n' },
    });
    expect(await server.signalbox(['signal', 'show', 'migrated'])).toMatchObject({
      ...{ code: 75, stderr: expect.stringContaining('[signal_unset]') },
    });
    const { stderr } = await server.signalbox(['signal', 'show', 'signal:migrated']);
    expect(stderr).toContain('To wait until it is set: signalbox wait signal:migrated.');
  });

  test('waits for a server that is away for a moment', { timeout: 60_000 }, async () => {
    const { server, env } = await mortalServer();
    await server.kill();
    const setting = start('signalbox', ['signal', 'migrated'], env);
    await server.start();
    expect((await setting.ended).code).toBe(0);
  });
});

describe('the list', () => {
  test('has what is set, and what is waited for, with who waits', async () => {
    const server = await serve();
    await server.signalbox(['signal', 'b', '--data', '{"tag":"1.4.2"}']);
    await server.signalbox(['signal', 'c', '--fail', 'no\ttabs\nhere']);
    const waiting = start('signalbox', ['wait', 'a'], { ...server.env, USER: 'ben' });
    await untilWaiting(server.url, 1);
    const { stdout } = await server.signalbox(['signal', 'list']);
    const rows = lines(stdout).map((line) => line.split('\t'));
    expect(rows.map((row) => [row[0], row[1], row[5], row[7]])).toEqual([
      ['a', 'unset', '1', ''],
      ['b', 'set', '0', '{"tag":"1.4.2"}'],
      ['c', 'failed', '0', '"no tabs ⏎ here"'],
    ]);
    expect(rows[0]?.[6]).toMatch(/^\S+@\S+$/);
    const { items } = JSON.parse((await server.signalbox(['signal', 'list', '--json'])).stdout);
    expect(items).toMatchObject([{ name: 'a', state: 'unset', waiting: 1 }, { name: 'b' }, { name: 'c' }]);
    waiting.child.kill();
    await waiting.ended;
  });

  test('is empty without a fuss', async () => {
    const server = await serve();
    expect(await server.signalbox(['signal', 'list'])).toMatchObject({ code: 0, stdout: '' });
  });
});

test('a payload reaches no terminal and no CI as anything but text', async () => {
  const server = await serve();
  const evil = { a: '\u009b31m\u202e', b: '##[error]no', c: '\u{e0041}' };
  await server.send('PUT', '/v1/signals/evil', { data: evil });
  const { stdout } = await server.signalbox(['signal', 'show', 'evil']);
  expect(stdout).not.toMatch(/[\u007f-\u009f\u202e]|##\[|\u{e0041}/u);
  expect(JSON.parse(stdout)).toEqual(evil);
});

describe('what is not understood', () => {
  test.each([
    [['signal'], 'which signal? [usage]'],
    [['signal', 'a', '--data', '{tag: 1}'], '--data: this is not JSON. [usage]'],
    [['signal', 'a', '--data', '-'], '--data - (stdin): this is not JSON. [usage]'],
    [['signal', 'a', '--data', '@/nonexistent'], /^--data @\/nonexistent: cannot be read: ENOENT.*\[usage\]$/],
    [['signal', 'a', '--data', '1', '--fail', 'x'], /^give --data or --fail, not both/],
    [['signal', 'a', '--fail', ' '], '--fail: say why; it is shown to everyone who waits. [usage]'],
    [['signal', 'a', '--clear', '--ttl', '1h'], '--clear goes with none of --data, --fail and --ttl. [usage]'],
    [['signal', 'a', '--ttl', '0s'], '--ttl: 0s is less than a second. [usage]'],
    [['signal', 'a', '--ttl', '999ms'], '--ttl: 999ms is less than a second. [usage]'],
    [['signal', 'a', '--ttl', 'soon'], '--ttl: "soon" is not a duration. [usage]'],
    [['signal', 'barrier:a'], '"barrier:a" is something else than a signal. [usage]'],
    [['signal', 'a', '--clera'], 'signalbox signal has no option --clera. Did you mean --clear? [unknown_option]'],
    [['signal', 'list', '--clear'], /^signalbox signal list has no option --clear\./],
  ])('%j', async (args, first) => {
    const { code, stdout, stderr } = await signalbox(args, nowhere, 'no json');
    const said = lines(stderr)[0]?.replace(/^signalbox: /, '');
    if (typeof first === 'string') expect(said).toBe(first);
    else expect(said).toMatch(first);
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
  });

  test('too large a payload is the server’s to refuse', async () => {
    const server = await serve();
    const { code, stderr } = await server.signalbox(
      ['signal', 'a', '--data', '-'],
      {},
      JSON.stringify('x'.repeat(66_000)),
    );
    expect(code).toBe(64);
    expect(stderr).toContain('[payload_too_large]');
  });
});
