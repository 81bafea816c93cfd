// The event stream (server-sent events) as an async iterable that comes back by itself. Read with fetch and not EventSource,
// because the key goes in a header.
//
// Must always hold: after a break it goes on from the last id that was yielded, so that no event is lost or told twice. Ids that
// the server no longer keeps come as an event named `reset`; whoever shows a state must then load it anew.

import type { Refusal } from './outcome.ts';
import { pause } from './pause.ts';
import { parseEvents } from './sse.ts';
import { address, request, type Transport, whoAndWhere } from './transport.ts';

export interface StreamOptions {
  /** Start after this event; without it, now. */
  readonly since?: number;
  /** Also carry changed rows, as events named `row`. */
  readonly rows?: readonly StreamedKind[];
  readonly signal?: AbortSignal;
  /** First pause before connecting again; doubles up to `maxRetryMs`. */
  readonly retryMs?: number;
  readonly maxRetryMs?: number;
}

/**
 * What the stream can carry rows of. Of builds, machines and jobs an event named `known` says, when a client comes back, which
 * there are: what else it knows of is gone.
 */
export type StreamedKind =
  | ('environments' | 'leases' | 'freezes' | 'signals' | 'barriers')
  | ('builds' | 'instances' | 'jobs' | 'pools' | 'images');

export type StreamItem =
  | { readonly kind: 'open' }
  | { readonly kind: 'event'; readonly name: string; readonly id: number | null; readonly data: unknown }
  | { readonly kind: 'away'; readonly reason: string }
  /** The server does not want to be asked again; the stream ends here. */
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export async function* streamEvents(transport: Transport, options: StreamOptions): AsyncGenerator<StreamItem> {
  const signals = [transport.signal, options.signal].filter((signal) => signal != null);
  const signal = AbortSignal.any(signals);
  const firstPauseMs = options.retryMs ?? 1000;
  let last = options.since ?? null;
  let pauseMs = firstPauseMs;
  while (!signal.aborted) {
    const opened = await open(transport, options, last, signal);
    if (opened.kind === 'refused') {
      yield opened;
      return;
    }
    if (opened.kind === 'open') {
      yield { kind: 'open' };
      pauseMs = firstPauseMs;
      try {
        for await (const event of parseEvents(opened.body)) {
          const id = event.id !== null && /^\d+$/.test(event.id) ? Number(event.id) : null;
          if (id !== null) last = id;
          yield { kind: 'event', name: event.name, id, data: parseData(event.data) };
        }
      } catch {
        // A broken connection: the same as its end.
      }
    }
    if (signal.aborted) return;
    yield { kind: 'away', reason: opened.kind === 'away' ? opened.reason : 'connection lost' };
    // Jitter, so that a restarted server is not asked by everybody in the same instant.
    await pause(pauseMs * (0.5 + Math.random() / 2), signal);
    pauseMs = Math.min(pauseMs * 2, options.maxRetryMs ?? 30_000);
  }
}

type Opened =
  | { kind: 'open'; body: ReadableStream<Uint8Array> }
  | { kind: 'away'; reason: string }
  | { kind: 'refused'; refusal: Refusal };

async function open(
  transport: Transport,
  options: StreamOptions,
  since: number | null,
  signal: AbortSignal,
): Promise<Opened> {
  const query = { since, rows: options.rows?.join(',') };
  const headers = { accept: 'text/event-stream', ...whoAndWhere(transport) };
  try {
    const response = await transport.fetch(address(transport.url, '/v1/events/stream', query), {
      headers,
      signal,
      redirect: 'manual',
    });
    if (response.ok && response.body && (response.headers.get('content-type') ?? '').startsWith('text/event-stream')) {
      return { kind: 'open', body: response.body };
    }
    await response.body?.cancel();
  } catch {
    // Asked again below, where the reason comes in words.
  }
  // Anything else: an ordinary request says why.
  const why = await request(transport, 'GET', '/v1/events', { query: { limit: 1 }, signal });
  if (!why.ok && why.kind === 'problem' && why.status !== 503) return { kind: 'refused', refusal: why };
  return {
    kind: 'away',
    reason: why.ok ? 'the stream was not opened' : why.kind === 'problem' ? why.problem.code : why.reason,
  };
}

function parseData(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
