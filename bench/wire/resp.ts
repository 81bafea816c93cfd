// The redis protocol (RESP2), as much of it as the measurement needs: commands as arrays, one reply at a time.

import { Connection } from './connection.ts';

export type RespDone = (failure: string | null, reply: string) => void;

export function respCommand(...words: string[]): string {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${parts.join('')}`;
}

export class RespConnection {
  #connection!: Connection;
  #done: RespDone = () => {};

  static async open(port: number): Promise<RespConnection> {
    const resp = new RespConnection();
    resp.#connection = await Connection.open(
      port,
      (text) => resp.#receive(text),
      (failure) => resp.#done(failure, ''),
    );
    return resp;
  }

  send(command: string, done: RespDone): void {
    this.#done = done;
    this.#connection.send(command);
  }

  close(): void {
    this.#connection.close();
  }

  #receive(text: string): boolean {
    const end = replyEnd(text, 0);
    if (end < 0) return false;
    if (end < text.length) this.#done('more bytes than one reply', text);
    else this.#done(text.charCodeAt(0) === 45 /* - */ ? text.trim() : null, text);
    return true;
  }
}

/** Where the reply that begins at `at` ends, or -1 while it is incomplete. */
function replyEnd(text: string, at: number): number {
  const lineEnd = text.indexOf('\r\n', at);
  if (lineEnd < 0) return -1;
  const kind = text.charAt(at);
  if (kind === '+' || kind === '-' || kind === ':') return lineEnd + 2;
  const count = Number(text.slice(at + 1, lineEnd));
  let end = lineEnd + 2;
  if (kind === '$') {
    if (count >= 0) end += count + 2;
    return end <= text.length ? end : -1;
  }
  for (let i = 0; i < count; i++) {
    end = replyEnd(text, end);
    if (end < 0) return -1;
  }
  return end;
}
