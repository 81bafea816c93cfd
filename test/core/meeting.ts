// A space in which parties meet: signals, barriers and waits, beside all that the harness has. Each call is one turn.

import type { Actor } from '../../src/core/access.ts';
import { dueKeys, dueTick, dueVersion, endDue } from '../../src/core/due.ts';
import type { Outcome } from '../../src/core/errors.ts';
import {
  arrive,
  type BarrierDeclaration,
  barrierId,
  cancelBarrier,
  forgetBarrier,
  putBarrier,
} from '../../src/core/meet/barrier.ts';
import { clearSignal, type SignalSetting, setSignal } from '../../src/core/meet/signal.ts';
import { type Awaited, type Standing, standingOf } from '../../src/core/meet/waiting.ts';
import type { BarrierRow, SignalRow } from '../../src/core/rows.ts';
import { actor, done, Space } from './harness.ts';

export const nobody = { name: null, url: null, ref: null };
export const ci = actor('ci', ['signal', 'wait']);

export const setting = (more: Partial<SignalSetting> = {}): SignalSetting => ({
  ...{ data: null, failure: null, ttlMs: undefined, holder: nobody },
  ...more,
});

export class Meeting extends Space {
  set(
    name: string,
    more: Partial<SignalSetting> = {},
    by: Actor = ci,
  ): Outcome<{ signal: SignalRow; created: boolean }> {
    return this.turn((turn) => setSignal(turn, name, setting(more), by));
  }

  clear(name: string, by: Actor = ci): Outcome<{ wasSet: boolean }> {
    return this.turn((turn) => clearSignal(turn, name, by));
  }

  /** Declares a barrier for so many, or for these. */
  meet(
    parties: number | readonly string[],
    more: Partial<BarrierDeclaration> = {},
    by: Actor = ci,
  ): Outcome<{ barrier: BarrierRow; created: boolean }> {
    const [count, names] = typeof parties === 'number' ? [parties, null] : [parties.length, parties];
    const declaration = { name: 'deploy', generation: '', count, names, timeoutMs: undefined, ...more };
    return this.turn((turn) => putBarrier(turn, declaration, by));
  }

  comes(
    party: string,
    { name = 'deploy', generation = '', failure = null as string | null, by = ci } = {},
  ): Outcome<BarrierRow> {
    const arriving = { name, generation, party, failure: failure === null ? null : { reason: failure } };
    return this.turn((turn) => arrive(turn, arriving, by));
  }

  /** As `comes`, of whom it is known that they may. */
  come(...parties: string[]): BarrierRow {
    return parties.map((party) => done(this.comes(party))).at(-1) as BarrierRow;
  }

  cancel(generation = '', reason: string | null = null, by: Actor = ci): Outcome<BarrierRow> {
    return this.turn((turn) => cancelBarrier(turn, { name: 'deploy', generation, reason }, by));
  }

  forget(generation = '', by: Actor = ci): Outcome<BarrierRow> {
    return this.turn((turn) => forgetBarrier(turn, { name: 'deploy', generation, reason: null }, by));
  }

  barrier(generation = '', name = 'deploy'): BarrierRow | undefined {
    return this.state.barriers.get(barrierId(name, generation));
  }

  stands(awaited: Awaited): Standing {
    return standingOf(this.state, awaited);
  }

  /** Time passes; whatever is over by then, of any kind, ends at its own moment. */
  override pass(milliseconds: number): void {
    const until = this.tick + milliseconds;
    for (;;) {
      const [next] = [...dueKeys(this.state)]
        .map((key) => ({ key, tick: dueTick(this.state, key) ?? Number.POSITIVE_INFINITY }))
        .sort((a, b) => a.tick - b.tick);
      if (next === undefined || next.tick > until) break;
      this.#moveTo(next.tick);
      this.turn((turn) => endDue(turn, next.key, dueVersion(this.state, next.key)));
    }
    this.#moveTo(until);
  }

  #moveTo(tick: number): void {
    this.at += Math.max(0, tick - this.tick);
    this.tick = Math.max(this.tick, tick);
  }
}
