// How many tries all targets together may have in a second. What always holds: whoever finds no room stands in line and is let go
// on in the order of coming, so that under load all pauses grow alike and nobody is left out; who leaves the line costs nothing.

/** So much of a second's tries may begin in one moment. */
const atOnceShare = 0.1;

export class Budget {
  readonly #everyMs: number;
  readonly #atOnceMs: number;
  readonly #line = new Set<() => void>();
  #timer: NodeJS.Timeout | null = null;
  /** By the monotonic clock: up to when tries are spoken for; in the past by `atOnceMs` at most. */
  #spentUntil = Number.NEGATIVE_INFINITY;

  constructor(triesPerSecond: number) {
    this.#everyMs = 1_000 / triesPerSecond;
    this.#atOnceMs = Math.max(this.#everyMs, 1_000 * atOnceShare);
  }

  /** Calls back when there is room for one more try: null = at once, before this returned; else how to leave the line. */
  enter(begin: () => void): (() => void) | null {
    if (this.#line.size === 0 && this.#spend()) {
      begin();
      return null;
    }
    // One of its own for each, so that nobody is mistaken for another.
    const place = (): void => begin();
    this.#line.add(place);
    this.#wake();
    return () => {
      this.#line.delete(place);
      if (this.#line.size > 0 || this.#timer === null) return;
      clearTimeout(this.#timer);
      this.#timer = null;
    };
  }

  #spend(): boolean {
    const now = performance.now();
    const from = Math.max(this.#spentUntil, now - this.#atOnceMs);
    if (from + this.#everyMs > now) return false;
    this.#spentUntil = from + this.#everyMs;
    return true;
  }

  #wake(): void {
    if (this.#timer !== null || this.#line.size === 0) return;
    const waitMs = this.#spentUntil + this.#everyMs - performance.now();
    this.#timer = setTimeout(() => this.#letOn(), Math.max(1, Math.ceil(waitMs)));
  }

  #letOn(): void {
    this.#timer = null;
    for (const place of this.#line) {
      if (!this.#spend()) break;
      this.#line.delete(place);
      place();
    }
    this.#wake();
  }
}
