// A Redis server for one test file: `startRedis()`.

import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Certificate } from './certificate.ts';
import { type Daemon, handOver, startDaemon } from './daemon.ts';

export interface Redis extends Daemon {
  /** What it answers to a line, as it is written on the wire; it is logged in before. */
  command(line: string): Promise<string>;
}

/** With `tls` it speaks nothing else. */
export async function startRedis({ password, tls }: { password?: string; tls?: Certificate } = {}): Promise<Redis> {
  const daemon = await startDaemon({
    name: 'redis',
    prepare: async (folder) => {
      for (const [name, text] of Object.entries(tls ?? {})) {
        writeFileSync(join(folder, name), text);
        handOver(join(folder, name));
      }
    },
    command: (folder, port) => [
      ...(['redis-server', '--bind', '127.0.0.1', '--dir', folder, '--save', ''] as [string, ...string[]]),
      ...(password === undefined ? [] : ['--requirepass', password]),
      ...(tls === undefined
        ? ['--port', String(port)]
        : ['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no']),
      ...(tls === undefined ? [] : ['--tls-key-file', join(folder, 'key'), '--tls-cert-file', join(folder, 'cert')]),
      ...(tls === undefined ? [] : ['--tls-ca-cert-file', join(folder, 'cert')]),
    ],
    ready: /Ready to accept connections/,
  });
  return { ...daemon, command: (line) => command(daemon.port, password, line) };
}

/** Inline commands, closed by QUIT, so that everything up to the end is the answer. */
function command(port: number, password: string | undefined, line: string): Promise<string> {
  const login = password === undefined ? '' : `AUTH ${password}\r\n`;
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(`${login}${line}\r\nQUIT\r\n`));
    socket.on('data', (chunk) => {
      answer += chunk.toString();
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
  });
}
