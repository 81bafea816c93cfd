// Certificates for tests, signed by themselves, made by openssl.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const settings = `
[ca]
default_ca = own
[own]
new_certs_dir = .
database = index
serial = serial
default_md = sha256
policy = any
x509_extensions = names
unique_subject = no
[any]
commonName = supplied
[names]
subjectAltName = DNS:app.example
`;

/** For app.example, valid from and until these days, as `20200101`. */
export function certificate(from: string, until: string): Certificate {
  const cwd = mkdtempSync(join(tmpdir(), 'signalbox-tls-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    writeFileSync(join(cwd, 'settings'), settings);
    writeFileSync(join(cwd, 'index'), '');
    writeFileSync(join(cwd, 'serial'), '01\n');
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    openssl('req', '-new', ...ec, '-subj', '/CN=app.example', '-keyout', 'key', '-out', 'request');
    openssl(
      ...['ca', '-batch', '-selfsign', '-notext', '-config', 'settings', '-keyfile', 'key', '-in', 'request'],
      ...['-startdate', `${from}000000Z`, '-enddate', `${until}000000Z`, '-out', 'cert'],
    );
    return { cert: readFileSync(join(cwd, 'cert'), 'utf8'), key: readFileSync(join(cwd, 'key'), 'utf8') };
  } finally {
    rmSync(cwd, { recursive: true });
  }
}
