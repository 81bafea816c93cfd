// HTTP/1.1 keep-alive, as much of it as the servers under measurement speak: replies with a Content-Length, one at a
// time. Anything else (chunked replies, surplus bytes) is a failure and not guessed at.

import { Connection } from './connection.ts';

export type HttpDone = (failure: string | null, status: number, body: string) => void;

/** A whole request as text. `body` null means none. */
export function httpRequest(
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | null = null,
): string {
  const lines = [`${method} ${path} HTTP/1.1`, 'host: 127.0.0.1'];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (body !== null) lines.push('content-type: application/json', `content-length: ${Buffer.byteLength(body)}`);
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`;
}

export class HttpConnection {
  #connection!: Connection;
  #done: HttpDone = () => {};

  static async open(port: number): Promise<HttpConnection> {
    const http = new HttpConnection();
    http.#connection = await Connection.open(
      port,
      (text) => http.#receive(text),
      (failure) => http.#done(failure, 0, ''),
    );
    return http;
  }

  send(request: string, done: HttpDone): void {
    this.#done = done;
    this.#connection.send(request);
  }

  close(): void {
    this.#connection.close();
  }

  #receive(text: string): boolean {
    const headEnd = text.indexOf('\r\n\r\n');
    if (headEnd < 0) return false;
    const status = (text.charCodeAt(9) - 48) * 100 + (text.charCodeAt(10) - 48) * 10 + text.charCodeAt(11) - 48;
    const length = contentLength(text, headEnd, status);
    if (length < 0) {
      this.#done(`a reply without Content-Length: ${text.slice(0, 400)}`, status, text);
      return true;
    }
    const end = headEnd + 4 + length;
    if (text.length < end) return false;
    if (text.length > end) this.#done('more bytes than the reply announced', status, text);
    else this.#done(null, status, text.slice(headEnd + 4));
    return true;
  }
}

function contentLength(text: string, headEnd: number, status: number): number {
  // Node writes the name in lower case, Go with capitals.
  let at = text.indexOf('\r\ncontent-length: ');
  if (at < 0 || at > headEnd) at = text.indexOf('\r\nContent-Length: ');
  if (at < 0 || at > headEnd) return status === 204 ? 0 : -1;
  let length = 0;
  for (let i = at + 18; ; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return length;
    length = length * 10 + digit;
  }
}

/** The value of the first `"name":"value"` in a JSON text, without parsing the rest of it; null when it is not there. */
export function firstString(json: string, name: string): string | null {
  const key = `"${name}":"`;
  const at = json.indexOf(key);
  if (at < 0) return null;
  const start = at + key.length;
  return json.slice(start, json.indexOf('"', start));
}
