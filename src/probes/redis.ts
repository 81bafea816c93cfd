// Whether a Redis server answers PING: `redis:HOST[:PORT][/DATABASE]`. It speaks the protocol itself (RESP 2: words out, one line
// back): the client library opens its own socket, which nobody else can close while it connects, nor bound in what it reads.
// What always holds: of a reply only its first word is told, because a server may repeat in the rest what it was sent.

import type { Duplex } from 'node:stream';
import type { ProbeTarget } from '../core/meet/target.ts';
import { tryOn, Verdict } from './line.ts';
import type { Probe } from './probe.ts';

export const probe: Probe = (target, endpoint, options, signal) =>
  tryOn(options, signal, async (line) => {
    const socket = line.connect(endpoint);
    const server = new Server(target.tls ? await line.secure(endpoint, options) : socket);
    await introduce(server, target);
    const reply = await server.ask('PING');
    if (reply !== '+PONG') throw refusal(reply, 'PING');
    line.farewell = () => server.tell('QUIT');
    return { state: 'up', detail: 'ready' };
  });

async function introduce(server: Server, target: ProbeTarget): Promise<void> {
  const { user, password, resource } = target;
  if (user !== null || password !== null) {
    const reply = await server.ask('AUTH', ...(user === null ? [] : [user]), password ?? '');
    if (reply !== '+OK') throw refusedLogin(reply);
  }
  if (resource === '') return;
  const reply = await server.ask('SELECT', resource);
  if (/^-ERR .*(out of range|not allowed|invalid)/i.test(reply))
    throw misconfigured(`there is no database ${resource}`);
  if (reply !== '+OK') throw refusal(reply, 'SELECT');
}

/** Before 6.0 a wrong password was an ERR like any other. */
function refusedLogin(reply: string): Verdict {
  if (/^-(WRONGPASS|ERR invalid password)/i.test(reply))
    return misconfigured('the server does not accept this user and password');
  if (/^-ERR .*(without any password|no password is set)/i.test(reply))
    return misconfigured('a password was given, and the server has none');
  return refusal(reply, 'AUTH');
}

function refusal(reply: string, command: string): Verdict {
  if (/^-ERR max number of clients/i.test(reply)) return new Verdict('unready', 'the server has too many clients');
  const word = /^-([A-Z]{1,20})\b/.exec(reply)?.[1] ?? 'no error';
  return meanings[word] ?? new Verdict('unready', `the server does not answer ${command} as Redis does (${word})`);
}

function misconfigured(detail: string): Verdict {
  return new Verdict('misconfigured', detail);
}

const meanings: Readonly<Record<string, Verdict>> = {
  LOADING: new Verdict('unready', 'the server is loading its data'),
  MASTERDOWN: new Verdict('unready', 'the replica has lost its master'),
  NOAUTH: misconfigured('the server asks for a password, and none was given: redis://:PASSWORD@HOST'),
  NOPERM: misconfigured('the user may not do this (NOPERM)'),
  DENIED: misconfigured('the server takes connections from its own machine alone (protected mode)'),
};

/** The other end. All that is asked here is answered by one line, which begins with `+` or `-`. */
class Server {
  readonly #stream: Duplex;
  #heard = '';
  #wake: () => void = () => {};

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('data', (chunk: Buffer) => {
      this.#heard += chunk.toString('latin1');
      this.#wake();
    });
  }

  tell(...words: readonly string[]): void {
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    this.#stream.write(`*${words.length}\r\n${parts.join('')}`);
  }

  async ask(...words: readonly string[]): Promise<string> {
    this.tell(...words);
    for (;;) {
      if (!/^[+-]|^$/.test(this.#heard)) throw new Verdict('unready', 'something answers that is not Redis');
      const end = this.#heard.indexOf('\r\n');
      if (end >= 0) {
        const reply = this.#heard.slice(0, end);
        this.#heard = this.#heard.slice(end + 2);
        return reply;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
