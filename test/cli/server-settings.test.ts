// Settings of the server: flag before variable before default, and one line that names what is wrong.

import { describe, expect, test } from 'vitest';
import {
  type ServerFlags,
  type ServerSettings,
  StartRefusal,
  serverSettings,
  type Variables,
} from '../../src/config.ts';
import { noFile } from '../../src/config-file/settings.ts';
import { noScripts } from '../../src/core/machines/template.ts';
import { startForFile } from '../http/server.ts';

function settings(flags: ServerFlags = {}, env: Variables = {}): ServerSettings {
  const configured = serverSettings(flags, env);
  if (configured.outcome === 'wrong') throw new Error(configured.message);
  return configured.settings;
}

function complaint(flags: ServerFlags = {}, env: Variables = {}): string {
  const configured = serverSettings(flags, env);
  return configured.outcome === 'wrong' ? configured.message : 'nothing';
}

test('without any setting it is what a laptop needs', () => {
  expect(settings()).toEqual({
    port: 8080,
    host: null,
    store: { kind: 'sqlite', path: './signalbox.db' },
    spaceStores: new Map(),
    allowAckedLoss: false,
    driver: null,
    worker: true,
    redis: null,
    scripts: noScripts,
    scriptSeconds: 600,
    notify: noFile.notify,
    file: noFile,
    adminKeys: [],
    anonymous: [],
    timeoutSeconds: 30,
    declaredOnly: false,
    insecure: false,
    trustUser: null,
    historyDays: 90,
    retentionHours: 24,
    graceSeconds: 60,
    logLevel: 'info',
    publicUrl: null,
    maxConnections: 10_000,
    maxStreams: 1000,
    maxEnvironments: 10_000,
    probeAllow: [],
    postgresURL: 'postgres://postgres:pgpass@postgres:5432/{{.}}?sslmode=disable',
    rendezvous: true,
    maxWaits: 100_000,
  });
});

describe('what makes machines', () => {
  test('is EC2 as soon as there are AWS credentials, unless something else is said', () => {
    const key = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
    expect(settings({}, key).driver).toEqual({ kind: 'ec2' });
    for (const name of ['AWS_PROFILE', 'AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONTAINER_CREDENTIALS_FULL_URI'])
      expect(settings({}, { [name]: 'x' }).driver).toEqual({ kind: 'ec2' });
    expect(settings({}, { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/x' }).driver).toEqual({ kind: 'ec2' });
    expect(settings({ driver: 'command:./x' }, key).driver).toEqual({ kind: 'command', program: './x' });
    expect(settings({ driver: 'none' }, key).driver).toBeNull();
    expect(settings({}, { ...key, SIGNALBOX_DRIVER: 'none' }).driver).toBeNull();
  });

  test('is nothing with half of a key, or a region alone', () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION', 'AWS_ENDPOINT_URL_EC2'])
      expect(settings({}, { [name]: 'x' }).driver).toBeNull();
    expect(settings({}, { AWS_PROFILE: '' }).driver).toBeNull();
  });

  test('is ec2, a command, or nothing', () => {
    expect(settings({ driver: 'ec2' }).driver).toEqual({ kind: 'ec2' });
    for (const driver of ['EC2', 'command:', 'ec2:eu', ''])
      expect(complaint({ driver })).toMatch(/^--driver: .* give ec2, command:PATH, an executable/);
  });
});

describe('where a setting comes from', () => {
  test('the flag goes before the variable, PORT before RS_PORT', () => {
    const env = { PORT: '1001', RS_PORT: '1002' };
    expect(settings({ port: '1000' }, env).port).toBe(1000);
    expect(settings({}, env).port).toBe(1001);
    expect(settings({}, { RS_PORT: '1002' }).port).toBe(1002);
  });

  test('a variable that is set to nothing is not set', () => {
    expect(settings({}, { PORT: '', API_KEY: ' ', SIGNALBOX_HOST: '' })).toMatchObject({
      port: 8080,
      adminKeys: [],
      host: null,
    });
  });

  test('both variables of an admin key count, each under its name', () => {
    expect(settings({}, { API_KEY: 'crj', PUDDING_AUTH_TOKEN: 't' }).adminKeys).toEqual([
      { name: 'API_KEY', key: 'crj' },
      { name: 'PUDDING_AUTH_TOKEN', key: 't' },
    ]);
  });

  test('a switch is on by its flag, or by a variable that says so', () => {
    expect(settings({ insecure: true }).insecure).toBe(true);
    expect(settings({}, { SIGNALBOX_INSECURE: 'yes' }).insecure).toBe(true);
    expect(settings({}, { SIGNALBOX_INSECURE: '0' }).insecure).toBe(false);
  });
});

describe('what is understood', () => {
  test.each([
    ['sqlite:./a.db', { kind: 'sqlite', path: './a.db' }],
    ['sqlite:/var/lib/a.db', { kind: 'sqlite', path: '/var/lib/a.db' }],
    ['sqlite:///var/lib/a.db', { kind: 'sqlite', path: '/var/lib/a.db' }],
    ['memory:', { kind: 'memory' }],
  ])('the store %s', (store, meant) => {
    expect(settings({ store }).store).toEqual(meant);
  });

  test('a store on PostgreSQL, with what the usual variables say of the rest', () => {
    const PG = {
      PGHOST: 'db',
      PGUSER: 'anna',
      PGPASSWORD: 'secret',
      PGDATABASE: 'box',
      PGPORT: '',
      PGOPTIONS: '-c x=y',
    };
    expect(settings({ store: 'postgres://' }, PG).store).toEqual({
      kind: 'postgres',
      url: 'postgres://',
      defaults: {
        ...{ host: 'db', port: null, user: 'anna', password: 'secret', database: 'box' },
        ...{ sslmode: null, sslrootcert: null },
      },
    });
  });

  test.each([
    'postgresq://anna:secret@db/box',
    'postgres:anna:secret@db',
    'mysql://anna:secret@db/box',
  ])('whatever is wrong with the store %s, its password is not shown', (store) => {
    const configured = serverSettings({ store }, {});
    if (configured.outcome === 'wrong') expect(configured.message).not.toContain('secret');
    else expect(configured.settings.store.kind).toBe('postgres');
  });

  test('a trusted header with the addresses of its proxy', () => {
    const flags = { trustUserHeader: 'X-Forwarded-User', trustUserFrom: '10.0.0.5, 10.1.0.0/16,::1' };
    expect(settings(flags).trustUser).toEqual({ header: 'x-forwarded-user', from: ['10.0.0.5', '10.1.0.0/16', '::1'] });
  });

  test('scopes of callers without a key', () => {
    expect(settings({ anonymous: 'acquire:release, signal,wait' }).anonymous).toEqual([
      'acquire:release',
      'signal',
      'wait',
    ]);
  });

  test('what probes may connect to, with commas', () => {
    const probeAllow = ['db:5432', '*.test:443', '10.0.0.0/8', '[fd00::5]:5432'];
    expect(settings({ probeAllow: ' db:5432, *.test:443,10.0.0.0/8,,[fd00::5]:5432 ' }).probeAllow).toEqual(probeAllow);
    expect(settings({}, { SIGNALBOX_PROBE_ALLOW: 'db:5432' }).probeAllow).toEqual(['db:5432']);
  });

  test('a Redis, and what stands before its keys', () => {
    const url = 'redis://:secret@db:6379/2';
    expect(settings({}, { REDIS_URL: url }).redis).toEqual({ url, namespace: 'pudding:' });
    expect(settings({}, { REDIS_URL: 'redis://a', PUDDING_REDIS_URL: url }).redis?.url).toBe(url);
    expect(settings({ redisNamespace: 'jobs:' }, { REDIS_URL: url }).redis?.namespace).toBe('jobs:');
    for (const none of ['none', ''])
      expect(settings({ redisNamespace: none }, { REDIS_URL: url }).redis?.namespace).toBe('');
    const wrong = complaint({}, { REDIS_URL: 'http://:secret@db' });
    expect(wrong).toBe(
      'REDIS_URL: what was given is not right: give redis://:PASSWORD@HOST:PORT/DATABASE, or rediss:// for TLS',
    );
    expect(complaint({ redisNamespace: 'a b' })).toMatch(/^--redis-namespace: "a b" is not right/);
  });

  test('--no-worker, by its flag or a variable that says so', () => {
    expect(settings({ noWorker: true }).worker).toBe(false);
    expect(settings({}, { SIGNALBOX_NO_WORKER: '1' }).worker).toBe(false);
  });

  test('--no-rendezvous, by its flag or a variable that says so', () => {
    expect(settings({ noRendezvous: true }).rendezvous).toBe(false);
    expect(settings({}, { SIGNALBOX_NO_RENDEZVOUS: 'yes' }).rendezvous).toBe(false);
    expect(settings({}, { SIGNALBOX_NO_RENDEZVOUS: 'no' }).rendezvous).toBe(true);
  });

  test.each([
    'postgres://u:p@db/{{.}}',
    'postgresql://db:5433/x?sslmode=require',
    'postgres://[::1]:5432/{{.}}',
  ])('the PostgreSQL server %s', (postgresURL) => {
    expect(settings({ postgresURL }).postgresURL).toBe(postgresURL);
    expect(settings({}, { POSTGRES_URL: postgresURL }).postgresURL).toBe(postgresURL);
  });

  test('a public address, without the slash at its end', () => {
    expect(settings({ publicUrl: 'https://sb.example/base/' }).publicUrl).toBe('https://sb.example/base');
  });

  test('no port that fetch would refuse', async () => {
    for (const port of [1, 2049, 6000, 6697, 10080]) {
      expect(serverSettings({ port: String(port) }, {}).outcome).toBe('wrong');
      await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toMatchObject({ cause: { message: 'bad port' } });
    }
  });

  test.each(['127.0.0.1', '::', '[::1]', 'localhost'])('the host %s', (host) => {
    expect(settings({ host }).host).toBe(host.replace(/[[\]]/g, ''));
  });
});

describe('a wrong setting is one line that names it', () => {
  test.each<[string, ServerFlags, Variables]>([
    ['--port', { port: '99999' }, {}],
    ['--port', { port: '80a' }, {}],
    ['--port', { port: '6000' }, {}],
    ['PORT', {}, { PORT: 'tcp://10.0.0.1:80' }],
    ['RS_PORT', {}, { RS_PORT: '-1' }],
    ['--host', { host: '999.1.1.1' }, {}],
    ['--host', { host: 'a b' }, {}],
    ['--store', { store: 'mysql://x' }, {}],
    ['SIGNALBOX_STORE', {}, { SIGNALBOX_STORE: 'sqlite:' }],
    ['--anonymous', { anonymous: 'acquire,fly' }, {}],
    ['--anonymous', { anonymous: 'admin' }, {}],
    ['--anonymous', { anonymous: 'acquire:' }, {}],
    ['--timeout', { timeout: '0' }, {}],
    ['--timeout', { timeout: '3601' }, {}],
    ['SIGNALBOX_DECLARED_ONLY', {}, { SIGNALBOX_DECLARED_ONLY: 'maybe' }],
    ['--trust-user-header', { trustUserHeader: 'X-User' }, {}],
    ['--trust-user-header', { trustUserHeader: 'X User', trustUserFrom: '::1' }, {}],
    ['--trust-user-from', { trustUserFrom: '10.0.0.1' }, {}],
    ['--trust-user-from', { trustUserHeader: 'X-User', trustUserFrom: '10.0.0.0/33' }, {}],
    ['--trust-user-from', { trustUserHeader: 'X-User', trustUserFrom: 'proxy' }, {}],
    ['--trust-user-from', { trustUserHeader: 'X-User', trustUserFrom: ',' }, {}],
    ['--history-days', { historyDays: '0' }, {}],
    ['--retention-hours', { retentionHours: '23' }, {}],
    ['--log-level', { logLevel: 'loud' }, {}],
    ['--public-url', { publicUrl: 'sb.example' }, {}],
    ['--public-url', { publicUrl: 'https://u:p@sb.example' }, {}],
    ['--max-connections', { maxConnections: '1' }, {}],
    ['API_KEY', {}, { API_KEY: 'two words' }],
    ['--postgresURL', { postgresURL: 'mysql://db' }, {}],
    ['--postgresURL', { postgresURL: 'postgres:db' }, {}],
    ['--postgresURL', { postgresURL: 'postgres://u:%zz@db/x' }, {}],
    ['POSTGRES_URL', {}, { POSTGRES_URL: 'db:5432' }],
    ['SIGNALBOX_NO_RENDEZVOUS', {}, { SIGNALBOX_NO_RENDEZVOUS: 'perhaps' }],
    ['--max-waits', { maxWaits: '0' }, {}],
    ['--max-waits', { maxWaits: '1e9' }, {}],
    ['SIGNALBOX_MAX_WAITS', {}, { SIGNALBOX_MAX_WAITS: 'many' }],
  ])('%s: %j %j', (setting, flags, env) => {
    const said = complaint(flags, env);
    expect(said.startsWith(`${setting}: `)).toBe(true);
    expect(said).not.toContain('\n');
  });

  test.each([
    'db',
    'db:port',
    'db:0',
    '10.0.0.0/33',
    '10.0.*:80',
    '169.254.169.254',
    '[fe80::1]:80',
    'http://db:80',
  ])('--probe-allow %s stops the start', async (entry) => {
    const refused = await startForFile({ probeAllow: ['fine:80', entry] }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(StartRefusal);
    expect(refused).toMatchObject({ code: 'bad_setting', message: expect.stringMatching(/^--probe-allow: .*[^\n]$/) });
    expect((refused as Error).message).toContain(JSON.stringify(entry));
  });

  test('and never shows the password of the PostgreSQL server', () => {
    for (const postgresURL of ['mysql://u:my-secret@db/x', 'postgres://u:my-secret%zz@db/x', 'my-secret'])
      expect(complaint({ postgresURL })).toMatch(/^--postgresURL: (?!.*my-secret)/);
  });

  test('and never shows a key', () => {
    expect(complaint({}, { API_KEY: 'my secret key' })).not.toContain('secret');
    expect(complaint({}, { PUDDING_AUTH_TOKEN: 'my secret key' })).not.toContain('secret');
  });
});
