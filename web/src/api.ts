// The client library as the dashboard uses it: with the key of the session, and an ear for what every answer tells.
//
// Must always hold: a 401 to a key ends the session's access at once, wherever it was asked.

import { Client } from '../../src/client/client.ts';
import type { Fetch } from '../../src/client/transport.ts';
import { Cell } from './cell.ts';
import { key } from './session.ts';

/** A stream that is silent for longer is dead: the server says something every 15 s. */
const silentForMs = 40_000;

/** How often the server has refused the key; whoever holds the sign-in looks at it. */
export const keyRefused = new Cell(0);

let made: { readonly of: string | null; readonly client: Client } | null = null;

/** The client for the key that counts now. */
export function api(): Client {
  if (made === null || made.of !== key.value) made = { of: key.value, client: clientFor(key.value) };
  return made.client;
}

export function clientFor(withKey: string | null): Client {
  return new Client({ url: location.origin, key: withKey, fetch: listening(withKey) });
}

function listening(withKey: string | null): Fetch {
  return async (input, init) => {
    const response = await fetch(input, { ...init, cache: 'no-store', credentials: 'same-origin' });
    if (response.status === 401 && withKey !== null && withKey === key.value) keyRefused.set(keyRefused.value + 1);
    const isStream = (response.headers.get('content-type') ?? '').startsWith('text/event-stream');
    return isStream && response.body ? watched(response, response.body) : response;
  };
}

/** Breaks off where nothing comes any more: a laptop that was asleep, a network that was changed. */
function watched(response: Response, body: ReadableStream<Uint8Array>): Response {
  let timer: ReturnType<typeof setTimeout>;
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
    start: again,
    transform(chunk, controller) {
      again(controller);
      controller.enqueue(chunk);
    },
    flush: () => clearTimeout(timer),
  });
  function again(controller: TransformStreamDefaultController<Uint8Array>): void {
    clearTimeout(timer);
    timer = setTimeout(() => controller.error(new Error('the stream is silent')), silentForMs);
  }
  body.pipeTo(writable).catch(() => clearTimeout(timer));
  return new Response(readable, { status: response.status, headers: response.headers });
}
