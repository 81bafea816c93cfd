// A way to a database on which things go wrong: bytes that are changed, held back or lost, connections that are cut. Faults are
// switched on by a test through `toServer` and `toClient`, which see each piece that passes.

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Link {
  /** Cuts the connection on both sides. */
  cut(): void;
  /** Sends to the client what was held back. */
  send(piece: Buffer): void;
  /** Sends to the server what was held back. */
  pass(piece: Buffer): void;
  /** Marks of the test's own. */
  readonly marks: Set<string>;
}

/** What passes in the place of a piece; null: nothing. */
export type Tamper = (piece: Buffer, link: Link) => Buffer | null;

export interface FaultyWay {
  readonly port: number;
  /** Where it leads to; counts for new connections. */
  target: number;
  toServer: Tamper;
  toClient: Tamper;
  /** Nobody is let in while it is false. */
  open: boolean;
  cutAll(): void;
  stop(): Promise<void>;
}

const asItIs: Tamper = (piece) => piece;

export async function startProxy(target: number): Promise<FaultyWay> {
  const links = new Set<Link>();
  const server = createServer((client) => {
    if (!proxy.open) return void client.destroy();
    const upstream = connect(proxy.target, '127.0.0.1');
    const link: Link = {
      cut: () => {
        client.destroy();
        upstream.destroy();
        links.delete(link);
      },
      send: (piece) => void client.write(piece),
      pass: (piece) => void (upstream.destroyed || upstream.write(piece)),
      marks: new Set(),
    };
    links.add(link);
    pass(client, upstream, (piece) => proxy.toServer(piece, link), link);
    pass(upstream, client, (piece) => proxy.toClient(piece, link), link);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cutAll = () => {
    for (const link of [...links]) link.cut();
  };
  const proxy: FaultyWay = {
    port: (server.address() as { port: number }).port,
    target,
    ...{ toServer: asItIs, toClient: asItIs, open: true, cutAll },
    stop: async () => {
      cutAll();
      server.close();
      await once(server, 'close');
    },
  };
  return proxy;
}

function pass(from: Socket, to: Socket, tamper: (piece: Buffer) => Buffer | null, link: Link): void {
  from.setNoDelay(true);
  from.on('data', (piece: Buffer) => {
    const passed = tamper(piece);
    if (passed !== null && !to.destroyed) to.write(passed);
  });
  from.on('error', () => link.cut());
  from.on('close', () => link.cut());
}

/** Whether a piece to the server ends a turn: `commit` is the name of that statement. */
export function hasCommit(piece: Buffer): boolean {
  return piece.includes('commit\0');
}
