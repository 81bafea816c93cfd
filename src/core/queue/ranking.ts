// A list in order of rank: highest level first, then who came first. What always holds: joining at the end, leaving and
// asking for the first cost the same however many there are.

export interface Linked<T> {
  previous: T | null;
  next: T | null;
}

/** Those of one level (priority), as a linked list. */
interface Bucket<T> {
  readonly level: number;
  head: T | null;
  tail: T | null;
  count: number;
}

/** How far a place is counted exactly; beyond that it is an estimate (see `placeOf`). */
const countedSteps = 256;

export class Ranking<T extends Linked<T>> {
  count = 0;
  readonly #levelOf: (item: T) => number;
  readonly #ranksBefore: (a: T, b: T) => boolean;
  /** Highest level first; few, as there are few priorities. */
  readonly #buckets: Bucket<T>[] = [];

  constructor(levelOf: (item: T) => number, ranksBefore: (a: T, b: T) => boolean) {
    this.#levelOf = levelOf;
    this.#ranksBefore = ranksBefore;
  }

  join(item: T): void {
    const bucket = this.#bucket(item);
    // Arrivals go behind the tail; who was pushed out belongs near the head, so the place is sought from there.
    let after = bucket.tail;
    if (after !== null && this.#ranksBefore(item, after)) {
      after = null;
      for (let at = bucket.head; at !== null && this.#ranksBefore(at, item); at = at.next) after = at;
    }
    item.previous = after;
    item.next = after === null ? bucket.head : after.next;
    if (item.next === null) bucket.tail = item;
    else item.next.previous = item;
    if (after === null) bucket.head = item;
    else after.next = item;
    bucket.count++;
    this.count++;
  }

  leave(item: T): void {
    const bucket = this.#bucket(item);
    if (item.previous === null) bucket.head = item.next;
    else item.previous.next = item.next;
    if (item.next === null) bucket.tail = item.previous;
    else item.next.previous = item.previous;
    item.previous = null;
    item.next = null;
    bucket.count--;
    this.count--;
    if (bucket.head === null) this.#buckets.splice(this.#buckets.indexOf(bucket), 1);
  }

  *[Symbol.iterator](): Generator<T> {
    for (const bucket of this.#buckets) for (let item = bucket.head; item !== null; item = item.next) yield item;
  }

  /** Who came first in each level. */
  *heads(): Generator<T> {
    for (const { head } of this.#buckets) if (head !== null) yield head;
  }

  /** The first that passes the test, or null; at most `bound` are looked at. */
  first(passes: (item: T) => boolean, bound = Number.POSITIVE_INFINITY): T | null {
    let looked = 0;
    for (const bucket of this.#buckets) {
      for (let item = bucket.head; item !== null; item = item.next) {
        if (passes(item)) return item;
        if (++looked >= bound) return null;
      }
    }
    return null;
  }

  /**
   * Place of one that is in the list, from 1. Exact within 256 of the head or the tail of its level; between them the
   * middle of what is possible, so that asking costs the same however many there are.
   */
  placeOf(item: T): number {
    let ahead = 0;
    for (const bucket of this.#buckets) {
      if (bucket.level !== this.#levelOf(item)) {
        ahead += bucket.count;
        continue;
      }
      let back = item.previous;
      let on = item.next;
      for (let steps = 0; steps < countedSteps; steps++) {
        if (back === null) return ahead + steps + 1;
        if (on === null) return ahead + bucket.count - steps;
        back = back.previous;
        on = on.next;
      }
      return ahead + Math.floor(bucket.count / 2);
    }
    return ahead + 1;
  }

  #bucket(item: T): Bucket<T> {
    const level = this.#levelOf(item);
    let at = 0;
    for (; at < this.#buckets.length; at++) {
      const bucket = this.#buckets[at] as Bucket<T>;
      if (bucket.level === level) return bucket;
      if (bucket.level < level) break;
    }
    const made: Bucket<T> = { level, head: null, tail: null, count: 0 };
    this.#buckets.splice(at, 0, made);
    return made;
  }
}
