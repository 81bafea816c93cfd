// Doing something for as long as the client is there: whoever hangs up stops costing anything at once.

import type { FastifyRequest } from 'fastify';

/** Runs `work` with a signal that aborts when the client of this request has gone. */
export async function whileConnected<T>(request: FastifyRequest, work: (gone: AbortSignal) => Promise<T>): Promise<T> {
  const gone = new AbortController();
  const hangUp = (): void => gone.abort();
  request.raw.socket.once('close', hangUp);
  // It may have hung up while its request was decided; `close` is not told again.
  if (request.raw.socket.destroyed) hangUp();
  try {
    return await work(gone.signal);
  } finally {
    request.raw.socket.off('close', hangUp);
  }
}
