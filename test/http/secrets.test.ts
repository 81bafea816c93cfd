// Secrets stay where they belong: keys and lease secrets are planted as canaries into everything that a server is asked, and then
// looked for in everything that it has said or kept: its log, its history, its figures, its errors, its store.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { start as startProcess } from '../cli/process.ts';
import type { TestServer } from './server.ts';
import { openStream } from './stream.ts';

test('no key and no lease secret is in the log, the history, the stream, the figures, an error or the store', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-secrets-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const apiKey = 'canary-API-KEY-4f1c';
  const wrongKey = 'canary-WRONG-9b2e';
  const wrongSecret = 'canary-SECRET-77aa';
  const server = startProcess(
    'signalbox',
    [
      ...['serve', '--json', '--port', '0', '--host', '127.0.0.1', '--log-level', 'trace'],
      ...['--store', `sqlite:${join(folder, 'signalbox.db')}`],
    ],
    { API_KEY: apiKey },
  );
  await server.says(/"keysOn":.*\n/);
  const url = /"url":"([^"]+)","store"/.exec(server.stdout())?.[1] as string;
  const errors: string[] = [];
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.status >= 400) errors.push(`${JSON.stringify([...response.headers])} ${text}`);
    return text === '' || !text.startsWith('{') ? { text } : { ...JSON.parse(text), text };
  };
  const stream = await openStream({ url } as TestServer, {
    key: apiKey,
    query: '?since=0&rows=environments,leases,freezes',
  });

  const made = await call('POST', '/v1/keys', { name: 'ci', scopes: ['acquire', 'read'] });
  const held = await call('POST', '/v1/leases', { environment: 'uat', ttlSeconds: 300 });
  const other = await call('POST', '/v1/leases', { environment: 'db' }, { authorization: `Bearer ${made.key}` });
  const secrets = [apiKey, made.key, (made.key as string).slice(`sbx_${made.id}_`.length), held.secret, other.secret];
  for (const secret of secrets) expect(secret).toMatch(/.{10,}/);
  const stolen = await call('POST', `/v1/leases/${held.id}/revoke`, { reason: 'x', now: true, steal: {} });
  secrets.push(stolen.stolen.secret, wrongKey, wrongSecret);

  // Everything that can go wrong while a secret is shown.
  for (const headers of [
    { 'signalbox-lease-secret': held.secret },
    { 'signalbox-lease-secret': wrongSecret },
    { 'x-api-key': wrongKey },
    { authorization: `Bearer ${wrongKey}` },
    { authorization: wrongKey },
    { authorization: `Bearer ${made.key}` },
  ] as Record<string, string>[]) {
    await call('GET', `/v1/leases/${other.id}`, undefined, headers);
    await call('POST', `/v1/leases/${other.id}/renew`, { wrong: 1 }, headers);
    await call('DELETE', '/v1/leases/ls_none', undefined, headers);
    await call('DELETE', '/v1/environments/none', undefined, headers);
    await call('POST', '/v1/leases', '{', headers);
    await call('GET', '/nowhere', undefined, headers);
    await call('POST', '/maybe?environment=db', undefined, headers);
    await call('GET', '/start', undefined, headers);
  }
  await call('DELETE', `/v1/keys/${made.id}`);
  await call('GET', '/v1/me', undefined, { authorization: `Bearer ${made.key}` });
  const history = await call('GET', '/v1/events?limit=500');
  const figures = await call('GET', '/metrics');
  const lists = [];
  for (const list of ['keys', 'leases', 'leases?state=ended', 'environments'])
    lists.push(await call('GET', `/v1/${list}`));
  await stream.until((seen) => seen.some(({ event }) => event === 'key.deleted'));
  server.child.kill('SIGTERM');
  const { code, stdout, stderr } = await server.ended;
  expect(code).toBe(0);
  expect(errors.length).toBeGreaterThan(20);
  expect(history.items.length).toBeGreaterThan(5);

  const said: Record<string, string> = {
    log: stdout + stderr,
    history: history.text,
    stream: JSON.stringify(stream.seen),
    figures: figures.text,
    errors: errors.join('\n'),
    lists: JSON.stringify(lists),
  };
  for (const file of readdirSync(folder)) said[file] = readFileSync(join(folder, file), 'latin1');
  expect(Object.keys(said)).toContain('signalbox.db');
  for (const [where, text] of Object.entries(said)) {
    expect(text.length, where).toBeGreaterThan(0);
    for (const secret of secrets) expect([where, text.includes(secret)]).toEqual([where, false]);
  }
});
