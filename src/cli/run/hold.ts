// Keeps the lease while the child runs: renews it, sees that it was taken away, and tells when the child has to stop
// (docs/run.md, "Timing").
//
// Modes: renewing (sleep until `renewAt`, ask, and each second again until it is answered) and beside it following (a long poll
// that returns when somebody takes the lease away) and watching the clocks. It ends with one `onLost`, or by `stop`.
// Must always hold: deadlines count from before the last *acknowledged* renewal was sent; only an acknowledgement moves them;
// an answer that is not from Signalbox is no answer.

import type { Client } from '../../client/client.ts';
import { type Failure, failureWords } from '../../client/outcome.ts';
import { pause } from '../../client/pause.ts';
import type { Lease } from '../../client/types.ts';
import type { Loss } from '../speech/events.ts';
import { type Clock, elapsed, type Instant, instant, jumped } from './clock.ts';
import { follow } from './follow.ts';
import { lossOf } from './loss.ts';
import { leaseMs, type Schedule, schedule, stopMs } from './timing.ts';

export interface HoldOptions {
  readonly client: Client;
  readonly id: string;
  readonly secret: string | null;
  readonly ttlMs: number;
  readonly ci: boolean;
  readonly killAfterMs: number | null;
  readonly pollSeconds: number;
  readonly clock: Clock;
  /** At each acknowledged renewal, with the instants on the monotonic clock. Arm the watchdog here. */
  readonly onRenewed: (schedule: Schedule, lease: Lease) => void;
  readonly onFailing: (reason: string, stopAtMs: number) => void;
  readonly onRenewedAgain: (failingMs: number) => void;
  /** `atOnce`: no time is left for the child to stop by itself. */
  readonly onLost: (loss: Loss, atOnce: boolean) => void;
}

const tickMs = 500;
const retryMs = 1000;
const lateMs = 1000;

export class Hold {
  readonly #options: HoldOptions;
  readonly #over = new AbortController();
  #renewal: { readonly sent: Instant; readonly leaseMs: number } | null = null;
  #schedule: Schedule | null = null;
  /** The longest lease seen: what the stop time is a quarter of, so that it does not shrink as `--max-hold` comes near. */
  #longestMs = 0;
  #failingSinceMs: number | null = null;
  #saidFailing = false;
  #lastFailure = 'no answer';
  #termTimer: NodeJS.Timeout | null = null;
  #tickTimer: NodeJS.Timeout | null = null;
  #lastTick: Instant;
  #wake: AbortController = new AbortController();

  constructor(options: HoldOptions) {
    this.#options = options;
    this.#lastTick = instant(options.clock);
  }

  get stopMs(): number {
    return stopMs(this.#longestMs, this.#options);
  }

  /** The instant before which the child must be dead. */
  get killAt(): number {
    return this.#schedule?.killAt ?? Number.NEGATIVE_INFINITY;
  }

  /** The earliest instant at which the server could let anyone else in. */
  get endsAt(): number {
    return this.#renewal === null ? Number.NEGATIVE_INFINITY : this.#renewal.sent.monotonicMs + this.#renewal.leaseMs;
  }

  /** How long ago the last acknowledged renewal was sent, sleep of the machine included. */
  get sinceRenewalMs(): number {
    if (this.#renewal === null) return 0;
    return elapsed(this.#renewal.sent, instant(this.#options.clock)).perhapsMs;
  }

  /** Whether it should have been renewed again by now. */
  get isDue(): boolean {
    if (this.#renewal === null) return true;
    return elapsed(this.#renewal.sent, instant(this.#options.clock)).surelyMs >= this.#renewal.leaseMs / 4;
  }

  /** How long until anybody else could be let in; negative: it is past. */
  get spareMs(): number {
    if (this.#renewal === null) return 0;
    return this.#renewal.leaseMs - elapsed(this.#renewal.sent, instant(this.#options.clock)).surelyMs;
  }

  /** The renewal before the child starts. null: acknowledged; else why the lease cannot be used. */
  async first(deadlineMs: number): Promise<Failure | null> {
    for (;;) {
      const failure = await this.#renewOnce(Math.min(5000, this.#options.ttlMs / 8));
      if (failure === null) return null;
      const left = deadlineMs - this.#options.clock.monotonicMs();
      if (lossOf(failure) !== null || left <= retryMs || this.#over.signal.aborted) return failure;
      await pause(retryMs, this.#over.signal);
    }
  }

  start(seq: number): void {
    this.#lastTick = instant(this.#options.clock);
    this.#tickTimer = setInterval(() => this.#tick(), tickMs);
    void this.#keepRenewing();
    const { client, id, secret, pollSeconds } = this.#options;
    void follow(client, { id, secret, pollSeconds, after: seq, signal: this.#over.signal }, (loss) => this.#lose(loss));
  }

  stop(): void {
    this.#over.abort();
    if (this.#termTimer !== null) clearTimeout(this.#termTimer);
    if (this.#tickTimer !== null) clearInterval(this.#tickTimer);
  }

  async #keepRenewing(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#over.signal.aborted) {
      const plan = this.#schedule;
      if (plan === null) return;
      await this.#pauseUntil(plan.renewAt);
      while (!this.#over.signal.aborted) {
        const sentAt = clock.monotonicMs();
        const failure = await this.#renewOnce(plan.requestTimeoutMs);
        if (failure === null) break;
        if (this.#over.signal.aborted) return;
        const loss = lossOf(failure);
        if (loss !== null) return this.#lose(loss);
        this.#failed(failure, sentAt);
        await this.#pauseUntil(sentAt + retryMs);
      }
    }
  }

  /** null: acknowledged. */
  async #renewOnce(timeoutMs: number): Promise<Failure | null> {
    const { client, id, secret, clock, onRenewed, onRenewedAgain, ttlMs } = this.#options;
    const sent = instant(clock);
    const outcome = await client.renew(id, { secret, timeoutMs, signal: this.#over.signal });
    if (!outcome.ok) return outcome;
    const lease = outcome.value;
    // An answer to an older question than the last one that was acknowledged.
    if (this.#renewal !== null && sent.monotonicMs < this.#renewal.sent.monotonicMs) return null;
    const expiresInMs = lease.expiresInSeconds === null ? null : lease.expiresInSeconds * 1000;
    const sureMs = leaseMs(ttlMs, expiresInMs);
    this.#renewal = { sent, leaseMs: sureMs };
    this.#longestMs = Math.max(this.#longestMs, sureMs);
    const plan = schedule(sent.monotonicMs, sureMs, this.stopMs);
    this.#schedule = plan;
    if (this.#termTimer !== null) clearTimeout(this.#termTimer);
    this.#termTimer = setTimeout(() => this.#notRenewed(), Math.max(plan.termAt - clock.monotonicMs(), 0));
    onRenewed(plan, lease);
    if (this.#saidFailing && this.#failingSinceMs !== null) onRenewedAgain(clock.monotonicMs() - this.#failingSinceMs);
    this.#failingSinceMs = null;
    this.#saidFailing = false;
    return null;
  }

  #failed(failure: Failure, sentAtMs: number): void {
    this.#lastFailure = failureWords(failure);
    // One lost request is not worth a line in somebody's log; the second is.
    if (this.#failingSinceMs !== null && !this.#saidFailing && this.#schedule !== null) {
      this.#saidFailing = true;
      this.#options.onFailing(this.#lastFailure, this.#schedule.termAt);
    }
    this.#failingSinceMs ??= sentAtMs;
  }

  #notRenewed(): void {
    const now = this.#options.clock.monotonicMs();
    const sinceMs = this.sinceRenewalMs;
    // A timer that is this late tells that the whole process was stopped.
    const late = now - (this.#schedule?.termAt ?? 0) > lateMs;
    const unrenewed: Loss =
      this.#failingSinceMs === null ? { kind: 'max_hold' } : { kind: 'unrenewed', sinceMs, reason: this.#lastFailure };
    const loss: Loss = late ? { kind: 'asleep', sinceMs } : unrenewed;
    this.#lose(loss, now >= this.killAt);
  }

  /** Clocks that jumped: the machine slept, or the date was set, and only a renewal tells whether the lease is still ours. */
  #tick(): void {
    const now = instant(this.#options.clock);
    const hasJumped = jumped(this.#lastTick, now);
    this.#lastTick = now;
    if (this.#renewal === null || this.#schedule === null) return;
    const sinceRenewal = elapsed(this.#renewal.sent, now);
    const allowedMs = this.#schedule.killAt - this.#renewal.sent.monotonicMs;
    if (sinceRenewal.surelyMs >= allowedMs) this.#lose({ kind: 'asleep', sinceMs: sinceRenewal.surelyMs }, true);
    else if (hasJumped) void this.#afterJump(sinceRenewal.perhapsMs >= allowedMs);
  }

  async #afterJump(perhapsTooLate: boolean): Promise<void> {
    // The date alone says that it is too late: it may have been set, so the server is asked, but only briefly.
    const failure = await this.#renewOnce(perhapsTooLate ? 1000 : (this.#schedule?.requestTimeoutMs ?? 1000));
    if (failure === null || this.#over.signal.aborted) return;
    const loss = lossOf(failure);
    if (loss !== null) this.#lose(loss, true);
    else if (perhapsTooLate) this.#lose({ kind: 'asleep', sinceMs: this.sinceRenewalMs }, true);
    else this.#wake.abort();
  }

  #lose(loss: Loss, atOnce = false): void {
    if (this.#over.signal.aborted) return;
    this.stop();
    this.#options.onLost(loss, atOnce);
  }

  async #pauseUntil(atMs: number): Promise<void> {
    const signal = AbortSignal.any([this.#over.signal, this.#wake.signal]);
    await pause(atMs - this.#options.clock.monotonicMs(), signal);
    if (this.#wake.signal.aborted) this.#wake = new AbortController();
  }
}
