// What the older system read of its environment, under the names that it had: init scripts, their variables, who is told.

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { serverSettings, type Variables } from '../../src/config.ts';
import { type FileSettings, noFile } from '../../src/config-file/settings.ts';
import { start } from '../http/server.ts';

const packed = (text: string | Buffer) => gzipSync(text).toString('base64');

function settings(env: Variables, file: Partial<FileSettings> = {}) {
  const configured = serverSettings({}, env, () => ({ outcome: 'ready', file: { ...noFile, ...file } }));
  if (configured.outcome === 'wrong') throw new Error(configured.message);
  return configured.settings;
}

describe('INIT_SCRIPT_TEMPLATE', () => {
  const text = '\ufeff#!/bin/sh\r\n%s {{.Env}} ü  ';

  test('is the usual template: base64 of gzip, lines of base64 or one', () => {
    const from = 'INIT_SCRIPT_TEMPLATE';
    expect(settings({ INIT_SCRIPT_TEMPLATE: packed(text) }).scripts.usual).toEqual({ text, from });
    const inLines = packed(text.repeat(50) + Math.PI).replace(/.{20}/g, '$&\n');
    expect(settings({ INIT_SCRIPT_TEMPLATE: inLines }).scripts.usual?.text).toBe(text.repeat(50) + Math.PI);
  });

  test('goes before that of the file, whose others stay', () => {
    const of = (name: string) => ({ text: name, from: name });
    const file = { scripts: { usual: of('a'), queues: new Map([['q', of('b')]]), roles: new Map(), values: {} } };
    const { usual, queues } = settings({ INIT_SCRIPT_TEMPLATE: packed('env') }, file).scripts;
    expect([usual?.text, queues.get('q')?.text]).toEqual(['env', 'b']);
    expect(settings({}, file).scripts.usual?.text).toBe('a');
  });

  test.each([
    ['no base64', 'a secret word'],
    ['no gzip', Buffer.from('a secret word').toString('base64')],
    ['cut off', packed('a secret word').slice(0, 20)],
    ['no UTF-8', packed(Buffer.from([0x61, 0xff]))],
    ['far too large', packed('x'.repeat((1 << 20) + 1))],
  ])('is refused in one line that does not repeat it: %s', (_, written) => {
    const configured = serverSettings({}, { INIT_SCRIPT_TEMPLATE: written });
    expect(configured).toMatchObject({ outcome: 'wrong', setting: 'INIT_SCRIPT_TEMPLATE' });
    if (configured.outcome !== 'wrong') return;
    expect(configured.message).toMatch(/^INIT_SCRIPT_TEMPLATE: what was given is not right: .*base64 of gzip.*$/);
    expect(configured.message).not.toContain(written.slice(0, 8));
  });

  test('with a variable that there is not, nothing starts', async () => {
    const { scripts } = settings({ INIT_SCRIPT_TEMPLATE: packed('#!/bin/sh\n{{.Quuee}}') });
    await expect(start({ scripts })).rejects.toMatchObject({
      code: 'bad_setting',
      message: 'INIT_SCRIPT_TEMPLATE, line 2: {{.Quuee}} is no variable: did you mean {{.Queue}}?',
    });
  });
});

test('the variables of a script are taken as they are, to the last line break, and before those of the file', () => {
  const env = { INSTANCE_RSA: '-----\nkey\n', INSTANCE_YML: ' a: 1\n', PAPERTRAIL_SITE: 'logs:1' };
  const wanted = { InstanceRSA: '-----\nkey\n', InstanceYML: ' a: 1\n', PapertrailSite: 'logs:1' };
  const scripts = { ...noFile.scripts, values: { InstanceRSA: 'f', InstanceYML: 'g', PapertrailSite: 'h' } };
  expect(settings(env).scripts.values).toEqual(wanted);
  expect(settings(env, { scripts }).scripts.values).toEqual(wanted);
  expect(settings({ INSTANCE_RSA: ' ', INSTANCE_YML: '' }, { scripts }).scripts.values).toEqual(scripts.values);
});

test('PUDDING_WEB_HOSTNAME is the public address where ours is not given', () => {
  const old = { PUDDING_WEB_HOSTNAME: 'http://pudding.example:42151/' };
  expect(settings(old).publicUrl).toBe('http://pudding.example:42151');
  expect(settings({ ...old, SIGNALBOX_PUBLIC_URL: 'https://sb.example' }).publicUrl).toBe('https://sb.example');
  expect(serverSettings({}, { PUDDING_WEB_HOSTNAME: 'pudding' })).toMatchObject({ setting: 'PUDDING_WEB_HOSTNAME' });
});

describe('Slack', () => {
  const file = { notify: { slack: { webhook: 'https://a.example/x', channel: '#a' }, webhooks: [] } };

  test('its address and its channel, before those of the file', () => {
    const env = { SLACK_WEBHOOK_URL: 'https://b.example/y', PUDDING_DEFAULT_SLACK_CHANNEL: '#b' };
    const { notify, scripts } = settings(env, file);
    expect(notify.slack).toEqual({ webhook: 'https://b.example/y', channel: '#b' });
    expect(scripts.slackChannel).toBe('#b');
    expect(settings({}, file).notify).toEqual(file.notify);
    expect(settings({}, file).scripts.slackChannel).toBe('#a');
  });

  test('an address that is none is refused and not repeated', () => {
    const configured = serverSettings({}, { SLACK_WEBHOOK_URL: 'hooks/T0/secret' });
    expect(configured).toMatchObject({ outcome: 'wrong', setting: 'SLACK_WEBHOOK_URL' });
    expect(JSON.stringify(configured)).not.toContain('T0/secret');
  });
});
