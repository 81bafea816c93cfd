// The second half of a run: the child runs while the lease is ours, and is stopped before anyone else is let in. Numbers in the
// comments are the rules of docs/run.md.
//
// Modes: preparing (first renewal, watchdog) → running (child alive, lease renewed) → stopping (TERM or KILL sent) → emptying
// (the child ended, what it left is stopped) → over.
// Must always hold: the child runs only while a watchdog is armed; after a loss nothing of the child is alive when this returns,
// or the answer says so; `lost` is said only when the lease was lost before the child ended.

import type { Client } from '../../client/client.ts';
import type { Failure } from '../../client/outcome.ts';
import { pause } from '../../client/pause.ts';
import type { Lease } from '../../client/types.ts';
import type { Loss, RunEvent, StopCause } from '../speech/events.ts';
import { type Child, type ChildEnd, type Started, startInSession, startOnTerminal, type ToStart } from './child.ts';
import type { Clock } from './clock.ts';
import { Hold } from './hold.ts';
import { lossOf } from './loss.ts';
import type { RunPlan } from './plan.ts';
import { countRun } from './processes.ts';
import type { StopRequests } from './stop-requests.ts';
import { Stopper } from './stopper.ts';
import { Watchdog } from './watchdog.ts';

export interface LeaseDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly stops: StopRequests;
  readonly env: NodeJS.ProcessEnv;
  readonly tell: (event: RunEvent) => void;
  /** The shell to hand the terminal to the child with; null: there is no terminal for it. */
  readonly terminalShell: string | null;
  /** false: standard input is a terminal that belongs to somebody else at the moment (we run in its background). */
  readonly keepStdin: boolean;
  /** Whether somebody may press Ctrl-C repeatedly. */
  readonly keyboard: boolean;
}

export type UnderLease =
  | { readonly kind: 'ran'; readonly end: ChildEnd; readonly stoppedFor: StopCause | null; readonly killed: boolean }
  | { readonly kind: 'lost'; readonly loss: Loss; readonly end: ChildEnd | null; readonly emptied: boolean }
  | { readonly kind: 'not_started'; readonly exitCode: 69 | 126 | 127; readonly why: string }
  /** A signal came before the child was started. */
  | { readonly kind: 'stopped_before' };

const termAfterIntMs = 2000;
const leftoverGraceMs = 1000;
const unkillableMs = 5000;

export class LeaseRun {
  readonly #plan: RunPlan;
  readonly #deps: LeaseDeps;
  readonly #lease: Lease;
  readonly #hold: Hold;
  readonly #watchdog = new Watchdog();
  readonly #grantedAtMs: number;
  #watchdogArmed = false;
  #stopper: Stopper | null = null;
  #end: ChildEnd | null = null;
  #loss: Loss | null = null;
  /** Lost while the child was being started. */
  #earlyLoss: [Loss, boolean] | null = null;
  #stoppedFor: StopCause | null = null;
  #keyboardInterrupts = 0;

  constructor(plan: RunPlan, lease: Lease, secret: string | null, deps: LeaseDeps) {
    this.#plan = plan;
    this.#deps = deps;
    this.#lease = lease;
    this.#grantedAtMs = deps.clock.monotonicMs();
    this.#hold = new Hold({
      client: deps.client,
      id: lease.id,
      secret,
      ttlMs: plan.ttlMs,
      ci: plan.ci,
      killAfterMs: plan.killAfterMs,
      pollSeconds: plan.pollSeconds,
      clock: deps.clock,
      onRenewed: (schedule, renewed) => {
        this.#watchdogArmed = this.#watchdog.arm(schedule.killAt - deps.clock.monotonicMs());
        deps.tell({ kind: 'renewed', expiresInMs: (renewed.expiresInSeconds ?? 0) * 1000 });
      },
      onFailing: (reason, stopAtMs) =>
        deps.tell({ kind: 'renewal_failing', reason, stopInMs: stopAtMs - deps.clock.monotonicMs() }),
      onRenewedAgain: (failingMs) => deps.tell({ kind: 'renewed_again', failingMs }),
      onLost: (loss, atOnce) => void this.#lost(loss, atOnce),
    });
  }

  get heldMs(): number {
    return this.#deps.clock.monotonicMs() - this.#grantedAtMs;
  }

  /** How long until the lease ends by itself when it cannot be released. */
  get endsInMs(): number {
    return this.#hold.endsAt - this.#deps.clock.monotonicMs();
  }

  /** Resolves when nothing of the child runs any more; then the lease may be released. `announce`: just before the start. */
  async run(announce: () => void): Promise<UnderLease> {
    try {
      return await this.#run(announce);
    } finally {
      this.#hold.stop();
      this.#stopper?.done();
      this.#watchdog.disarm();
    }
  }

  async #run(announce: () => void): Promise<UnderLease> {
    const { clock, stops } = this.#deps;
    // Rule 1: one renewal before the child starts, so that a grant which nobody keeps any more starts nothing. And one more when
    // this process was stopped between the two.
    do {
      const failure = await this.#hold.first(clock.monotonicMs() + Math.min(this.#plan.ttlMs / 2, 30_000));
      if (failure !== null) return this.#notRenewed(failure);
    } while (this.#hold.isDue);
    if (!this.#watchdogArmed) {
      return { kind: 'not_started', exitCode: 126, why: 'the watchdog needs /bin/sh, which cannot be started' };
    }
    if (stops.first !== null) return { kind: 'stopped_before' };
    announce();
    const started = await this.#start();
    if (started.kind === 'failed') return { kind: 'not_started', exitCode: started.exitCode, why: started.why };
    return this.#running(started.child);
  }

  #notRenewed(failure: Failure): UnderLease {
    const loss = lossOf(failure);
    if (loss === null)
      return { kind: 'not_started', exitCode: 69, why: 'the lease could not be renewed before the start' };
    this.#noteLoss(loss);
    return { kind: 'lost', loss, end: null, emptied: true };
  }

  async #start(): Promise<Started> {
    const { tell, env, terminalShell, keepStdin } = this.#deps;
    const toStart: ToStart = {
      command: this.#plan.command,
      env: childEnvironment(env, this.#lease),
      keepStdin,
      guard: (target) => this.#watchdog.guard(target),
      onKeyboardInterrupt: () => this.#keyboardInterrupt(),
      onPaused: () => tell({ kind: 'not_suspended' }),
    };
    const onTerminal = terminalShell === null ? null : await startOnTerminal(toStart, terminalShell);
    return onTerminal ?? startInSession(toStart);
  }

  async #running(child: Child): Promise<UnderLease> {
    const { clock, stops } = this.#deps;
    this.#stopper = new Stopper(child.processes, clock.monotonicMs);
    this.#hold.start(this.#lease.seq);
    if (this.#earlyLoss !== null) void this.#lost(...this.#earlyLoss);
    stops.listen((cause) => this.#stopRequested(cause));
    const end = await child.ended;
    this.#end = end;
    const killed = end.signal === 'SIGKILL' || end.code === 137;
    const killedByUs = killed && this.#stopper.sent.includes('KILL');
    // The watchdog did it while this process was stopped: nobody had noticed the loss yet.
    if (this.#loss === null && killed && !killedByUs && clock.monotonicMs() >= this.#hold.killAt) {
      this.#noteLoss({ kind: 'asleep', sinceMs: this.#hold.sinceRenewalMs });
    }
    const emptied = await this.#empty(child, this.#stopper);
    if (this.#loss !== null) {
      this.#tellStopped(this.#stopper);
      return { kind: 'lost', loss: this.#loss, end, emptied };
    }
    return { kind: 'ran', end, stoppedFor: this.#stoppedFor, killed: killedByUs };
  }

  /** Rule 7: TERM, then KILL what is left of the group. False: something does not end. */
  async #empty(child: Child, stopper: Stopper): Promise<boolean> {
    const { clock, tell } = this.#deps;
    const alone = () => this.#loss === null && stopper.sent.length === 0;
    if (this.#plan.leave && this.#loss === null) return true;
    const endedAtMs = clock.monotonicMs();
    let count = countRun(child.processes);
    // `> >(tee log)` outlives its script by a moment, and is not worth a TERM.
    while (count > 0 && alone() && clock.monotonicMs() - endedAtMs < leftoverGraceMs) {
      await pause(20);
      count = countRun(child.processes);
    }
    if (count === 0) return true;
    const wasAlone = alone();
    const foundCount = count;
    const killAtMs = Math.min(clock.monotonicMs() + this.#hold.stopMs, this.#hold.killAt);
    // Nothing was sent though it is lost: the watchdog was there first. Else what got a TERM keeps the time that it was given.
    if (this.#loss !== null && stopper.sent.length === 0) stopper.kill();
    else stopper.terminate(killAtMs);
    const giveUpAtMs = Math.max(killAtMs, clock.monotonicMs()) + unkillableMs;
    while (count > 0 && clock.monotonicMs() < giveUpAtMs) {
      await pause(50);
      count = countRun(child.processes);
      if (stopper.sent.includes('KILL')) stopper.kill();
    }
    if (wasAlone || count > 0) {
      tell({ kind: 'leftovers', count: count > 0 ? count : foundCount, killed: count === 0 });
    }
    return count === 0;
  }

  /** Rules 3, 5 and 6. */
  async #lost(loss: Loss, atOnce: boolean): Promise<void> {
    const stopper = this.#stopper;
    if (stopper === null) {
      this.#earlyLoss = [loss, atOnce];
      return;
    }
    // The child's end may wait in the event loop behind the timer that brought us here: after a SIGCONT all comes at once.
    await nextTurn();
    await nextTurn();
    if (this.#end !== null || this.#loss !== null) return;
    const { clock } = this.#deps;
    this.#noteLoss(loss);
    const now = clock.monotonicMs();
    if (atOnce || now >= this.#hold.killAt) stopper.kill();
    else stopper.terminate(Math.min(now + this.#hold.stopMs, this.#hold.killAt));
  }

  #noteLoss(loss: Loss): void {
    this.#loss = loss;
    this.#deps.tell({ kind: 'lost', loss, heldMs: this.heldMs });
  }

  #tellStopped(stopper: Stopper): void {
    const { clock, tell } = this.#deps;
    const now = clock.monotonicMs();
    const tookMs = stopper.firstAtMs === null ? 0 : now - stopper.firstAtMs;
    tell({ kind: 'stopped', stopping: { sent: stopper.sent, tookMs, spareMs: this.#spareMs() } });
  }

  /** null: the lease had ended before we knew. */
  #spareMs(): number | null {
    const loss = this.#loss;
    const endedBefore = loss?.kind === 'ended' || loss?.kind === 'unknown' || (loss?.kind === 'revoked' && loss.ended);
    return endedBefore ? null : this.#hold.spareMs;
  }

  /** Rule 8. */
  #stopRequested(cause: StopCause): void {
    const stopper = this.#stopper;
    const { clock, tell, keyboard } = this.#deps;
    if (stopper === null || this.#end !== null) return;
    const first = this.#stoppedFor === null;
    this.#stoppedFor ??= cause;
    const termSent = stopper.sent.includes('TERM');
    if (cause === 'SIGINT' && first) {
      tell({ kind: 'passed_on', cause, signal: 'INT' });
      stopper.interrupt(termAfterIntMs, this.#hold.stopMs);
    } else if (cause === 'SIGINT' && !keyboard) {
      // A runner may repeat its INT; only a person means more by it.
    } else if (cause === 'SIGINT' && termSent) {
      stopper.kill();
    } else {
      if (!termSent) tell({ kind: 'passed_on', cause, signal: 'TERM' });
      stopper.terminate(clock.monotonicMs() + this.#hold.stopMs);
    }
  }

  /** The child has got this INT from its terminal: the first is the child's affair, a second means TERM, a third KILL. */
  #keyboardInterrupt(): void {
    const stopper = this.#stopper;
    const { clock, tell } = this.#deps;
    this.#keyboardInterrupts += 1;
    this.#stoppedFor ??= 'SIGINT';
    if (stopper === null || this.#end !== null || this.#keyboardInterrupts === 1) return;
    if (this.#keyboardInterrupts > 2) {
      stopper.kill();
      return;
    }
    tell({ kind: 'passed_on', cause: 'SIGINT', signal: 'TERM' });
    stopper.terminate(clock.monotonicMs() + this.#hold.stopMs);
  }
}

function childEnvironment(env: NodeJS.ProcessEnv, lease: Lease): NodeJS.ProcessEnv {
  const names = lease.granted.map(({ environment }) => environment);
  return {
    ...env,
    SIGNALBOX_LEASE: lease.id,
    SIGNALBOX_FENCE: String(lease.fence ?? ''),
    SIGNALBOX_ENVIRONMENT: names.join(' '),
    SIGNALBOX_ENVIRONMENTS: JSON.stringify(names),
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
