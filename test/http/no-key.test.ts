// Without a key the server trusts whoever sits at this machine, and so must refuse what a web page makes their browser send.

import { describe, expect, test } from 'vitest';
import { StartRefusal } from '../../src/config.ts';
import { admin, rawRequest, start, startForFile } from './server.ts';

const ask = (...headers: string[]): string[] => ['GET /start HTTP/1.1', 'Connection: close', ...headers];

describe('without a key', () => {
  test.each([
    'localhost',
    'LOCALHOST:8080',
    '127.0.0.1',
    '127.1.2.3:80',
    '[::1]:8080',
    'signalbox.localhost',
  ])('Host: %s is answered', async (host) => {
    expect(await rawRequest(await start(), ask(`Host: ${host}`))).toMatch(/^HTTP\/1\.1 200 .*1$/s);
  });

  test.each([
    ...[
      'evil.example',
      '10.0.0.1',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      '[::2]',
      '0.0.0.0',
      '2130706433',
    ],
    ...['127.1', 'localhost@evil.example', '[::ffff:10.0.0.1]'],
  ])('Host: %s is refused: another name for this address may be a trick (DNS rebinding)', async (host) => {
    const server = await start();
    const answer = await rawRequest(server, ask(`Host: ${host}`));
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer).toContain('"code":"forged_request"');
    expect(await server.call('GET', '/stop')).toMatchObject({ text: '0' });
  });

  test.each([
    ...[
      'Origin: http://evil.example',
      'Origin: https://localhost.evil.example',
      'Origin: null',
      'Origin: http://localhost:1',
    ],
    ...['Origin: http://localhost', 'Origin: file://', 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Site: same-site'],
  ])('a request of a web page is refused: %s', async (header) => {
    const server = await start();
    const answer = await rawRequest(server, ask(`Host: localhost:${server.port}`, header));
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer).toContain('"code":"forged_request"');
    expect(await server.call('GET', '/stop')).toMatchObject({ text: '0' });
  });

  test.each([
    'Sec-Fetch-Site: same-origin',
    'Sec-Fetch-Site: none',
    'X-Nothing: 1',
  ])('%s is answered', async (header) => {
    const server = await start();
    const own = `Origin: http://localhost:${server.port}`;
    expect(await rawRequest(server, ask(`Host: localhost:${server.port}`, header, own))).toMatch(/^HTTP\/1\.1 200 /);
  });

  test('forms and fetches without preflight are refused for every route that changes something', async () => {
    const server = await start();
    for (const line of [
      ...['POST /start', 'POST /maybe?environment=uat', 'POST /v1/leases', 'POST /v1/keys', 'DELETE /'],
      ...['PUT /v1/signals/a', 'DELETE /v1/signals/a', 'PUT /v1/barriers/b', 'POST /v1/barriers/b/arrivals'],
      ...['DELETE /v1/barriers/b', 'POST /v1/waits', 'GET /v1/signals/a?wait=60'],
    ]) {
      const answer = await rawRequest(server, [
        ...[`${line} HTTP/1.1`, 'Host: localhost', 'Origin: http://evil.example', 'Content-Type: text/plain'],
        ...['Content-Length: 0', 'Connection: close'],
      ]);
      expect([line, answer.split('\r\n')[0]]).toEqual([line, 'HTTP/1.1 403 Forbidden']);
    }
    for (const list of ['environments', 'signals', 'barriers', 'waits'])
      expect((await server.call('GET', `/v1/${list}`)).json.items).toEqual([]);
  });

  test('headers with keys are ignored, so that nobody believes that theirs protects anything', async () => {
    const { call } = await start();
    for (const headers of [{ authorization: 'Bearer wrong' }, { 'x-api-key': 'wrong' }] as Record<string, string>[]) {
      expect(await call('GET', '/v1/me', { headers })).toMatchObject({ status: 200, json: { anonymous: true } });
      expect(await call('GET', '/maybe?environment=uat', { headers })).toMatchObject({ status: 200 });
    }
  });

  test.each(['0.0.0.0', '::', '192.0.2.1', 'example.org'])('listening on %s is refused', async (host) => {
    const refused = await startForFile({ host }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StartRefusal);
    expect(refused).toMatchObject({ code: 'insecure_listen', message: expect.stringContaining('Set API_KEY') });
  });

  test('with --insecure it listens, and takes other names; requests of other pages are still refused', async () => {
    const server = await start({ host: '0.0.0.0', insecure: true });
    expect(await rawRequest(server, ask('Host: signalbox.example'))).toMatch(/^HTTP\/1\.1 200 /);
    expect(await rawRequest(server, ask('Host: signalbox.example', 'Origin: http://evil.example'))).toMatch(/ 403 /);
  });
});

describe('with keys', () => {
  test('any name will do, and whoever shows a key may come from anywhere', async () => {
    const server = await start({ adminKeys: [admin] });
    const key = `Authorization: Bearer ${admin.key}`;
    expect(await rawRequest(server, ask('Host: signalbox.example', key))).toMatch(/ 200 /);
    expect(await rawRequest(server, ask('Host: signalbox.example', key, 'Origin: https://ci.example'))).toMatch(
      / 200 /,
    );
    expect(await rawRequest(server, ask('Host: signalbox.example'))).toMatch(/ 401 /);
  });

  test('what is open without one is still closed to pages of other sites', async () => {
    const server = await start({ adminKeys: [admin], anonymous: ['acquire:release'] });
    expect(await rawRequest(server, ask('Host: a.example', 'Origin: http://evil.example'))).toMatch(/ 403 /);
    expect(await rawRequest(server, ask('Host: a.example', 'Sec-Fetch-Site: cross-site'))).toMatch(/ 403 /);
    expect(await rawRequest(server, ask('Host: a.example'))).toMatch(/ 200 /);
  });

  test('it listens on every address by itself', async () => {
    const server = await start({ adminKeys: [admin], host: null });
    expect(await rawRequest(server, ask('Host: x', `X-API-KEY: ${admin.key}`))).toMatch(/ 200 /);
  });
});
