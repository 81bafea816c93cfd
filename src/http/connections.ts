// Bounds on connections. A client that connects beyond the bound is told so in one clear answer instead of being left hanging;
// one that asks for a lot and never reads it, or sends request after request without waiting for an answer, is let go.

import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Context } from './context.ts';
import { Problem } from './problem.ts';

/** A reply that the client has not taken within this time holds memory for nothing. */
const readWithinMs = 60_000;
const smallReply = 16 * 1024;
/** Requests of one connection that may be under way at once (pipelining); long polls among them. */
const inFlightPerConnection = 100;
/** Of a stop: whoever has not taken their answer by then is cut off. */
const answeredWithinMs = 5_000;
const closeIdleEveryMs = 50;
/** Connections beyond the bound that are kept long enough to be told so; what comes on top is closed without a word. */
const surplusConnections = 1_000;

export class Connections {
  readonly #context: Context;
  readonly #inFlight = new WeakMap<Socket, number>();
  readonly #surplus = new WeakSet<Socket>();
  readonly #open = new Set<Socket>();

  constructor(context: Context) {
    this.#context = context;
  }

  watch(server: Server): void {
    const { metrics, settings } = this.#context;
    server.maxConnections = settings.maxConnections + surplusConnections;
    server.on('connection', (socket) => {
      metrics.connections++;
      this.#open.add(socket);
      // Each long poll listens for the end of its connection.
      socket.setMaxListeners(inFlightPerConnection + 20);
      if (metrics.connections > settings.maxConnections) this.#surplus.add(socket);
      socket.once('close', () => {
        metrics.connections--;
        this.#open.delete(socket);
      });
    });
  }

  /** The server stops: what is under way is answered, and nobody who is idle or slow is waited for. Returns how to end this. */
  closeAsTheyEnd(): () => void {
    const closeIdle = (): void => {
      // Node's own closeIdleConnections leaves those that have not asked anything yet.
      for (const socket of this.#open) if ((this.#inFlight.get(socket) ?? 0) === 0) socket.destroySoon();
    };
    const idle = setInterval(closeIdle, closeIdleEveryMs);
    const all = setTimeout(() => {
      for (const socket of this.#open) socket.destroy();
    }, answeredWithinMs);
    closeIdle();
    return () => {
      clearInterval(idle);
      clearTimeout(all);
    };
  }

  /** Refuses a request on a connection that is one too many, or that has too many requests under way. */
  enter(request: FastifyRequest, reply: FastifyReply): void {
    const { metrics, settings } = this.#context;
    const { socket } = request.raw;
    const count = (this.#inFlight.get(socket) ?? 0) + 1;
    this.#inFlight.set(socket, count);
    reply.raw.once('close', () => this.#inFlight.set(socket, (this.#inFlight.get(socket) ?? 1) - 1));
    // The answer stands in line behind those that are under way, so whoever goes on sending does not hear it.
    if (count > inFlightPerConnection + 1) socket.destroy();
    if (count > inFlightPerConnection) {
      throw tooMany(`This connection has ${inFlightPerConnection} requests under way. Wait for their answers.`);
    }
    if (!this.#surplus.has(socket)) return;
    if (metrics.connections > settings.maxConnections) {
      throw tooMany('The server has as many connections as it takes (--max-connections). Try again in 5 seconds.');
    }
    this.#surplus.delete(socket);
  }
}

function tooMany(detail: string): Problem {
  return new Problem('server_full', detail, { headers: { 'retry-after': '5', connection: 'close' } });
}

/** Lets go of a client that does not read its reply. What is smaller is in the hands of the system at once. */
export function boundReading(response: ServerResponse, payload: unknown): void {
  const bytes = typeof payload === 'string' || Buffer.isBuffer(payload) ? Buffer.byteLength(payload) : 0;
  if (bytes <= smallReply) return;
  const timer = setTimeout(() => response.destroy(), readWithinMs);
  timer.unref();
  response.once('close', () => clearTimeout(timer));
}
