// The connection of one try, for the probes that speak a protocol. What always holds: it is the only socket of its try, it goes
// to the address that was checked, it hears a bounded number of bytes, and when `tryOn` returns it is closed, whatever the
// protocol's client or the other end would rather do. That is why a client of a protocol is handed a socket, and makes none.

import { isIP, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { codeOf, connectFinding, isOwnEcho, noAnswer, tlsFinding } from './connection.ts';
import type { Endpoint, Finding, ProbeOptions } from './probe.ts';

/** No answer to a probe is longer; who sends more is not what was asked for, and would only fill memory. */
const maxHeardBytes = 256 * 1024;
/** How long the other end may take to close after the goodbye, before the socket is taken away. */
const farewellMs = 1_000;

/** What a probe gives up with, when it has a finding of its own for it. In our words: the other end's may repeat a secret. */
export class Verdict extends Error {
  readonly finding: Finding;

  constructor(state: Finding['state'], detail: string) {
    super(detail);
    this.finding = { state, detail };
  }
}

/** Runs one conversation on one connection, and closes it. Nothing is opened when `signal` has aborted before. */
export async function tryOn(
  options: ProbeOptions,
  signal: AbortSignal,
  talk: (line: Line) => Promise<Finding>,
): Promise<Finding> {
  const late = noAnswer(options.connectTimeoutMs);
  if (signal.aborted) return { state: 'down', detail: late };
  const line = new Line();
  const giveUp = () => line.fail(new Verdict(line.isConnected ? 'unready' : 'down', late));
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await Promise.race([line.broken, talk(line)]);
  } catch (error) {
    return line.explain(error);
  } finally {
    signal.removeEventListener('abort', giveUp);
    await line.close(signal);
  }
}

export class Line {
  /** Not connected yet: `connect` does it, or the protocol's client, with the address that it is given. */
  readonly socket = new Socket();
  /** Never fulfilled; rejected as soon as the connection is of no use any more. */
  readonly broken: Promise<never>;
  /** How one leaves politely in this protocol; the other end is then waited for. Set once there is a session to leave. */
  farewell: (() => void) | null = null;
  isConnected = false;
  readonly #layers: Duplex[] = [];
  readonly #breakWith: (verdict: Verdict) => void;
  #isBroken = false;
  #heardBytes = 0;

  constructor() {
    const { promise, reject } = Promise.withResolvers<never>();
    this.broken = promise;
    this.broken.catch(() => {});
    this.#breakWith = reject;
    this.socket.once('connect', () => {
      this.isConnected = true;
      if (isOwnEcho(this.socket)) this.fail(new Verdict('down', 'connection refused'));
    });
    this.socket.once('close', () => this.fail(this.#closed()));
    this.guard(this.socket);
  }

  connect(endpoint: Endpoint): Socket {
    this.socket.setNoDelay(true);
    return this.socket.connect(endpoint.port, endpoint.address);
  }

  /** TLS on this connection, once its certificate has been found good. */
  secure(endpoint: Endpoint, options: ProbeOptions, protocols: readonly string[] = []): Promise<TLSSocket> {
    const settings = tlsSettings(endpoint, options);
    const secured = connectTls({ socket: this.socket, ...settings, ALPNProtocols: [...protocols] });
    this.guard(secured);
    return new Promise((resolve) => secured.once('secureConnect', () => resolve(secured)));
  }

  /**
   * Watches one layer of the connection (the socket, TLS upon it). What a client throws at what it reads would otherwise end the
   * server: here it is a fault of this connection, and so are too many bytes.
   */
  guard(layer: Duplex): void {
    if (this.#layers.includes(layer)) return;
    this.#layers.push(layer);
    layer.on('error', () => {});
    const emit = layer.emit;
    layer.emit = (event: string | symbol, ...args: unknown[]): boolean => {
      try {
        if (event === 'error') this.fail(args[0]);
        if (event === 'data') this.#hear(args[0] as Buffer);
        return Reflect.apply(emit, layer, [event, ...args]);
      } catch (error) {
        this.fail(error);
        this.socket.destroy();
        return true;
      }
    };
  }

  /** The first fault counts, as it is now: a client may put its own code on an error before it hands it on. */
  fail(error: unknown): void {
    this.#isBroken = true;
    const { state, detail } = this.explain(error);
    this.#breakWith(new Verdict(state, detail));
  }

  /** What a fault means that the probe has no finding for. */
  explain(error: unknown): Finding {
    if (error instanceof Verdict) return error.finding;
    const code = codeOf(error);
    if (this.isConnected && this.#heardBytes === 0 && (code === 'ECONNRESET' || code === 'EPIPE'))
      return this.#closed().finding;
    const tls = tlsFinding(error);
    if (tls !== null) return tls;
    // No code: not the network's fault but the client's, about what it has read.
    if (code === 'unknown') return { state: 'unready', detail: 'something answers that is not understood' };
    return connectFinding(error);
  }

  async close(signal: AbortSignal): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      if (this.socket.closed) resolve();
      else this.socket.once('close', () => resolve());
    });
    const cut = () => this.#destroy();
    if (this.farewell === null || this.#isBroken || signal.aborted) {
      cut();
      return closed;
    }
    const timer = setTimeout(cut, farewellMs);
    signal.addEventListener('abort', cut, { once: true });
    this.farewell();
    await closed;
    clearTimeout(timer);
    signal.removeEventListener('abort', cut);
    cut();
  }

  #destroy(): void {
    for (const layer of this.#layers.toReversed()) layer.destroy();
  }

  #hear(chunk: Buffer): void {
    this.#heardBytes += chunk.length;
    if (this.#heardBytes > maxHeardBytes) throw new Verdict('unready', 'sends more than an answer');
  }

  #closed(): Verdict {
    return new Verdict('unready', `closed the connection${this.#heardBytes === 0 ? ' at once' : ''}`);
  }
}

/** The name that was asked for is what the certificate must be for; an address cannot be asked for by name (RFC 6066, 3). */
export function tlsSettings(endpoint: Endpoint, options: ProbeOptions) {
  return {
    host: endpoint.host,
    servername: isIP(endpoint.host) === 0 ? endpoint.host : '',
    rejectUnauthorized: !options.insecure,
  };
}
