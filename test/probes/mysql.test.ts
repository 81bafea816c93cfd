// The probe of MySQL, at a real MariaDB and at everything else that may sit at its port.

import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { probe } from '../../src/probes/mysql.ts';
import { makeCertificate } from '../servers/certificate.ts';
import { type Mariadb, startMariadb } from '../servers/mariadb.ts';
import { startPeer } from '../servers/peers.ts';
import { ask, held, more } from './asking.ts';
import { standsStrangers } from './strangers.ts';

const certificate = makeCertificate();
let server: Mariadb;

beforeAll(async () => {
  server = await startMariadb({ tls: certificate });
});
afterAll(() => server.stop());

const up = { state: 'up', detail: 'ready' };
const at = (login: string, database = '') => `mysql://${login}@127.0.0.1:${server.port}/${database}`;
const asRoot = (database = '') => at(`${server.user}:${server.password}`, database);
const sessions = async () =>
  ((await server.query('SHOW PROCESSLIST')) as { User: string }[]).filter(({ User }) => User !== 'system user').length;

test('a server is up for who may log in, and has no session of ours afterwards', async () => {
  expect(await ask(probe, asRoot())).toEqual(up);
  await expect.poll(sessions).toBe(1);
  const [aborted] = (await server.query("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")) as { Value: string }[];
  expect(aborted?.Value).toBe('0');
});

test('a server is up for who gives no name, since it answers', async () => {
  const finding = await ask(probe, `mysql:127.0.0.1:${server.port}`);
  expect(finding).toEqual({ state: 'up', detail: 'answers (nobody logged in)' });
});

test('asking without a name does not make the server shut this host out', async () => {
  await server.query('SET GLOBAL max_connect_errors = 3');
  for (let i = 0; i < 10; i++) expect((await ask(probe, `mysql:127.0.0.1:${server.port}`)).state).toBe('up');
  const [errors] = (await server.query("SHOW GLOBAL STATUS LIKE 'Aborted_connects_preauth'")) as { Value: string }[];
  expect(errors?.Value).toBe('0');
});

test('a database that does not exist is gone, and comes up when it is made', async () => {
  const name = 'made & `later`';
  const gone = { state: 'down', detail: `database "${name}" does not exist` };
  expect(await ask(probe, asRoot(encodeURIComponent(name)))).toEqual(gone);
  await server.query('CREATE DATABASE `made & ``later```');
  expect(await ask(probe, asRoot(encodeURIComponent(name)))).toEqual(up);
});

test('a database is not found without a login', async () => {
  const finding = await ask(probe, `mysql:127.0.0.1:${server.port}/mysql`);
  expect(finding).toEqual({ state: 'misconfigured', detail: 'access denied for user "root"' });
});

test('a wrong password never succeeds', async () => {
  const finding = await ask(probe, at('guest:wrong'));
  expect(finding).toEqual({ state: 'misconfigured', detail: 'access denied for user "guest"' });
});

test('a database that the user may not use never opens', async () => {
  const finding = await ask(probe, at(`guest:${server.guest.password}`, 'mysql'));
  expect(finding).toEqual({ state: 'misconfigured', detail: 'the user may not use this database' });
});

test('a server that is full is not ready', async () => {
  await server.query('SET GLOBAL max_connections = 10');
  const all: Promise<unknown>[] = [];
  const askWithOneMore = () => {
    all.push(server.query('DO SLEEP(60)').catch(() => {}));
    return ask(probe, at(`guest:${server.guest.password}`));
  };
  const full = { state: 'unready', detail: 'too many connections' };
  await expect.poll(askWithOneMore, { timeout: 20_000 }).toEqual(full);
  await server.restart();
  await Promise.all(all);
  expect(await ask(probe, asRoot())).toEqual(up);
});

test('fifty tries at a database that does not exist leave nothing', async () => {
  await ask(probe, asRoot('nowhere'));
  const before = held();
  for (let i = 0; i < 50; i++) expect((await ask(probe, asRoot('nowhere'))).state).toBe('down');
  expect(more(before)).toEqual([]);
  await expect.poll(sessions).toBe(1);
});

describe('TLS', () => {
  const tls = { target: { tls: true } };

  test('with a certificate that nobody vouches for fails, unless one does not look', async () => {
    const finding = await ask(probe, asRoot(), tls);
    expect(finding).toEqual({ state: 'misconfigured', detail: 'the certificate is signed by itself' });
    expect(await ask(probe, asRoot(), { ...tls, insecure: true })).toEqual(up);
    await expect.poll(sessions).toBe(1);
  });

  test('looks for the name that was asked for in the certificate', async () => {
    const theirs = getCACertificates('default');
    setDefaultCACertificates([...theirs, certificate.cert]);
    try {
      expect(await ask(probe, asRoot(), { ...tls, host: 'localhost' })).toEqual(up);
      const finding = await ask(probe, asRoot(), { ...tls, host: 'db.example' });
      expect(finding).toEqual({ state: 'misconfigured', detail: 'the certificate is for another name' });
    } finally {
      setDefaultCACertificates(theirs);
    }
  });
});

/** `length (3 bytes), number, 0xff, code (2 bytes), words`: an error instead of a greeting. */
function refusal(code: number): Buffer {
  const words = Buffer.from('whatever the server says');
  return Buffer.concat([Buffer.from([words.length + 3, 0, 0, 0, 0xff, code & 0xff, code >> 8]), words]);
}

test.each([
  [1129, 'misconfigured', 'the server has blocked this host for its many connection errors (mysqladmin flush-hosts)'],
  [1130, 'misconfigured', 'the server does not let this host connect'],
  [1040, 'unready', 'too many connections'],
  [1053, 'unready', 'the server refuses (ER_SERVER_SHUTDOWN)'],
])('a server that refuses with %i is %s', async (code, state, detail) => {
  const peer = await startPeer((socket) => socket.resume().end(refusal(code)));
  expect(await ask(probe, `mysql:127.0.0.1:${peer.port}`)).toEqual({ state, detail });
  await peer.stop();
});

standsStrangers(probe, (port, password) => `mysql://someone:${password}@127.0.0.1:${port}/x`, [
  { what: 'a greeting that ends too early', says: Buffer.from([1, 0, 0, 0, 10]) },
  { what: 'packets that are out of order', says: Buffer.from([1, 0, 0, 7, 10]) },
]);
