// Signals, barriers and waits as the API shows them: one function per thing, the only places where one becomes JSON.

import type { Barrier, ConditionReply, OpenWait, ProbeReply, Signal } from '../api/schemas-meet.ts';
import { breaksTick } from '../core/meet/barrier.ts';
import { missingCount, missingParties, missingText } from '../core/meet/missing.ts';
import { maxPayloadBytes } from '../core/meet/signal.ts';
import type { BarrierRow, Moment, SignalRow } from '../core/rows.ts';
import type { ProbedTarget } from '../probes/prober.ts';
import type { OpenWait as OpenWaitRow, Seen, TimedOut, Waits } from '../replica/waits.ts';
import { time, timeOrNull } from './shapes.ts';

const waitersShown = 10;
const nobody = { name: null, url: null, ref: null };

/** Bytes of a payload that lists and streams carry along: what people look at. Whoever needs more asks for the signal. */
export const payloadInLists = 1024;

/** A signal; `row` null: it is not set, and perhaps waited for. A payload of more bytes than `payloadLimit` is left out. */
export function signalShape(
  name: string,
  row: SignalRow | null,
  moment: Moment,
  waits: Waits,
  payloadLimit = Number.POSITIVE_INFINITY,
): Signal {
  const awaited = { kind: 'signal', name } as const;
  const left = row?.ttlTick == null ? null : Math.max(0, row.ttlTick - moment.tick);
  return {
    name,
    state: row === null ? 'unset' : row.failure === null ? 'set' : 'failed',
    data: row === null || row.bytes > payloadLimit ? null : row.data,
    bytes: row?.bytes ?? 0,
    failure: row?.failure ?? null,
    by: row?.by ?? null,
    holder: row?.holder ?? nobody,
    at: timeOrNull(row?.at ?? null),
    ttlSeconds: row?.ttlMs == null ? null : row.ttlMs / 1000,
    expiresAt: left === null ? null : time(moment.at + left),
    expiresInSeconds: left === null ? null : left / 1000,
    seq: row?.seq ?? null,
    waiting: waits.waitersOf(awaited),
    waiters: waits
      .waitingFor(awaited)
      .take(waitersShown)
      .map(({ by, holder, startedAt }) => ({ by, holder, since: time(startedAt) }))
      .toArray(),
  };
}

/** Parties that lists, streams and answers to arrivals name: of more whoever needs them asks for the barrier. */
export const partiesInLists = 100;

/** A barrier of more parties than `partyLimit` is shown without naming any of them; how many they are is said all the same. */
export function barrierShape(row: BarrierRow, moment: Moment, partyLimit = Number.POSITIVE_INFINITY): Barrier {
  const tick = breaksTick(row);
  const left = tick === null ? null : Math.max(0, tick - moment.tick);
  const namesLeftOut = row.count > partyLimit;
  const missing = namesLeftOut ? null : missingParties(row);
  return {
    name: row.name,
    generation: row.generation,
    state: row.state,
    parties: row.count,
    arrived: row.arrivals.length,
    namesLeftOut,
    names: row.names === null || namesLeftOut ? null : [...row.names],
    arrivals: namesLeftOut ? [] : row.arrivals.map(({ party, at, by }) => ({ party, at: time(at), by })),
    missing: missing === null ? null : [...missing],
    missingCount: missingCount(row),
    missingText: missingText(row),
    timeoutSeconds: row.timeoutMs / 1000,
    breaksAt: left === null ? null : time(moment.at + left),
    breaksInSeconds: left === null ? null : left / 1000,
    createdAt: time(row.createdAt),
    createdBy: row.createdBy,
    endedAt: timeOrNull(row.endedAt),
    end: row.end,
    seq: row.seq,
  };
}

/**
 * The conditions of a wait, with payloads up to what a single one may have: with 64 of them a request of a few bytes would ask
 * for megabytes.
 */
export function conditionShapes(
  conditions: readonly Seen[],
  since: number,
  nearest: ReadonlyMap<string, string>,
): ConditionReply[] {
  let bytes = 0;
  return conditions.map((seen) => {
    const { row } = seen.standing;
    const signal = row !== null && 'data' in row ? row : null;
    const hasRoom = bytes + (signal?.bytes ?? 0) <= maxPayloadBytes;
    if (hasRoom) bytes += signal?.bytes ?? 0;
    return conditionShape(seen, since, nearest.get(seen.text) ?? null, signal, hasRoom);
  });
}

function conditionShape(
  { text, standing, settledAt }: Seen,
  since: number,
  nearest: string | null,
  signal: SignalRow | null,
  hasRoom: boolean,
): ConditionReply {
  const { state, by, tries, triedAt } = standing;
  const isLeftOut = signal !== null && signal.bytes > 0 && !hasRoom;
  const detail = isLeftOut
    ? `${standing.detail}; its ${signal.bytes} bytes are too many here: ask for the signal alone`
    : standing.detail;
  const data = isLeftOut ? null : (signal?.data ?? null);
  return {
    ...{ target: shown(text), state, detail, by, data, nearest },
    since: time(since),
    settledAt: timeOrNull(settledAt),
    tries: tries ?? null,
    triedAt: timeOrNull(triedAt ?? null),
  };
}

/** Without payloads: the list is read by more people than a signal. */
export function openWaitShape({ id, mode, by, holder, startedAt, untilAt, conditions }: OpenWaitRow): OpenWait {
  return {
    ...{ id, mode, by, holder },
    since: time(startedAt),
    until: time(untilAt),
    conditions: conditions.map(({ text, standing: { state, detail }, settledAt }) => ({
      ...{ target: shown(text), state, detail },
      settledAt: timeOrNull(settledAt),
    })),
  };
}

export function timedOutShape({ text, detail, by, holder, startedAt, at }: TimedOut) {
  return { target: shown(text), detail, by, holder, since: time(startedAt), at: time(at) };
}

/** What is being tried, and how it was found last. */
export function probeShape({ text, state, detail, waiters, sinceAt, tries, triedAt }: ProbedTarget): ProbeReply {
  return {
    ...{ target: text, state, detail, waiting: waiters, tries },
    since: time(sinceAt),
    triedAt: timeOrNull(triedAt),
  };
}

/** A target as people read it: `barrier:meet (run-7)`. */
function shown(text: string): string {
  return text.replace(/\t(.*)$/s, ' ($1)');
}
