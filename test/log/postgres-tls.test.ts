// The way to the database under TLS, as sslmode says.

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLog } from './opened.ts';
import { type Cluster, startCluster } from './postgres-cluster.ts';

let plain: Cluster;
let secured: Cluster;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-tls-'));
  certify('server', 'localhost');
  certify('stranger', 'localhost');
  const owner = process.getuid?.() === 0 ? 65534 : null;
  chmodSync(folder, 0o755);
  if (owner !== null) chownSync(join(folder, 'server.key'), owner, owner);
  plain = await startCluster();
  secured = await startCluster({
    ...{ ssl: 'on', ssl_cert_file: join(folder, 'server.crt'), ssl_key_file: join(folder, 'server.key') },
  });
});
afterAll(async () => {
  await Promise.all([plain.stop(), secured.stop()]);
  rmSync(folder, { recursive: true });
});

/** A certificate that nobody has signed but itself. */
function certify(name: string, host: string): void {
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.crt`), '-subj', `/CN=${host}`],
      ...['-addext', `subjectAltName=DNS:${host}`],
    ],
    { stdio: 'pipe' },
  );
  expect(readFileSync(join(folder, `${name}.crt`), 'utf8')).toContain('BEGIN CERTIFICATE');
}

/** Whether the sessions of a log are encrypted; throws when it is refused. */
async function encrypted(
  { port, query }: Cluster,
  mode: string,
  { host = 'localhost', authority = '' } = {},
): Promise<boolean> {
  const certificate = authority === '' ? '' : `&sslrootcert=${encodeURIComponent(join(folder, authority))}`;
  const log = await openLog(
    `postgres://postgres@${host}:${port}/postgres${mode === '' ? '' : `?sslmode=${mode}`}${certificate}`,
  );
  try {
    await log.load();
    const rows = await query(
      `SELECT bool_and(ssl) AS ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'signalbox'`,
    );
    return rows[0]?.ssl === true;
  } finally {
    await log.close();
  }
}

describe('a server with a certificate', () => {
  test.each(['', 'prefer', 'require'])('is spoken to under TLS with sslmode=%s', async (mode) => {
    expect(await encrypted(secured, mode)).toBe(true);
  });

  test('is not with sslmode=disable', async () => {
    expect(await encrypted(secured, 'disable')).toBe(false);
  });

  test.each(['verify-ca', 'verify-full'])('is checked with sslmode=%s', async (mode) => {
    await expect(encrypted(secured, mode)).rejects.toMatchObject({
      code: 'store_away',
      message: expect.stringMatching(/self-signed/),
    });
    await expect(encrypted(secured, mode, { authority: 'stranger.crt' })).rejects.toMatchObject({ code: 'store_away' });
    expect(await encrypted(secured, mode, { authority: 'server.crt' })).toBe(true);
  });

  test('must have the right name with sslmode=verify-full alone', async () => {
    const elsewhere = { host: '127.0.0.1', authority: 'server.crt' };
    expect(await encrypted(secured, 'verify-ca', elsewhere)).toBe(true);
    await expect(encrypted(secured, 'verify-full', elsewhere)).rejects.toThrow(/altnames/);
  });
});

describe('a server without', () => {
  test('is spoken to in the clear by default', async () => {
    expect(await encrypted(plain, '')).toBe(false);
  });

  test('is refused with sslmode=require', async () => {
    await expect(encrypted(plain, 'require')).rejects.toMatchObject({
      message: expect.stringMatching(/does not support SSL/),
    });
  });
});
