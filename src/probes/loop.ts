// The tries of one target, for all who wait for it. What always holds: there is at most one try at a time, begun when the budget
// of all targets has room for it; whoever waits is told
// of tries that began after they came, and of nothing more once they have stopped or were told `met` or `failed`; while nobody
// waits nothing is begun, and soon after the last one has gone nothing is left.

import type { Budget } from './budget.ts';
import type { Finding, Question, Standing } from './probe.ts';
import { jittered, nextPauseMs } from './schedule.ts';

/** How long a loop without anyone waits for somebody to come again, with the tries that it has counted. */
const lingerMs = 1_000;
/** However rarely the target is tried, who comes is not kept waiting for the first try for longer. */
const longestFirstPauseMs = 500;

interface Watcher {
  readonly successes: number;
  readonly invert: boolean;
  readonly tell: (standing: Standing) => void;
  /** The first try that counts. */
  readonly from: number;
  inARow: number;
}

export interface LoopSettings {
  readonly connectTimeoutMs: number;
  readonly intervalMs: number;
  readonly budget: Budget;
  /** Never throws, and ends soon after the signal has aborted. */
  readonly attempt: (signal: AbortSignal) => Promise<Finding>;
  readonly found: (finding: Finding) => void;
  /** The loop takes nobody any more; nothing is left of it when this resolves. */
  readonly ended: (gone: Promise<void>) => void;
}

export class Loop {
  readonly sinceAt = Date.now();
  readonly #settings: LoopSettings;
  readonly #watchers = new Set<Watcher>();
  #begun = 0;
  #tries = 0;
  #last: { readonly finding: Finding; readonly triedAt: number } | null = null;
  #pauseMs: number | null = null;
  /** By the monotonic clock. */
  #endedAt = 0;
  #dueAt = 0;
  #timer: NodeJS.Timeout | null = null;
  /** While it is due and waits for its turn. */
  #leaveLine: (() => void) | null = null;
  #linger: NodeJS.Timeout | null = null;
  #running: { readonly controller: AbortController; readonly done: Promise<void> } | null = null;
  #stopped = false;

  constructor(settings: LoopSettings) {
    this.#settings = settings;
  }

  get waiters(): number {
    return this.#watchers.size;
  }

  get tries(): number {
    return this.#tries;
  }

  get last(): { readonly finding: Finding; readonly triedAt: number } | null {
    return this.#last;
  }

  /** Tells how it stands after each try; returns how to stop. */
  join({ successes, invert }: Question, tell: (standing: Standing) => void): () => void {
    const watcher: Watcher = { successes, invert, tell, from: this.#begun + 1, inARow: 0 };
    this.#watchers.add(watcher);
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#linger = null;
    if (this.#begun > 0) this.#hastenFirst();
    this.#schedule();
    return () => this.#leave(watcher);
  }

  /** Somebody has come for whom no try has counted yet. */
  #hastenFirst(): void {
    this.#dueAt = Math.min(this.#dueAt, this.#endedAt + longestFirstPauseMs);
  }

  /** Calls off what is running, and tells nobody. */
  stop(): void {
    this.#stopped = true;
    this.#watchers.clear();
    this.#notDue();
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#running?.controller.abort();
    this.#settings.ended(this.#running?.done ?? Promise.resolve());
  }

  #leave(watcher: Watcher): void {
    if (!this.#watchers.delete(watcher) || this.#watchers.size > 0 || this.#stopped) return;
    this.#notDue();
    this.#linger = setTimeout(() => this.stop(), lingerMs).unref();
  }

  #schedule(): void {
    const isBusy = this.#running !== null || this.#leaveLine !== null;
    if (this.#stopped || isBusy || this.#watchers.size === 0) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#due(), Math.max(0, this.#dueAt - performance.now()));
  }

  #due(): void {
    this.#timer = null;
    this.#leaveLine = this.#settings.budget.enter(() => this.#begin());
  }

  #notDue(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#leaveLine?.();
    this.#timer = null;
    this.#leaveLine = null;
  }

  #begin(): void {
    this.#leaveLine = null;
    this.#begun += 1;
    const controller = new AbortController();
    this.#running = { controller, done: this.#try(this.#begun, controller) };
  }

  async #try(number: number, controller: AbortController): Promise<void> {
    const timer = setTimeout(() => controller.abort(), this.#settings.connectTimeoutMs);
    const finding = await this.#settings.attempt(controller.signal);
    clearTimeout(timer);
    this.#running = null;
    if (this.#stopped) return;
    this.#tries += 1;
    if (finding.state !== this.#last?.finding.state) this.#pauseMs = null;
    this.#pauseMs = nextPauseMs(this.#pauseMs, this.#settings.intervalMs);
    this.#endedAt = performance.now();
    this.#dueAt = this.#endedAt + jittered(this.#pauseMs, Math.random());
    if ([...this.#watchers].some(({ from }) => from > number)) this.#hastenFirst();
    this.#last = { finding, triedAt: Date.now() };
    this.#settings.found(finding);
    this.#tellAll(number, finding, this.#last.triedAt);
    this.#schedule();
  }

  #tellAll(number: number, finding: Finding, triedAt: number): void {
    const tries = this.#tries;
    for (const watcher of [...this.#watchers]) {
      // Whoever was told before may have stopped others.
      if (number < watcher.from || !this.#watchers.has(watcher)) continue;
      const state = judge(watcher, finding);
      if (state !== 'pending') this.#leave(watcher);
      watcher.tell({ state, detail: finding.detail, tries, triedAt });
    }
  }
}

function judge(watcher: Watcher, { state }: Finding): Standing['state'] {
  if (state === 'misconfigured') return 'failed';
  const counts = state === (watcher.invert ? 'down' : 'up');
  watcher.inARow = counts ? watcher.inARow + 1 : 0;
  return watcher.inARow >= Math.max(1, watcher.successes) ? 'met' : 'pending';
}
