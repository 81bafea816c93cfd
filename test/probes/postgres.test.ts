// The probe of PostgreSQL, at a real server and at everything else that may sit at its port.

import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { probe } from '../../src/probes/postgres.ts';
import { makeCertificate } from '../servers/certificate.ts';
import { relays, startPeer } from '../servers/peers.ts';
import { type Postgres, startPostgres } from '../servers/postgres.ts';
import { ask, held, more } from './asking.ts';
import { standsStrangers } from './strangers.ts';

const certificate = makeCertificate();
let server: Postgres;

beforeAll(async () => {
  server = await startPostgres({ tls: certificate, maxConnections: 5 });
});
afterAll(() => server.stop());

const sessions = async () =>
  (await server.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'signalbox'")).length;

describe('a database', () => {
  test('that is there is up, and its server has no session of ours afterwards', async () => {
    expect(await ask(probe, server.url('postgres'))).toEqual({ state: 'up', detail: 'ready' });
    expect(await sessions()).toBe(0);
  });

  test('is left with a goodbye, as its manual has it', async () => {
    const heard: Buffer[] = [];
    const peer = await startPeer(relays(server.port, heard));
    await ask(probe, server.url('postgres'), { target: { port: peer.port } });
    const terminate = Buffer.from([0x58, 0, 0, 0, 4]);
    expect(Buffer.concat(heard).subarray(-5)).toEqual(terminate);
    await peer.stop();
  });

  test('need not be named', async () => {
    const target = { resource: '', user: null, password: server.password };
    expect((await ask(probe, server.url('postgres'), { target })).state).toBe('up');
  });

  test('that does not exist is gone, and comes up when it is made', async () => {
    const name = 'made & later, \'by\' "us"/100%';
    const gone = { state: 'down', detail: `database "${name}" does not exist` };
    expect(await ask(probe, server.url(name))).toEqual(gone);
    await server.query(`CREATE DATABASE "${name.replaceAll('"', '""')}"`);
    expect((await ask(probe, server.url(name))).state).toBe('up');
    await server.query(`DROP DATABASE "${name.replaceAll('"', '""')}"`);
    expect(await ask(probe, server.url(name))).toEqual(gone);
  });

  test('that does not exist may be asked for fifty times, and leaves nothing', async () => {
    await ask(probe, server.url('nowhere'));
    const before = held();
    for (let i = 0; i < 50; i++) expect((await ask(probe, server.url('nowhere'))).state).toBe('down');
    expect(more(before)).toEqual([]);
    expect(await sessions()).toBe(0);
  });

  test('with CONNECT taken away is not for this user', async () => {
    await server.query("CREATE ROLE visitor LOGIN PASSWORD 'visit'");
    await server.query('CREATE DATABASE closed');
    await server.query('REVOKE CONNECT ON DATABASE closed FROM public');
    const finding = await ask(probe, server.url('closed'), { target: { user: 'visitor', password: 'visit' } });
    const detail = 'user "visitor" may not use database "closed" from here (42501)';
    expect(finding).toEqual({ state: 'misconfigured', detail });
  });

  test('behind a server that is full is not ready', async () => {
    const all: Promise<unknown>[] = [];
    const askWithOneMore = () => {
      all.push(server.query('SELECT pg_sleep(60)').catch(() => {}));
      return ask(probe, server.url('postgres'));
    };
    const full = { state: 'unready', detail: 'too many connections' };
    await expect.poll(askWithOneMore, { timeout: 20_000 }).toEqual(full);
    await server.restart();
    await Promise.all(all);
    expect((await ask(probe, server.url('postgres'))).state).toBe('up');
  });
});

describe('a login', () => {
  test('with a wrong password never succeeds, and its detail does not have the password', async () => {
    const finding = await ask(probe, server.url('postgres'), { target: { password: 'quite wrong' } });
    const detail = 'password authentication failed for user "postgres"';
    expect(finding).toEqual({ state: 'misconfigured', detail });
  });

  test('without the password that the server wants never succeeds', async () => {
    const finding = await ask(probe, server.url('postgres'), { target: { password: null } });
    const detail = 'the server asks for a password, and none was given';
    expect(finding).toEqual({ state: 'misconfigured', detail });
  });

  test('takes nothing from the environment', async () => {
    const theirs = {
      PGPASSWORD: server.password,
      PGOPTIONS: '-c nonsense=1',
      PGREPLICATION: 'true',
      PGSSLMODE: 'require',
    };
    for (const [name, value] of Object.entries(theirs)) vi.stubEnv(name, value);
    try {
      expect((await ask(probe, server.url('postgres'))).state).toBe('up');
      expect((await ask(probe, server.url('postgres'), { target: { password: null } })).state).toBe('misconfigured');
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe('TLS', () => {
  const secured = () => `${server.url('postgres')}?sslmode=require`;

  test('with a certificate that nobody vouches for fails, unless one does not look', async () => {
    const finding = await ask(probe, secured());
    expect(finding).toEqual({ state: 'misconfigured', detail: 'the certificate is signed by itself' });
    expect((await ask(probe, secured(), { insecure: true })).state).toBe('up');
    expect(await sessions()).toBe(0);
  });

  test('looks for the name that was asked for in the certificate, not for the address', async () => {
    const theirs = getCACertificates('default');
    setDefaultCACertificates([...theirs, certificate.cert]);
    try {
      expect((await ask(probe, secured(), { host: 'localhost' })).state).toBe('up');
      expect((await ask(probe, secured(), { host: '127.0.0.1' })).state).toBe('up');
      const finding = await ask(probe, secured(), { host: 'db.example' });
      expect(finding).toEqual({ state: 'misconfigured', detail: 'the certificate is for another name' });
    } finally {
      setDefaultCACertificates(theirs);
    }
  });

  test('that the server does not offer fails', async () => {
    const peer = await startPeer((socket) => socket.on('data', () => socket.write('N')));
    const finding = await ask(probe, `postgres://127.0.0.1:${peer.port}/x?sslmode=require`);
    expect(finding).toEqual({ state: 'misconfigured', detail: 'TLS was asked for, and the server offers none' });
    await peer.stop();
  });
});

/** `type, length, words`: an error as the server words it. */
function refusal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.from([0x45, 0, 0, 0, 0]);
  head.writeUInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

test.each([
  ['57P03', 'the database system is starting up', 'unready', 'the server is starting up'],
  ['57P03', 'the database system is shutting down', 'unready', 'the server is shutting down'],
  ['57P03', 'not yet accepting', 'unready', 'the server does not take connections yet'],
  ['28000', 'no pg_hba.conf entry', 'misconfigured', 'user "postgres" may not use database "x" from here (28000)'],
  ['08P01', 'no such database: x', 'down', 'database "x" does not exist'],
  ['XX000', 'whatever it is', 'unready', 'the server refuses (XX000)'],
])('a server that refuses with %s "%s" is %s', async (code, message, state, detail) => {
  const peer = await startPeer((socket) => socket.on('data', () => socket.end(refusal(code, message))));
  expect(await ask(probe, `postgres://127.0.0.1:${peer.port}/x`)).toEqual({ state, detail });
  await peer.stop();
});

/** Logged in, and then: a message that is shorter than pg takes it for. */
const shortRow = Buffer.from('5200000008000000005a0000000549440000000600ff', 'hex');

standsStrangers(probe, (port, password) => `postgres://someone:${password}@127.0.0.1:${port}/x`, [
  { what: 'a question for a password that ends too early', says: Buffer.from('5200000004', 'hex') },
  { what: 'rows that end too early', says: shortRow },
  { what: 'a message of negative length', says: Buffer.from('52ffffffff00', 'hex') },
]);
