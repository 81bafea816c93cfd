// A private certificate authority and a proxy, as companies have them: a real TLS server and a real proxy, and the real command.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { folder, signalbox, start } from './process.ts';
import { emptyList } from './recording-server.ts';

/** A CA of our own, and a certificate of `localhost` that it signed. */
function authority(): { ca: string; key: string; cert: string } {
  const place = folder();
  const at = (name: string) => join(place, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...newKey,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-subj',
    '/CN=our own CA',
    '-days',
    '2',
  );
  openssl('req', ...newKey, '-keyout', at('key'), '-out', at('csr'), '-subj', '/CN=localhost');
  writeFileSync(at('names'), 'subjectAltName=DNS:localhost,DNS:signalbox.test\n');
  openssl(
    'x509',
    '-req',
    '-in',
    at('csr'),
    '-CA',
    at('ca.pem'),
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
    '-out',
    at('cert'),
    '-days',
    '2',
    '-extfile',
    at('names'),
  );
  return { ca: at('ca.pem'), key: readFileSync(at('key'), 'utf8'), cert: readFileSync(at('cert'), 'utf8') };
}

async function listening(server: ReturnType<typeof createHttpServer | typeof createTlsServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

/** Answers every request with an empty list, over TLS. */
async function tlsServer() {
  const { ca, key, cert } = authority();
  const port = await listening(
    createTlsServer({ key, cert }, (_request, response) =>
      response.writeHead(201, { 'content-type': 'application/json' }).end(emptyList.body),
    ),
  );
  return { ca, port };
}

/** A proxy that tunnels whatever it is asked for to the port `to` of this machine, and remembers what it was asked for. */
async function proxy(to: number) {
  const asked: string[] = [];
  const server = createHttpServer((_request, response) => response.writeHead(405).end());
  server.on('connect', (request, client) => {
    asked.push(request.url ?? '');
    const there = connect(to, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      there.pipe(client).pipe(there);
    });
    for (const socket of [there, client]) socket.on('error', () => socket.destroy());
  });
  return { url: `http://127.0.0.1:${await listening(server)}`, asked };
}

describe('a private authority', () => {
  test('is not trusted by itself, and the error says what to set', async () => {
    const { port } = await tlsServer();
    const { code, stderr } = await signalbox(['status'], { SIGNALBOX_URL: `https://localhost:${port}` });
    expect(code).toBe(69);
    expect(stderr).toContain('certificate is not trusted; set SIGNALBOX_CA_FILE');
  });

  test('is trusted by SIGNALBOX_CA_FILE, by --ca-file, and by call-me-client', async () => {
    const { port, ca } = await tlsServer();
    const env = { SIGNALBOX_URL: `https://localhost:${port}` };
    expect(await signalbox(['status'], { ...env, SIGNALBOX_CA_FILE: ca })).toMatchObject({ code: 0, stderr: '' });
    expect(await signalbox(['status', '--ca-file', ca], env)).toMatchObject({ code: 0, stderr: '' });
    const { code, stdout } = await start('call-me-client', ['request', 'uat'], {
      HOST: `https://localhost:${port}`,
      API_KEY: 'k',
      SIGNALBOX_CA_FILE: ca,
    }).ended;
    expect({ code, acquired: stdout.startsWith('acquired slot') }).toEqual({ code: 0, acquired: true });
  });

  test('is found in a bundle of several', async () => {
    const { port, ca } = await tlsServer();
    const bundle = join(folder(), 'bundle.pem');
    const other = authority();
    writeFileSync(bundle, `# two of them\n${readFileSync(other.ca, 'utf8')}\n${readFileSync(ca, 'utf8')}`);
    const env = { SIGNALBOX_URL: `https://localhost:${port}`, SIGNALBOX_CA_FILE: bundle };
    expect(await signalbox(['status'], env)).toMatchObject({ code: 0, stderr: '' });
  });

  test('does not vouch for another name', async () => {
    const { port, ca } = await tlsServer();
    const { code, stderr } = await signalbox(['status'], {
      SIGNALBOX_URL: `https://127.0.0.1:${port}`,
      SIGNALBOX_CA_FILE: ca,
    });
    expect({ code, said: stderr.includes('its certificate is for another name') }).toEqual({ code: 69, said: true });
  });

  test.each([
    ['is not there', null],
    ['holds no certificate', 'this is a letter to my aunt'],
    [
      'holds something that only looks like one',
      '-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n',
    ],
  ])('in a file that %s is refused by name', async (_what, written) => {
    const file = join(folder(), 'ca.pem');
    if (written !== null) writeFileSync(file, written);
    const { code, stderr } = await signalbox(['status'], {
      SIGNALBOX_URL: 'https://localhost:2',
      SIGNALBOX_CA_FILE: file,
    });
    expect(code).toBe(78);
    expect(stderr.startsWith(`signalbox: SIGNALBOX_CA_FILE: cannot use ${file}: `)).toBe(true);
    expect(stderr).toContain('[bad_setting]');
  });
});

describe('a proxy', () => {
  test('is used for a server elsewhere, whose name it is told', async () => {
    const { port, ca } = await tlsServer();
    const { url, asked } = await proxy(port);
    const env = { SIGNALBOX_URL: 'https://signalbox.test', SIGNALBOX_CA_FILE: ca, HTTPS_PROXY: url };
    expect(await signalbox(['status'], env)).toMatchObject({ code: 0, stderr: '' });
    expect(asked).toEqual(['signalbox.test:443']);
  });

  test('is not used for what NO_PROXY names, nor for this machine', async () => {
    const { port, ca } = await tlsServer();
    const { url, asked } = await proxy(port);
    const env = { SIGNALBOX_CA_FILE: ca, HTTPS_PROXY: url, NO_PROXY: '.test' };
    expect((await signalbox(['status'], { ...env, SIGNALBOX_URL: 'https://signalbox.test' })).code).toBe(69);
    expect((await signalbox(['status'], { ...env, SIGNALBOX_URL: `https://localhost:${port}` })).code).toBe(0);
    expect(asked).toEqual([]);
  });

  test('that is not there is said', async () => {
    const env = { SIGNALBOX_URL: 'https://signalbox.test', HTTPS_PROXY: 'http://127.0.0.1:2' };
    const { code, stderr } = await signalbox(['status'], env);
    expect({ code, said: stderr.includes('connection refused') }).toEqual({ code: 69, said: true });
  });

  test('is in what the doctor says', async () => {
    const { port, ca } = await tlsServer();
    const { url } = await proxy(port);
    const env = {
      SIGNALBOX_URL: 'https://signalbox.test',
      SIGNALBOX_CA_FILE: ca,
      HTTPS_PROXY: url.replace('http://', 'http://user:secret@'),
    };
    const { stdout } = await signalbox(['doctor'], env);
    expect(stdout).toContain(`note\tproxy\t${url} is used`);
    expect(stdout).not.toContain('secret');
  });
});
