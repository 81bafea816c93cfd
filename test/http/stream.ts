// A client of the event stream for tests: fetch, and the few rules of server-sent events.

import { onTestFinished } from 'vitest';
import type { TestServer } from './server.ts';

export interface StreamEvent {
  readonly event: string;
  readonly id: string | null;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks at one field of it
  readonly data: any;
}

export interface Stream {
  readonly headers: Headers;
  readonly seen: StreamEvent[];
  /** Resolves when what has been seen is enough; rejects when the stream ends before, or nothing comes any more. */
  until(isEnough: (seen: readonly StreamEvent[]) => boolean): Promise<void>;
  readonly ended: Promise<void>;
  close(): void;
}

const deadlineMs = 30_000;

export async function openStream(
  server: TestServer,
  { query = '', headers = {}, key }: { query?: string; headers?: Record<string, string>; key?: string } = {},
): Promise<Stream> {
  const hangUp = new AbortController();
  onTestFinished(() => hangUp.abort());
  const response = await fetch(`${server.url}/v1/events/stream${query}`, {
    headers: { ...headers, ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
    signal: hangUp.signal,
  });
  if (response.status !== 200 || response.body === null)
    throw new Error(`${response.status}: ${await response.text()}`);
  const seen: StreamEvent[] = [];
  const listeners = new Set<() => void>();
  let isOver = false;
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  const read = async (body: ReadableStream<Uint8Array>): Promise<void> => {
    let rest = '';
    try {
      for await (const text of body.pipeThrough(new TextDecoderStream() as never) as AsyncIterable<string>) {
        const blocks = (rest + text).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) {
          const event = parse(block);
          // That all rows are told says nothing of what has happened; events.test.ts looks at it by itself.
          if (event !== null && event.event !== 'told') seen.push(event);
        }
        tell();
      }
    } catch {
      // Closed by the test.
    }
    isOver = true;
    tell();
  };
  const ended = read(response.body);
  return {
    headers: response.headers,
    ...{ seen, ended },
    close: () => hangUp.abort(),
    until: (isEnough) =>
      new Promise((resolve, reject) => {
        const fail = (why: string): void => reject(new Error(`${why} after ${seen.length} events`));
        const timer = setTimeout(() => fail('nothing more came'), deadlineMs);
        const look = (): void => {
          if (!isEnough(seen) && !isOver) return;
          listeners.delete(look);
          clearTimeout(timer);
          if (isEnough(seen)) resolve();
          else fail('the stream ended');
        };
        listeners.add(look);
        look();
      }),
  };
}

function parse(block: string): StreamEvent | null {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    const at = line.indexOf(': ');
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 2));
  }
  const data = fields.get('data');
  return data === undefined
    ? null
    : { event: fields.get('event') ?? 'message', id: fields.get('id') ?? null, data: JSON.parse(data) };
}
