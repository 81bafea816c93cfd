// The event stream, one for all tabs of this browser. The tab that wins a Web Lock holds it and hands everything on over a
// BroadcastChannel; without these each tab that is seen has its own, and one that is hidden for a minute closes it.
//
// Must always hold: (1) every tab takes the same items in the same way, whoever holds the stream; (2) `position` is a seq up to
// which this tab has been told everything, and a stream is opened from there, so that a break loses nothing; (3) where it might
// have lost something all the same, the lists are loaded anew.

import type { StreamedKind } from '../../../src/client/stream.ts';
import type { HistoryEvent } from '../../../src/client/types.ts';
import { api } from '../api.ts';
import { Cell } from '../cell.ts';
import { heardTime, serverNow } from '../clock.ts';
import { holdStream } from './hold.ts';

const carried: readonly StreamedKind[] = [
  ...(['environments', 'leases', 'freezes', 'signals', 'barriers'] as const),
  ...(['builds', 'instances', 'jobs', 'pools', 'images'] as const),
];
const firstPauseMs = 1_000;
const longestPauseMs = 30_000;

export interface RowChange {
  readonly kind: StreamedKind;
  readonly id: string;
  readonly seq: number;
  /** null: it is gone. */
  readonly row: unknown;
}

/** All that there are of a kind, as of a seq: those that are not named have gone while nobody told. */
export interface Known {
  readonly kind: StreamedKind;
  readonly seq: number;
  readonly ids: readonly string[];
}

export interface Listener {
  row?(change: RowChange): void;
  known?(known: Known): void;
  event?(event: HistoryEvent): void;
  /** Something may be missing: load anew. `forget`: the server has gone back in time, and what is known is worth nothing. */
  reload?(forget: boolean): void;
}

/** How the stream is. Times are those of the server's clock, in ms. */
export type Link =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  | { readonly state: 'away'; readonly since: number; readonly retryAt: number; readonly reason: string };

export const link = new Cell<Link>({ state: 'connecting' });

type Item =
  | { readonly kind: 'opened'; readonly since: number }
  | { readonly kind: 'event'; readonly name: string; readonly id: number | null; readonly data: unknown }
  | { readonly kind: 'link'; readonly link: Link };

type Message = Item | { readonly kind: 'hello' } | { readonly kind: 'retry' };

const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('signalbox.live') : null;
const listeners = new Set<Listener>();

let position: number | null = null;
/** Where the stream that we have heard without a break began; null: we have not heard it begin. */
let coveredFrom: number | null = null;
let lastEvent: { readonly id: number; readonly at: string } | null = null;
let isHolder = false;
let running = new AbortController();
let hurry: (() => void) | null = null;

export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A list is of this moment: the stream must not begin later. False: it has, so ask for the list again. */
export function noteList(asOf: { readonly seq: number; readonly at: string }): boolean {
  heardTime(asOf.at);
  position ??= asOf.seq;
  return coveredFrom === null || asOf.seq >= coveredFrom;
}

/** Tries to connect now, not only when the pause is over. */
export function retryNow(): void {
  if (isHolder) hurry?.();
  else tell({ kind: 'retry' });
}

/** Listens to the other tabs. */
export function startFeed(): void {
  channel?.addEventListener('message', ({ data }: MessageEvent<Message>) => {
    if (data.kind === 'hello') {
      if (isHolder) tell({ kind: 'link', link: link.value });
    } else if (data.kind === 'retry') {
      if (isHolder) hurry?.();
    } else take(data);
  });
  addEventListener('online', retryNow);
}

/** Once it is known who asks, and anew for another person, who may see other rows. */
export function restartFeed(): void {
  stopFeed();
  running = new AbortController();
  // Another tab may hold the stream already, and says how it is.
  tell({ kind: 'hello' });
  void holdStream(channel !== null, running.signal, hold);
}

export function stopFeed(): void {
  running.abort();
  position = null;
  coveredFrom = null;
  lastEvent = null;
  link.set({ state: 'connecting' });
}

function tell(message: Message): void {
  channel?.postMessage(message);
}

/** For the holder: takes it, and hands it on. */
function share(item: Item): void {
  tell(item);
  take(item);
}

/** Holds the stream until the signal ends it. */
async function hold(signal: AbortSignal): Promise<void> {
  isHolder = true;
  let pauseMs = firstPauseMs;
  while (!signal.aborted) {
    const reason = await once(signal, () => {
      pauseMs = firstPauseMs;
    });
    if (signal.aborted) break;
    // Jitter, so that a restarted server is not asked by everybody in the same instant.
    const inMs = pauseMs * (0.5 + Math.random() / 2);
    pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    const since = link.value.state === 'away' ? link.value.since : serverNow();
    share({ kind: 'link', link: { state: 'away', since, retryAt: serverNow() + inMs, reason } });
    await pauseOrHurry(inMs, signal);
  }
  isHolder = false;
}

/** One connection, from its opening to its end; says why it ended. */
async function once(signal: AbortSignal, onOpen: () => void): Promise<string> {
  if (position === null) {
    const now = await api().environments({ limit: 1 }, { signal });
    if (!now.ok) return now.kind === 'problem' ? now.problem.code : now.reason;
    noteList(now.value.asOf);
  }
  const since: number = position ?? 0;
  const connection = new AbortController();
  const end = () => connection.abort();
  signal.addEventListener('abort', end, { once: true });
  try {
    for await (const item of api().stream({ since, rows: carried, signal: connection.signal })) {
      if (item.kind === 'open') {
        onOpen();
        share({ kind: 'opened', since });
      } else if (item.kind === 'event') share(item);
      else return item.kind === 'away' ? item.reason : item.refusal.problem.code;
    }
    return 'connection lost';
  } finally {
    end();
    signal.removeEventListener('abort', end);
  }
}

function pauseOrHurry(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      hurry = null;
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    hurry = done;
  });
}

function take(item: Item): void {
  if (item.kind === 'link') link.set(item.link);
  else if (item.kind === 'opened') takeOpened(item.since);
  else if (item.name === 'row') for (const { row } of listeners) row?.(item.data as RowChange);
  else if (item.name === 'known') for (const { known } of listeners) known?.(item.data as Known);
  else if (item.name === 'told') takeTold((item.data as { seq: number }).seq);
  else if (item.name === 'reset') reload(false);
  else if (item.id !== null) takeEvent(item.data as HistoryEvent, item.id);
}

function takeOpened(since: number): void {
  lastEvent = null;
  if (position !== null && since > position) {
    position = since;
    coveredFrom = since;
    reload(false);
  }
  coveredFrom ??= since;
}

/** All rows that have changed since are told: from here on each turn is told as it happens. */
function takeTold(seq: number): void {
  const wasBefore = position !== null && seq < position;
  position = seq;
  link.set({ state: 'live' });
  if (!wasBefore) return;
  coveredFrom = seq;
  reload(true);
}

function takeEvent(event: HistoryEvent, id: number): void {
  if (link.value.state === 'live') {
    heardTime(event.at);
    // The rows of a turn follow its events: only the next turn shows that they have all come.
    if (lastEvent !== null && lastEvent.at !== event.at) position = Math.max(position ?? 0, lastEvent.id);
    lastEvent = { id, at: event.at };
  }
  for (const listener of listeners) listener.event?.(event);
}

function reload(forget: boolean): void {
  for (const listener of listeners) listener.reload?.(forget);
}
