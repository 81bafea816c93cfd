// Signals: a named latch that stays set until it is cleared or its ttl ends, with an optional payload, or a failure with a
// reason. What always holds: each set replaces value or failure and restarts the ttl; clearing answers nobody (semantics:
// signals, barriers, waits).

import type { Actor } from '../access.ts';
import { forbidden, may, signalboxItself } from '../access.ts';
import type { Outcome } from '../errors.ts';
import { accept, refuse } from '../errors.ts';
import { nameFault } from '../names.ts';
import type { Holder, SignalRow } from '../rows.ts';
import type { Turn } from '../turn.ts';

export const maxPayloadBytes = 64 * 1024;
/** Deeper than this nobody writes by hand, and some readers fail on it. */
const maxPayloadDepth = 64;
const defaultTtlMs = 7 * 24 * 60 * 60 * 1000;

export interface SignalSetting {
  /** Any JSON; null = none. */
  readonly data: unknown;
  readonly failure: { readonly reason: string } | null;
  /** null: until it is cleared; undefined: seven days. */
  readonly ttlMs: number | null | undefined;
  readonly holder: Holder;
}

/** Sets a signal, or sets it as failed. Refusals: invalid_name, forbidden, reason_required, payload_too_large, too_many_signals. */
export function setSignal(
  turn: Turn,
  name: string,
  { data, failure, ttlMs = defaultTtlMs, holder }: SignalSetting,
  actor: Actor,
): Outcome<{ signal: SignalRow; created: boolean }> {
  const fault = nameFault(name);
  if (fault !== null) return refuse('invalid_name', `The name of the signal ${fault}.`, { field: 'name' });
  if (!may(actor, 'signal', name)) return forbidden(actor, 'signal', name);
  if (failure !== null && failure.reason.trim() === '')
    return refuse('reason_required', 'A failure needs a reason: it is shown to everyone who waits.', {
      field: 'failure.reason',
    });
  if (depthExceeds(data, maxPayloadDepth))
    return refuse('invalid_request', `The payload is nested more than ${maxPayloadDepth} deep.`, { field: 'data' });
  const bytes = data === null ? 0 : new TextEncoder().encode(JSON.stringify(data)).length;
  if (bytes > maxPayloadBytes)
    return refuse('payload_too_large', `The payload has ${bytes} bytes of JSON; ${maxPayloadBytes} are allowed.`, {
      field: 'data',
    });
  const { signals, settings, signalBytes } = turn.state;
  const before = signals.get(name);
  if (before === undefined && signals.size >= settings.maxSignals)
    return refuse('too_many_signals', `There are ${settings.maxSignals} signals already. Clear those that are over.`);
  if (signalBytes - (before?.bytes ?? 0) + bytes > settings.maxSignalBytes)
    return refuse(
      'too_many_signals',
      `All payloads together have ${settings.maxSignalBytes} bytes at most. Clear signals that are over.`,
    );
  const { tick, at } = turn.moment;
  const signal = turn.put('signal', name, (seq) => ({
    ...{ name, seq, data, bytes, failure, holder, at, ttlMs },
    by: actor.name,
    ttlTick: ttlMs === null ? null : tick + ttlMs,
  }));
  // Without the payload: it may be large, and the history is read by more people than the signal.
  const facts = { ttlSeconds: ttlMs === null ? null : ttlMs / 1000, holder: holder.name };
  if (failure === null) turn.event('signal.set', name, actor.name, { bytes, ...facts });
  else turn.event('signal.failed', name, actor.name, { reason: failure.reason, ...facts });
  return accept({ signal, created: before === undefined });
}

/** Clears a signal; one that is not set stays so, and that is no mistake. */
export function clearSignal(turn: Turn, name: string, actor: Actor): Outcome<{ wasSet: boolean }> {
  const fault = nameFault(name);
  if (fault !== null) return refuse('invalid_name', `The name of the signal ${fault}.`, { field: 'name' });
  if (!may(actor, 'signal', name)) return forbidden(actor, 'signal', name);
  if (!turn.state.signals.has(name)) return accept({ wasSet: false });
  turn.remove('signal', name);
  turn.event('signal.cleared', name, actor.name);
  return accept({ wasSet: true });
}

/** The ttl of a signal has ended; void when it was set anew since (`seq`). */
export function expireSignal(turn: Turn, name: string, seq: number): void {
  const signal = turn.state.signals.get(name);
  if (signal === undefined || signal.seq !== seq || signal.ttlTick === null || signal.ttlTick > turn.moment.tick)
    return;
  turn.remove('signal', name);
  turn.event('signal.expired', name, signalboxItself.name, { setBy: signal.by });
}

/** Without recursion: what is looked at may be deeper than a stack. */
function depthExceeds(data: unknown, limit: number): boolean {
  let level = [data];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
  }
  return false;
}
