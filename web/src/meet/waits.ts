// Who waits for what, what was waited for in vain, and what is being tried: the stream does not carry it, so it is asked for while
// somebody looks, and at once when a signal or a barrier changes.
//
// Must always hold: one question at a time; the last good answer stays while a newer one is asked for or fails.

import type { Failure, Outcome } from '../../../src/client/outcome.ts';
import type { OpenWait, WaitList } from '../../../src/client/types.ts';
import { person } from '../access.ts';
import { api } from '../api.ts';
import { Cell } from '../cell.ts';
import { listen } from '../live/feed.ts';
import { type Waits, waitsOf } from './waiting.ts';

const everyMs = 3_000;
const soonMs = 100;
const pageSize = 500;
/** Of so many waits at once a person reads the first; whoever needs all asks the API. */
const pagesAtMost = 8;

export const waits = new Cell<Waits | null>(null);
export const waitsFailure = new Cell<Failure | null>(null);

let askNow: (() => void) | null = null;

export function askWaitsAgain(): void {
  askNow?.();
}

/** Asks until what it returns is called. `onAnswer`: after each good answer. */
export function watchWaits(onAnswer: () => void): () => void {
  let stop = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isAsking = false;
  let isWanted = false;
  const later = (ms: number) => {
    clearTimeout(timer);
    timer = setTimeout(() => void ask(), ms);
  };
  const ask = async (): Promise<void> => {
    if (isAsking) {
      isWanted = true;
      return;
    }
    if (document.hidden || person.value === null) return;
    isAsking = true;
    const { signal } = stop;
    const answer = await allWaits(signal);
    isAsking = false;
    if (signal.aborted) return;
    if (answer.ok) {
      waits.set(waitsOf(answer.value, waits.value));
      waitsFailure.set(null);
      onAnswer();
    } else waitsFailure.set(answer);
    later(isWanted ? soonMs : everyMs);
    isWanted = false;
  };
  const soon = () => later(soonMs);
  const stops = [
    listen({
      event: ({ kind }) => {
        if (/^(?:signal|barrier)\./.test(kind)) soon();
      },
      reload: soon,
    }),
    person.watch(() => {
      stop.abort();
      stop = new AbortController();
      isAsking = false;
      waits.set(null);
      soon();
    }),
  ];
  document.addEventListener('visibilitychange', soon);
  askNow = () => void ask();
  void ask();
  return () => {
    stop.abort();
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', soon);
    for (const end of stops) end();
    askNow = null;
  };
}

async function allWaits(signal: AbortSignal): Promise<Outcome<WaitList>> {
  let first: WaitList | null = null;
  const items: OpenWait[] = [];
  let cursor: string | null = null;
  for (let page = 0; ; page++) {
    const answer: Outcome<WaitList> = await api().waits({ limit: pageSize, ...(cursor && { cursor }) }, { signal });
    if (!answer.ok) return answer;
    first ??= answer.value;
    items.push(...answer.value.items);
    cursor = answer.value.next;
    if (cursor === null || page + 1 >= pagesAtMost) return { ...answer, value: { ...first, items, next: cursor } };
  }
}
