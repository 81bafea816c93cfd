// One TCP connection with at most one request outstanding, and as little work per request as Node allows: requests are
// strings that were put together beforehand, all connections of the process read into one buffer (each read is consumed
// before the next one can happen), and nothing is allocated per request but the text of the reply.

import { connect, type Socket } from 'node:net';

const CONNECT_LIMIT_MS = 10_000;
const shared = Buffer.allocUnsafe(256 * 1024);

/** Called with the text received since the request was sent; true when the reply is complete. */
type Receive = (text: string) => boolean;

export class Connection {
  readonly #socket: Socket;
  #failed: (failure: string) => void = () => {};
  #outstanding = false;
  #closing = false;
  #partial = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', (error) => this.#end(`connection: ${error.message}`));
    socket.on('close', () => this.#end('connection closed by the server'));
  }

  /** `receive` is given whole replies and parts of them; a part is kept until the rest has come. */
  static open(port: number, receive: Receive, failed: (failure: string) => void): Promise<Connection> {
    return new Promise((resolve, reject) => {
      let connection: Connection | undefined;
      const socket = connect({
        host: '127.0.0.1',
        port,
        noDelay: true,
        onread: {
          buffer: shared,
          callback: (count) => {
            connection?.received(shared.toString('latin1', 0, count), receive);
            return true;
          },
        },
      });
      const late = setTimeout(() => socket.destroy(new Error('no connection in time')), CONNECT_LIMIT_MS);
      socket.once('error', reject);
      socket.once('connect', () => {
        clearTimeout(late);
        socket.off('error', reject);
        connection = new Connection(socket);
        connection.#failed = failed;
        resolve(connection);
      });
    });
  }

  send(request: string): void {
    this.#outstanding = true;
    this.#socket.write(request, 'latin1');
  }

  received(chunk: string, receive: Receive): void {
    const text = this.#partial === '' ? chunk : this.#partial + chunk;
    this.#partial = '';
    // The next request may be sent from within `receive`, so what is outstanding is settled before.
    this.#outstanding = false;
    if (receive(text)) return;
    this.#partial = text;
    this.#outstanding = true;
  }

  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  #end(failure: string): void {
    if (this.#closing || !this.#outstanding) return;
    this.#outstanding = false;
    this.#failed(failure);
  }
}
