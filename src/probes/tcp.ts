// Whether a port takes connections. It connects and closes at once, so that whoever is there need not deal with it for long;
// a server that closes at once as well is up.

import { connect } from 'node:net';
import { connectFinding, isOwnEcho, noAnswer } from './connection.ts';
import type { Finding, Probe } from './probe.ts';

export const probe: Probe = (_target, { address, port }, { connectTimeoutMs }, signal) =>
  new Promise((resolve) => {
    let finding: Finding = { state: 'down', detail: noAnswer(connectTimeoutMs) };
    const socket = connect({ host: address, port });
    const stop = () => socket.destroy();
    socket.once('connect', () => {
      finding = isOwnEcho(socket) ? refused : { state: 'up', detail: 'connected' };
      socket.destroy();
    });
    socket.once('error', (error) => {
      finding = connectFinding(error);
    });
    socket.once('close', () => {
      signal.removeEventListener('abort', stop);
      resolve(finding);
    });
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
  });

const refused: Finding = { state: 'down', detail: 'connection refused' };
