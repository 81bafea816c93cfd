// The address of the configured PostgreSQL server (src/probes/postgres-server.ts).

import { describe, expect, test } from 'vitest';
import { postgresServer } from '../../src/probes/postgres-server.ts';

describe('an address is read part by part', () => {
  test('with everything', () => {
    expect(postgresServer('postgres://us%40er:p%2Fw@db.test:5433/{{.}}?sslmode=verify-full')).toEqual({
      ...{ host: 'db.test', port: 5433, user: 'us@er', password: 'p/w', tls: true, insecure: false },
    });
  });

  test('with as little as possible', () => {
    expect(postgresServer('postgresql://db')).toEqual({
      ...{ host: 'db', port: 5432, user: null, password: null, tls: false, insecure: false },
    });
  });

  test('an IPv6 address without its brackets', () => {
    expect(postgresServer('postgres://[::1]:1/{{.}}')).toMatchObject({ host: '::1', port: 1 });
  });

  test.each([
    ['disable', false, false],
    ['allow', false, false],
    ['prefer', false, false],
    ['require', true, true],
    ['verify-ca', true, false],
    ['verify-full', true, false],
  ])('sslmode=%s', (mode, tls, insecure) => {
    expect(postgresServer(`postgres://db/{{.}}?sslmode=${mode}`)).toMatchObject({ tls, insecure });
  });

  test.each([
    'mysql://db/{{.}}',
    'postgres:db',
    'db:5432',
    '',
    'postgres://db/{{.}}?sslmode=on',
    'postgres://%zz@db/{{.}}',
    'postgres://db:x/{{.}}',
  ])('%j is none', (written) => {
    expect(postgresServer(written)).toBeNull();
  });
});
