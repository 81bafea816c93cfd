// The queue of an environment, kept true. Places, estimates and what is in the way change without a change of the lease itself, so
// the list is asked for anew whenever something that it shows has changed.
//
// Must always hold: one request at a time, and one more after the last change; what was shown stays until the next answer.

import { useEffect, useState } from 'preact/hooks';
import type { Failure } from '../../../src/client/outcome.ts';
import type { Lease, Page } from '../../../src/client/types.ts';
import { person } from '../access.ts';
import { api } from '../api.ts';
import { useCell } from '../cell.ts';
import { heardTime } from '../clock.ts';
import { listen } from '../live/feed.ts';

export const firstAsked = 100;
export const mostAsked = 500;
const pauseMs = 300;
/** Estimates grow old by themselves. */
const oldAfterMs = 30_000;

export interface QueueList {
  /** In the order of the queue; null: not known yet. */
  readonly leases: readonly Lease[] | null;
  readonly hasMore: boolean;
  /** When the estimates were made, by the server's clock. */
  readonly at: number;
  readonly failure: Failure | null;
  readonly again: () => void;
}

export function useQueue(name: string, limit: number): QueueList {
  const who = useCell(person);
  const [page, setPage] = useState<Page<Lease> | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [again, setAgain] = useState<() => void>(() => () => undefined);
  useEffect(() => {
    const stop = new AbortController();
    const about = new Set([name]);
    let isAsking = false;
    let isWanted = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      clearTimeout(timer);
      isAsking = true;
      isWanted = false;
      const answer = await api().leases({ environment: name, state: 'waiting', limit }, { signal: stop.signal });
      if (stop.signal.aborted) return;
      isAsking = false;
      setFailure(answer.ok ? null : answer);
      if (answer.ok) {
        heardTime(answer.value.asOf.at);
        setPage(answer.value);
        note(about, name, answer.value.items);
      }
      timer = setTimeout(later, isWanted ? pauseMs : oldAfterMs);
    };
    const later = () => (document.hidden ? undefined : void ask());
    const want = () => {
      if (isAsking) isWanted = true;
      else if (!isWanted) {
        isWanted = true;
        clearTimeout(timer);
        timer = setTimeout(() => void ask(), pauseMs);
      }
    };
    const stopListening = listen({
      row: ({ kind, id }) => {
        if ((kind === 'environments' || kind === 'leases') && about.has(id)) want();
      },
      reload: want,
    });
    const shown = () => document.hidden || want();
    document.addEventListener('visibilitychange', shown);
    setAgain(() => () => void ask());
    void ask();
    return () => {
      stop.abort();
      clearTimeout(timer);
      stopListening();
      document.removeEventListener('visibilitychange', shown);
    };
  }, [name, limit, who]);
  return {
    leases: page?.items ?? null,
    hasMore: page?.next != null,
    at: page === null ? 0 : Date.parse(page.asOf.at),
    failure,
    again,
  };
}

/** What the list shows, and so what it changes with. */
function note(about: Set<string>, name: string, leases: readonly Lease[]): void {
  about.clear();
  about.add(name);
  for (const { id, blockedBy, wants } of leases) {
    about.add(id);
    for (const { environment } of blockedBy) if (environment !== null) about.add(environment);
    for (const want of wants) if ('environment' in want) about.add(want.environment);
  }
}
