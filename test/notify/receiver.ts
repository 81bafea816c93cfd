// A server that is told, with answers that a test sets.

import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Told {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at one field of it
  readonly json: any;
}

type Answer = (reply: ServerResponse, told: Told) => void;

export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}, body = ''): Answer =>
  (reply) =>
    void reply.writeHead(code, headers).end(body);

/** Never. */
export const silence: Answer = () => undefined;

export class Receiver {
  readonly told: Told[] = [];
  /** For the next ones; after them `usual`. */
  readonly answers: Answer[] = [];
  usual: Answer = status(200, {}, 'ok');
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Receiver> {
    const server = createServer();
    const receiver = new Receiver(server);
    server.on('request', async (request, reply) => {
      let text = '';
      for await (const part of request.setEncoding('utf8')) text += part;
      const told = { path: request.url ?? '', headers: request.headers, text, json: JSON.parse(text) };
      receiver.told.push(told);
      (receiver.answers.shift() ?? receiver.usual)(reply, told);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => receiver.stop());
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/secret-path`;
  }

  get texts(): string[] {
    return this.told.map(({ json }) => json.text);
  }

  get events(): string[] {
    return this.told.map(({ json }) => json.event);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
