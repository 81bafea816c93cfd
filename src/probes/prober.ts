// Asks the outside world whether it is ready, on behalf of all who wait. What always holds: one loop per target, credentials and
// options, however many wait for it; there are at most `maxTargets` loops, and they
// begin at most `maxTriesPerSecond` tries; what is not allowed is never connected to, neither
// when it is asked for nor when its name leads elsewhere later; after `close` nothing runs.

import { type Refusal, refuse } from '../core/errors.ts';
import type { ProbeKind, ProbeTarget } from '../core/meet/target.ts';
import type { Allowed, Place } from './allowed.ts';
import { type Asked, attempt } from './attempt.ts';
import { Budget } from './budget.ts';
import { defaultOptions, type Kinds, kinds } from './kinds.ts';
import { Loop } from './loop.ts';
import type { Finding, ProbeOptions, Question, Standing } from './probe.ts';
import { type Lookup, Names } from './resolve.ts';

/** The PostgreSQL server that is configured: where targets without a host go, with its user. */
export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  readonly user: string | null;
  readonly password: string | null;
  readonly tls: boolean;
  /** TLS without looking at the certificate, as `sslmode=require` means it. */
  readonly insecure: boolean;
}

export interface ProberSettings {
  readonly allowed: Allowed;
  readonly postgres: PostgresServer | null;
  /** Default 1,000. */
  readonly maxTargets?: number;
  /** Of all targets together. Default 500. */
  readonly maxTriesPerSecond?: number;
  readonly lookup?: Lookup;
  readonly load?: Kinds;
}

/** A line of the list of what is being tried. */
export interface ProbedTarget {
  readonly text: string;
  readonly waiters: number;
  /** Wall time, milliseconds since 1970, as is `triedAt`. */
  readonly sinceAt: number;
  readonly tries: number;
  /** Of the last try; null before the first one. */
  readonly state: Finding['state'] | null;
  readonly detail: string | null;
  readonly triedAt: number | null;
}

export interface ProbeFigure {
  readonly kind: ProbeKind;
  readonly state: Finding['state'];
  readonly tries: number;
}

/** A name that takes longer is left to the loop. */
const admitResolvingMs = 2_000;
/** How often whoever found no room looks again. */
const roomMs = 250;
const full = 'too many targets are being tried';

export class Prober {
  readonly #allowed: Allowed;
  readonly #postgres: PostgresServer | null;
  readonly #maxTargets: number;
  readonly #budget: Budget;
  readonly #names: Names;
  readonly #kinds: Kinds;
  readonly #loops = new Map<string, { readonly loop: Loop; readonly text: string }>();
  readonly #figures = new Map<string, ProbeFigure>();
  /** Loops that were stopped in the middle of a try. */
  readonly #ending = new Set<Promise<void>>();
  /** Of those who wait for room. */
  readonly #queued = new Set<NodeJS.Timeout>();
  #closed = false;

  constructor(settings: ProberSettings) {
    const { allowed, postgres, maxTargets = 1_000, maxTriesPerSecond = 500, lookup, load = kinds } = settings;
    this.#allowed = allowed;
    this.#postgres = postgres;
    this.#maxTargets = maxTargets;
    this.#budget = new Budget(maxTriesPerSecond);
    this.#names = new Names(lookup);
    this.#kinds = load;
  }

  /** How many loops there are, those included that somebody has left within the last second. */
  get count(): number {
    return this.#loops.size;
  }

  /** Tries since the start. */
  get figures(): readonly ProbeFigure[] {
    return [...this.#figures.values()];
  }

  targets(): ProbedTarget[] {
    return [...this.#loops.values()].map(({ loop, text }) => ({
      ...{ text, waiters: loop.waiters, sinceAt: loop.sinceAt, tries: loop.tries },
      state: loop.last?.finding.state ?? null,
      detail: loop.last?.finding.detail ?? null,
      triedAt: loop.last?.triedAt ?? null,
    }));
  }

  /** Null: it may be waited for. A name that does not resolve yet is tried until it does. */
  async admit(target: ProbeTarget, options: ProbeOptions = defaultOptions(target.kind)): Promise<Refusal | null> {
    if (target.host === null && this.#postgres === null) return refuse('target_not_allowed', noPostgres);
    const refusal = await this.#judge(placeOf(target, this.#postgres));
    if (refusal !== null) return refusal;
    if (this.#loops.has(keyOf(target, options)) || this.#hasRoom()) return null;
    return refuse('too_many_waits', `${this.#maxTargets} targets are being tried already, and not one more fits.`);
  }

  /**
   * Tells how it stands after each try, until it is stopped by what this returns, or was told `met` or `failed`. It is never
   * told before this has returned. For a target that was admitted.
   */
  watch(question: Question, tell: (standing: Standing) => void): () => void {
    if (this.#closed) return () => undefined;
    const loop = this.#loopFor(question);
    return loop === null ? this.#watchLater(question, tell) : loop.join(question, tell);
  }

  /** Ends everything; nobody is told any more. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#queued) clearInterval(timer);
    for (const { loop } of [...this.#loops.values()]) loop.stop();
    await Promise.all(this.#ending);
  }

  async #judge(place: Place | null): Promise<Refusal | null> {
    if (place === null) return null;
    const early = this.#allowed.beforeResolving(place);
    if (early !== null) return early;
    const resolved = await this.#names.resolve(place.host, AbortSignal.timeout(admitResolvingMs));
    return resolved.ok ? this.#allowed.sort(place, resolved.addresses).refusal : null;
  }

  /** Of several that were admitted at once there may be room for some: the others wait for it, and it is no failure of theirs. */
  #watchLater(question: Question, tell: (standing: Standing) => void): () => void {
    let stop = (): void => {
      clearInterval(timer);
      this.#queued.delete(timer);
    };
    const timer = setInterval(() => {
      const loop = this.#loopFor(question);
      if (loop === null) return tell({ state: 'pending', detail: full, tries: 0, triedAt: Date.now() });
      stop();
      stop = loop.join(question, tell);
    }, roomMs);
    this.#queued.add(timer);
    return () => stop();
  }

  /** Null: there is no room. */
  #loopFor({ target, options }: Question): Loop | null {
    const key = keyOf(target, options);
    const running = this.#loops.get(key)?.loop;
    if (running !== undefined) return running;
    if (!this.#makeRoom()) return null;
    const asked = this.#ask(target, options);
    const loop = new Loop({
      ...{ connectTimeoutMs: options.connectTimeoutMs, intervalMs: options.intervalMs, budget: this.#budget },
      attempt: (signal) => attempt(asked, this.#names, this.#allowed, signal),
      found: ({ state }) => this.#count(target.kind, state),
      ended: (gone) => {
        this.#loops.delete(key);
        this.#ending.add(gone);
        void gone.then(() => this.#ending.delete(gone));
      },
    });
    this.#loops.set(key, { loop, text: target.text });
    return loop;
  }

  #ask(target: ProbeTarget, options: ProbeOptions): Asked {
    const [place, load] = [placeOf(target, this.#postgres), this.#kinds[target.kind]];
    if (target.host !== null || this.#postgres === null) return { target, options, place, load };
    const insecure = options.insecure || this.#postgres.insecure;
    return { target: filledIn(target, this.#postgres), options: { ...options, insecure }, place, load };
  }

  #hasRoom(): boolean {
    return this.#loops.size < this.#maxTargets || this.#left() !== undefined;
  }

  #makeRoom(): boolean {
    if (this.#loops.size >= this.#maxTargets) this.#left()?.stop();
    return this.#loops.size < this.#maxTargets;
  }

  /** A loop that nobody waits for any more. */
  #left(): Loop | undefined {
    for (const { loop } of this.#loops.values()) if (loop.waiters === 0) return loop;
    return undefined;
  }

  #count(kind: ProbeKind, state: Finding['state']): void {
    const key = `${kind} ${state}`;
    this.#figures.set(key, { kind, state, tries: (this.#figures.get(key)?.tries ?? 0) + 1 });
  }
}

const noPostgres = 'This server has no PostgreSQL server of its own (--postgresURL): write postgres://HOST/NAME.';

/** Two questions are the same one when nothing that the probe sees differs. In memory only: it holds the password. */
export function keyOf(target: ProbeTarget, options: ProbeOptions): string {
  const { kind, host, port, tls, user, password, resource } = target;
  const { connectTimeoutMs, intervalMs, status, contains, insecure } = options;
  return JSON.stringify([
    ...[kind, host, port, tls, user, password, resource],
    ...[connectTimeoutMs, intervalMs, status, contains, insecure],
  ]);
}

/** Where the target is; null: it is connected to nowhere. */
function placeOf({ kind, host, port, text }: ProbeTarget, postgres: PostgresServer | null): Place | null {
  if (kind === 'dns') return null;
  if (host !== null) return { host, port: port ?? 0, text, configured: false };
  return { host: postgres?.host ?? '', port: postgres?.port ?? 0, text, configured: true };
}

function filledIn(target: ProbeTarget, { host, port, user, password, tls }: PostgresServer): ProbeTarget {
  return { ...target, host, port, tls, user, password };
}
