// Others that may sit at the port of a database: one that says nothing, one that hangs up, one that talks nonsense.

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Peer {
  readonly port: number;
  /** Connections that have not been closed by both sides. */
  readonly open: () => number;
  /** Connections so far. */
  readonly seen: () => number;
  stop(): Promise<void>;
}

/** Takes connections on a free port of this machine, and does with each what it is told. */
export async function startPeer(meet: (socket: Socket) => void): Promise<Peer> {
  const sockets = new Set<Socket>();
  let seen = 0;
  const server = createServer((socket) => {
    seen += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    meet(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    open: () => sockets.size,
    seen: () => seen,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

export const silent = (socket: Socket) => void socket.resume();
export const hangsUp = (socket: Socket) => void socket.resume().end();
/** Answers each thing it hears, and speaks first, for protocols in which the server does. */
export const babbles = (words: string | Buffer) => (socket: Socket) => {
  socket.write(words);
  socket.on('data', () => socket.write(words));
};
/** Passes everything on to a real server, and keeps what the probe has said. */
export const relays = (port: number, heard: Buffer[]) => (socket: Socket) => {
  const server = connect(port, '127.0.0.1');
  server.on('error', () => socket.destroy());
  socket.on('data', (chunk) => heard.push(chunk));
  socket.pipe(server).pipe(socket);
};
