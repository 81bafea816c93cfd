// Secrets stay where they belong: keys, lease secrets, passwords in targets are planted as canaries into everything that a server is asked, and then
// looked for in everything that it has said or kept: its log, its history, its figures, its errors, its store.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { start as startProcess } from '../cli/process.ts';
import { eventually } from '../eventually.ts';
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
      ...['--probe-allow', '127.0.0.1:1'],
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
    query: '?since=0&rows=environments,leases,freezes,barriers',
  });

  const made = await call('POST', '/v1/keys', { name: 'ci', scopes: ['acquire', 'read'] });
  const held = await call('POST', '/v1/leases', { environment: 'uat', ttlSeconds: 300 });
  const other = await call('POST', '/v1/leases', { environment: 'db' }, { authorization: `Bearer ${made.key}` });
  const secrets = [apiKey, made.key, (made.key as string).slice(`sbx_${made.id}_`.length), held.secret, other.secret];
  for (const secret of secrets) expect(secret).toMatch(/.{10,}/);
  const stolen = await call('POST', `/v1/leases/${held.id}/revoke`, { reason: 'x', now: true, steal: {} });
  secrets.push(stolen.stolen.secret, wrongKey, wrongSecret);

  // Passwords and tokens in targets, of waits that end at once, fail, and stay until the server stops.
  const inTarget = 'canary-PASSWORD-51d0';
  secrets.push(inTarget);
  const targets = [
    ...['postgres', 'postgresql', 'mysql', 'redis', 'rediss'].map((kind) => `${kind}://u:${inTarget}@127.0.0.1:1/db`),
    ...[`http://u:${inTarget}@127.0.0.1:1/?token=${inTarget}`, `https://127.0.0.1:1/?token=${inTarget}`],
  ];
  const allowed = { target: targets[0], intervalSeconds: 0.05, connectTimeoutSeconds: 1 };
  await call('POST', '/v1/waits', { all: [allowed, ...targets], timeoutSeconds: 0.3 });
  await call('POST', '/v1/waits', { any: [...targets, 'signal:never'], timeoutSeconds: 0 });
  // Not allowed, not understood, not permitted: a refusal repeats what was written, but not this.
  for (const target of targets) {
    await call('POST', '/v1/waits', { all: [target.replace('127.0.0.1', '10.0.0.1')], timeoutSeconds: 0 });
    await call('POST', '/v1/waits', { all: [target.replace('127.0.0.1', '')], timeoutSeconds: 0 });
    await call('POST', '/v1/waits', { all: [`${target}#x`], timeoutSeconds: 0 });
    await call('POST', '/v1/waits', {
      all: [
        { target, generation: 'x' },
        { target, insecure: 1 },
      ],
    });
    await call('POST', '/v1/waits', { all: [target], timeoutSeconds: 0 }, { authorization: `Bearer ${made.key}` });
  }
  const hangUp = new AbortController();
  const body = JSON.stringify({ all: [...targets.slice(0, 2), 'signal:never'], timeoutSeconds: 600 });
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  const waiting = fetch(`${url}/v1/waits`, { method: 'POST', headers, body, signal: hangUp.signal });
  const listed = await eventually(async () => {
    const list = await call('GET', '/v1/waits');
    expect(list.items).toHaveLength(1);
    expect(list.items[0].conditions[0].detail).toContain('refused');
    return list;
  });

  // What a signal carries is for those who wait for it, not for the history, and no answer but its own.
  const payload = 'canary-PAYLOAD-e77b';
  await call('PUT', '/v1/signals/carried', { data: { token: payload } });
  await call('PUT', '/v1/signals/carried', { data: { token: payload }, nonsense: 1 });
  await call('PUT', '/v1/signals/carried', { data: payload, failure: { reason: 'x' } });
  await call('PUT', '/v1/signals/carried', { data: payload.repeat(4000) });
  await call('PUT', '/v1/signals/carried', `{"data":"${payload}"`);
  await call('PUT', '/v1/signals/%00', { data: payload });
  await call('PUT', '/v1/signals/failing', { failure: { reason: 'x' } });
  await call('POST', '/v1/waits', { all: ['signal:carried', 'signal:failing'], timeoutSeconds: 0 });
  await call('PUT', '/v1/barriers/meet', { parties: 2 });
  await call('POST', '/v1/barriers/meet/arrivals', { party: 'a' });

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
    await call('GET', '/v1/nowhere', undefined, headers);
    await call('POST', '/maybe?environment=db', undefined, headers);
    await call('GET', '/start', undefined, headers);
  }
  await call('DELETE', `/v1/keys/${made.id}`);
  await call('GET', '/v1/me', undefined, { authorization: `Bearer ${made.key}` });
  const history = await call('GET', '/v1/events?limit=500');
  const figures = await call('GET', '/metrics');
  const lists = [];
  for (const list of ['keys', 'leases', 'leases?state=ended', 'environments', 'barriers', 'waits'])
    lists.push(await call('GET', `/v1/${list}`));
  lists.push(listed);
  await stream.until((seen) => seen.some(({ event }) => event === 'key.deleted'));
  server.child.kill('SIGTERM');
  const stopped = await waiting;
  errors.push(await stopped.text());
  expect(stopped.status).toBe(503);
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
  for (const text of Object.values(said)) expect(text.includes(payload)).toBe(false);
  for (const file of readdirSync(folder)) said[file] = readFileSync(join(folder, file), 'latin1');
  expect(Object.keys(said)).toContain('signalbox.db');
  for (const [where, text] of Object.entries(said)) {
    expect(text.length, where).toBeGreaterThan(0);
    for (const secret of secrets) expect([where, text.includes(secret)]).toEqual([where, false]);
  }
});
