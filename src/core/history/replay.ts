// What the waits would have been with more slots: the same requests, which hold for as long as they did, granted in the same order
// as they were. So nobody waits longer than in truth, and what comes out is rather too little than too much. Requests that gave
// up are left out, as in truth they took no slot. One that waited for other environments too may get this one earlier than it
// could have used it.

import type { Closure, Step } from './closures.ts';
import { Heap } from './heap.ts';
import type { Timeline } from './timeline.ts';

/** Milliseconds that each request of the window would have waited, in the order of the grants. */
export function waitsWith({ spans, capacity, closures, from }: Timeline, more: number): number[] {
  const waits: number[] = [];
  const ends = new Heap();
  const room = capacityIn(capacity);
  const open = openIn(closures);
  let at = Number.NEGATIVE_INFINITY;
  for (const { from: granted, freedAt, waitedMs } of spans) {
    const end = freedAt ?? Number.POSITIVE_INFINITY;
    // Held already when the window began, or nothing is known of its wait.
    if (granted < from || waitedMs === null) {
      ends.add(end);
      continue;
    }
    at = Math.max(at, granted - waitedMs);
    while (at < granted) {
      while (ends.least <= at) ends.take();
      const opens = open(at);
      const { value, until } = room(at);
      if (opens > at) at = opens;
      else if (ends.size < value + more) break;
      else at = Math.min(ends.least, until);
    }
    at = Math.min(at, granted);
    waits.push(at - (granted - waitedMs));
    ends.add(at + (end - granted));
  }
  return waits;
}

/** The capacity at a time, and until when; to be asked with times that never go back. */
function capacityIn(steps: readonly Step<number>[]): (at: number) => { value: number; until: number } {
  let i = 0;
  return (at) => {
    while ((steps[i + 1]?.at ?? Number.POSITIVE_INFINITY) <= at) i++;
    return { value: steps[i]?.value ?? 0, until: steps[i + 1]?.at ?? Number.POSITIVE_INFINITY };
  };
}

/** The first time from this one on at which it is not closed; infinite where it stays closed. To be asked as above. */
function openIn(closures: readonly Closure[]): (at: number) => number {
  let i = 0;
  let until = Number.NEGATIVE_INFINITY;
  return (at) => {
    let open = Math.max(at, until);
    for (; i < closures.length && (closures[i] as Closure).from <= open; i++) {
      until = Math.max(until, (closures[i] as Closure).to ?? Number.POSITIVE_INFINITY);
      open = Math.max(open, until);
    }
    return open;
  };
}
