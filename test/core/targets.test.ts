// Targets as people write them: every kind, odd spellings, and what must never come of one.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { database, type ProbeTarget, parseTarget, type Target } from '../../src/core/meet/target.ts';
import { done, refusal } from './harness.ts';

const read = (text: string): Target => done(parseTarget(text));
const probe = (text: string): ProbeTarget => {
  const target = read(text);
  if (target.kind !== 'probe') throw new Error(`${text} is no probe`);
  return target.probe;
};

describe('within Signalbox', () => {
  test.each([
    ['migrated', { kind: 'signal', name: 'migrated', text: 'signal:migrated' }],
    ['signal:migrated', { kind: 'signal', name: 'migrated', text: 'signal:migrated' }],
    ['SIGNAL:Migrated', { kind: 'signal', name: 'Migrated', text: 'signal:Migrated' }],
    ['signal:tcp:db:5432', { kind: 'signal', name: 'tcp:db:5432' }],
    ['signal:signal:x', { kind: 'signal', name: 'signal:x' }],
    ['a b/c', { kind: 'signal', name: 'a b/c' }],
    ['barrier:shards', { kind: 'barrier', name: 'shards' }],
    ['env:uat', { kind: 'env', name: 'uat' }],
    ['lease:ls_1', { kind: 'lease', id: 'ls_1', text: 'lease:ls_1' }],
    ['__proto__', { kind: 'signal', name: '__proto__' }],
  ])('%j', (text, target) => {
    expect(read(text)).toMatchObject(target);
  });

  test.each([
    '',
    'signal:',
    'barrier:',
    'env:',
    'lease:',
    'lease:a b',
    'lease:ü',
    `lease:${'x'.repeat(101)}`,
    'a\tb',
  ])('%j is refused', (text) => {
    expect(refusal(parseTarget(text))).toBe('invalid_target');
  });
});

describe('outside', () => {
  test.each([
    ['tcp:db:5432', { kind: 'tcp', host: 'db', port: 5432, tls: false, text: 'tcp:db:5432' }],
    ['tcp://db:5432', { kind: 'tcp', host: 'db', port: 5432, text: 'tcp://db:5432' }],
    ['TCP:db:5432', { kind: 'tcp', text: 'tcp:db:5432' }],
    ['tcp:[::1]:80', { kind: 'tcp', host: '::1', port: 80, text: 'tcp:[::1]:80' }],
    ['tcp:127.1:80', { kind: 'tcp', host: '127.1', port: 80 }],
    ['http://app/healthz', { kind: 'http', host: 'app', port: 80, tls: false, resource: '/healthz' }],
    ['https://app', { kind: 'http', host: 'app', port: 443, tls: true, resource: '/' }],
    [
      'HTTP://App:8080/a?b=c',
      { kind: 'http', host: 'app', port: 8080, resource: '/a?b=c', text: 'http://app:8080/a?…' },
    ],
    ['http://[::1]:80/', { kind: 'http', host: '::1', port: 80, text: 'http://[::1]/' }],
    ['postgres:mydb', { kind: 'postgres', host: null, port: null, resource: 'mydb', text: 'postgres:mydb' }],
    ['postgres:my db&x', { kind: 'postgres', host: null, resource: 'my db&x' }],
    ['postgres://db', { kind: 'postgres', host: 'db', port: 5432, tls: false, resource: '' }],
    ['postgresql://u:p@db:1/n?sslmode=require', { tls: true, user: 'u', password: 'p', text: 'postgres://db:1/n' }],
    ['postgres://db/n?sslmode=disable', { tls: false, resource: 'n' }],
    ['postgres://db/n?sslmode=prefer', { tls: false }],
    ['postgres://db/n?sslmode=verify-full', { tls: true }],
    ['mysql://db/n?ssl-mode=REQUIRED', { kind: 'mysql', tls: true, resource: 'n', text: 'mysql://db:3306/n' }],
    ['mysql://db/n?ssl-mode=preferred', { tls: false }],
    ['mysql://db/n?sslmode=require', { tls: false }],
    ['redis:cache', { kind: 'redis', host: 'cache', port: 6379, tls: false, text: 'redis:cache:6379' }],
    ['redis:cache/3', { kind: 'redis', resource: '3', text: 'redis:cache:6379/3' }],
    ['rediss://:p%40ss@cache', { kind: 'redis', tls: true, user: null, password: 'p@ss', text: 'rediss://cache:6379' }],
    ['mysql://root@db/shop', { kind: 'mysql', port: 3306, user: 'root', password: null, resource: 'shop' }],
    ['grpc:app:50051', { kind: 'grpc', port: 50051, tls: false, resource: '' }],
    ['grpcs:app:50051/my.Service', { kind: 'grpc', tls: true, resource: 'my.Service' }],
    ['dns:app.example', { kind: 'dns', host: 'app.example', port: null, resource: 'ANY', text: 'dns:app.example' }],
    ['dns:app.example/mx', { kind: 'dns', resource: 'MX', text: 'dns:app.example/MX' }],
  ])('%j', (text, target) => {
    expect(probe(text)).toMatchObject(target);
  });

  test.each([
    ...[
      'tcp:db',
      'postgres://db/n?sslmode=on',
      'mysql://db?ssl-mode=yes',
      'tcp:db:0',
      'tcp:db:65536',
      'tcp:db:-1',
      'tcp::80',
      'tcp:',
      'tcp:db:80/x',
      'tcp:u@db:80',
      'tcp:db:80?x',
    ],
    ...['tcp:db:80#x', 'tcp:a%2fb:80', 'tcp:a%20b:80', 'tcp:a%00b:80', 'tcp:%zz:80', 'tcp:[::1:80', 'tcp:a@b@c:80'],
    ...['http:', 'http:/app', 'http:app', 'http://', 'https://:80/', 'http://app:99999', 'http://app:0/'],
    ...['redis:cache/x', 'redis:cache/99999', 'redis:cache/-1', 'grpc:app', 'grpc:app:1#x', 'postgres:', 'postgres://'],
    ...[
      'mysql:',
      'mysql://',
      'dns:',
      'dns:a b',
      'dns:a/b/c',
      'dns:a/SOA',
      'dns:a@b',
      'instance:',
      'instance:a b',
      'instance:a/b',
    ],
    ...[`postgres:${'x'.repeat(64)}`, `postgres:${'ü'.repeat(32)}`, 'postgres:a\u0000', `tcp:${'x'.repeat(254)}:80`],
    ...[
      `signal:${'x'.repeat(2_000)}`,
      'x'.repeat(201),
      'postgres://db/%0aforged',
      'postgres:db/n',
      'postgres:db:5432/n',
      'http://u%zz@app/',
      'mysql://db/%1b[2J',
      'grpc:a:1/%ff',
    ],
  ])('%j is refused', (text) => {
    expect(refusal(parseTarget(text))).toBe('invalid_target');
  });

  test('a database of the server that is configured has any name at all', () => {
    expect(done(database('a:b@c//d'))).toMatchObject({ text: 'postgres:a:b@c//d', probe: { resource: 'a:b@c//d' } });
    expect(refusal(database(''))).toBe('invalid_target');
    expect(refusal(database('\ud800'))).toBe('invalid_target');
  });
});

describe('a prefix that is not known', () => {
  test.each([
    ['db:5432', 'tcp:db:5432'],
    ['htp://app', 'http://app'],
    ['singal:migrated', 'signal:migrated'],
    ['evn:uat', 'env:uat'],
    ['mongodb+srv://x', 'signal:mongodb+srv://x'],
    ['ünï:x', 'signal:ünï:x'],
    [':x', 'signal::x'],
    [' signal:x', 'signal: signal:x'],
    ['1:2:3', 'signal:1:2:3'],
  ])('%j is refused, with what was perhaps meant', (text, nearest) => {
    expect(parseTarget(text)).toMatchObject({ ok: false, code: 'invalid_target', facts: { nearest } });
  });
});

describe('a password', () => {
  const secret = 'c4n4ry';
  test.each([
    ...[`http://u:${secret}@app/`, `http://${secret}@app/`, `http://app/?token=${secret}`, `https://app/#${secret}`],
    ...[`postgres://u:${secret}@db/n`, `postgres://db/n?password=${secret}`, `redis://:${secret}@cache/1`],
    ...[`rediss:${secret}@cache`, `mysql://root:${secret}@db/shop`, `grpc:u:${secret}@app:1/s`],
    ...[`redis:u:${secret}@cache`, `mysql:root:${secret}@db/shop`],
  ])('in %s is not in its text', (text) => {
    expect(JSON.stringify(read(text).text)).not.toContain(secret);
  });

  test.each([
    ...[`postgres:u:${secret}@db:5432/n`, `postgres:/u:${secret}@db/n`, `tcp://u:${secret}@db:80`],
    ...[
      `postgress://u:${secret}@db/n`,
      `htp://u:${secret}@app/`,
      `mongodb://u:${secret}@db`,
      `htp://app?token=${secret}`,
    ],
    ...[`ünï://u:${secret}@db`, `x:u:${secret}@y@db`, `mysql://u:${secret}@/`, `dns:u:${secret}@x`],
  ])('in %s is not in what refuses it', (text) => {
    const outcome = parseTarget(text);
    expect(outcome.ok).toBe(false);
    expect(JSON.stringify(outcome)).not.toContain(secret);
  });
});

describe('whatever is written', () => {
  const prefixes = [
    'tcp',
    'http',
    'https',
    'postgres',
    'postgresql',
    'redis',
    'rediss',
    'mysql',
    'dns',
    'grpc',
    'grpcs',
  ];
  const within = ['signal', 'barrier', 'env', 'lease'];
  const part = fc.oneof(
    fc.constantFrom(
      ...prefixes,
      ...within,
      ':',
      '/',
      '//',
      '@',
      '?',
      '#',
      '[',
      ']',
      '%',
      '%00',
      '%zz',
      '0',
      '5432',
      'a',
    ),
    fc.string({ unit: 'binary', maxLength: 5 }),
  );
  const written = fc.oneof(
    fc.array(part, { maxLength: 10 }).map((parts) => parts.join('')),
    fc.tuple(fc.constantFrom(...prefixes, ...within), fc.webUrl()).map(([prefix, url]) => url.replace(/^\w+/, prefix)),
  );

  test('nothing throws, and a prefix that is not known never becomes a signal', () => {
    fc.assert(
      fc.property(written, (text) => {
        const outcome = parseTarget(text);
        if (!outcome.ok) return;
        const target = outcome.value;
        const colon = text.indexOf(':');
        if (target.kind === 'signal' && colon >= 0) expect(text.slice(0, colon).toLowerCase()).toBe('signal');
        if (colon < 0) expect(target.kind).toBe('signal');
        if (target.kind === 'probe') {
          expect(prefixes).toContain(text.slice(0, colon).toLowerCase());
          expect(target.text).toBe(target.probe.text);
          if (target.probe.port !== null) expect(target.probe.port).toBeGreaterThan(0);
        }
        // What people and logs see is one line.
        expect(target.text).not.toMatch(/\p{Cc}/u);
      }),
      { numRuns: 5_000 },
    );
  });

  test('what it is called reads as the same again', () => {
    fc.assert(
      fc.property(written, (text) => {
        const outcome = parseTarget(text);
        // A query, a user or a password are not in it.
        if (!outcome.ok || /[@?]/.test(text)) return;
        const again = parseTarget(outcome.value.text);
        expect(again.ok && again.value).toEqual(outcome.value);
      }),
      { numRuns: 5_000 },
    );
  });
});
