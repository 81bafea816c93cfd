// Signals and barriers in rows and words, and payloads as JSON. Names, holders, reasons and payloads are other people's text and
// are made fit to be shown here.

import type { Barrier, Signal } from '../../client/types.ts';
import type { Colours } from '../frame/output.ts';
import { formatExact, formatLeft } from './durations.ts';
import { foreign } from './sanitize.ts';
import type { Cell } from './tables.ts';
import { formatAge, formatTime } from './times.ts';

/** Controls beyond those that JSON escapes by itself, and marks that reorder or hide text. */
const UNSEEN = /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const HIDDEN_TAGS = /[\u{e0000}-\u{e007f}]/gu;
/** A command to some CIs wherever it stands in a line; a `#` in JSON is always within a string. */
const CI_COMMAND = /##(?=\w*\[)/g;

/** A payload as JSON that no terminal and no CI can take for anything else; it reads back as the same value. */
export function jsonText(value: unknown, terminal: boolean): string {
  return JSON.stringify(value, null, terminal ? 2 : undefined)
    .replace(UNSEEN, escaped)
    .replace(HIDDEN_TAGS, escaped)
    .replace(CI_COMMAND, '#\\u0023');
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, i) => character.charCodeAt(i).toString(16).padStart(4, '0'))
    .map((code) => `\\u${code}`)
    .join('');
}

export const SIGNAL_HEAD = ['', 'SIGNAL', 'STATE', 'BY', 'SINCE', 'LEFT', 'WAITING', 'CARRIES'];

export function signalRow(signal: Signal, now: number, colours: Colours): (Cell | string)[] {
  const { symbol, paint } = signalLooks[signal.state] ?? signalLooks.unset;
  return [
    { text: symbol, paint: colours[paint] },
    foreign(signal.name, 60),
    { text: foreign(signal.state, 20), paint: colours[paint] },
    signal.state === 'unset' ? '–' : setter(signal),
    signal.at === null ? '' : formatAge(signal.at, now),
    signal.expiresInSeconds === null
      ? signal.state === 'unset'
        ? ''
        : '–'
      : formatLeft(signal.expiresInSeconds * 1000),
    waitersText(signal),
    carried(signal, 80),
  ];
}

/** Full precision: name, state, by, since, expires, how many wait, who waits, payload as JSON or the reason. */
export function signalPipeRow(signal: Signal): string[] {
  return [
    foreign(signal.name, 200),
    foreign(signal.state, 20),
    signal.state === 'unset' ? '' : setter(signal),
    formatTime(signal.at, false, 0),
    formatTime(signal.expiresAt, false, 0),
    String(signal.waiting),
    signal.waiters.map(({ by, holder }) => foreign(holder.name ?? by, 60)).join(', '),
    carried(signal, Number.POSITIVE_INFINITY),
  ];
}

const signalLooks = {
  set: { symbol: '●', paint: 'green' },
  failed: { symbol: '▲', paint: 'red' },
  unset: { symbol: '○', paint: 'yellow' },
} as const satisfies Record<Signal['state'], { symbol: string; paint: keyof Colours }>;

/** Who set it: the job, where it was said, else the key. */
export function setter({ holder, by }: Signal): string {
  return foreign(holder.name ?? by ?? 'somebody', 60);
}

/** `2: shop deploy #7, ben@host`. */
export function waitersText({ waiting, waiters }: Signal): string {
  if (waiting === 0) return '0';
  const names = waiters.slice(0, 3).map(({ by, holder }) => foreign(holder.name ?? by, 40));
  return `${waiting}: ${names.join(', ')}${waiting > names.length ? ', …' : ''}`;
}

function carried({ name, data, bytes, failure }: Signal, most: number): string {
  if (failure !== null) return `"${foreign(failure.reason)}"`;
  if (data === null && bytes > 0) return `${bytes} bytes: signalbox signal show ${foreign(name, 60)}`;
  if (data === null) return '';
  const text = jsonText(data, false);
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

export const BARRIER_HEAD = ['', 'BARRIER', 'GENERATION', 'STATE', 'ARRIVED', 'MISSING', 'SINCE', 'BREAKS IN'];

export function barrierRow(barrier: Barrier, now: number, colours: Colours): (Cell | string)[] {
  const { symbol, paint } = barrierLooks[barrier.state] ?? barrierLooks.waiting;
  return [
    { text: symbol, paint: colours[paint] },
    foreign(barrier.name, 60),
    foreign(barrier.generation, 40) || '–',
    { text: stateText(barrier), paint: colours[paint] },
    `${barrier.arrived} of ${barrier.parties}`,
    barrier.state === 'open' ? '–' : foreign(barrier.missingText),
    formatAge(barrier.endedAt ?? barrier.createdAt, now),
    barrier.breaksInSeconds === null ? '–' : formatLeft(barrier.breaksInSeconds * 1000),
  ];
}

/** Full precision: name, generation, state, arrived, parties, who is missing, declared, ended, how, reason, who failed. */
export function barrierPipeRow(barrier: Barrier): string[] {
  return [
    foreign(barrier.name, 200),
    foreign(barrier.generation, 200),
    foreign(barrier.state, 20),
    String(barrier.arrived),
    String(barrier.parties),
    barrier.state === 'open' ? '' : foreign(barrier.missingText, 500),
    formatTime(barrier.createdAt, false, 0),
    formatTime(barrier.endedAt, false, 0),
    foreign(barrier.end?.how ?? '', 20),
    barrier.end?.reason == null ? '' : foreign(barrier.end.reason, 300),
    foreign(failedParty(barrier) ?? '', 200),
  ];
}

const barrierLooks = {
  waiting: { symbol: '◔', paint: 'yellow' },
  open: { symbol: '●', paint: 'green' },
  broken: { symbol: '▲', paint: 'red' },
} as const satisfies Record<Barrier['state'], { symbol: string; paint: keyof Colours }>;

function stateText(barrier: Barrier): string {
  const { state, end } = barrier;
  if (state !== 'broken' || end === null) return foreign(state, 20);
  const failed = failedParty(barrier);
  return failed === null ? `broken (${foreign(end.how, 20)})` : `broken (${foreign(failed, 30)} failed)`;
}

/** Who said that it has failed; null: it ended otherwise, or the server is older than this. */
function failedParty({ end }: Barrier): string | null {
  return end?.party ?? null;
}

/** `barrier:shards`, `barrier:shards (123-1)`. */
export function barrierText({ name, generation }: { name: string; generation: string }): string {
  return `barrier:${foreign(name, 60)}${generation === '' ? '' : ` (${foreign(generation, 60)})`}`;
}

/** `4 of 5 · missing shard-3`; `3 of 5` where nobody can say who is missing. */
export function arrivedText({ arrived, parties, ...barrier }: Barrier): string {
  const missing = missingOf(barrier);
  return `${arrived} of ${parties}${missing === '' ? '' : ` · missing ${missing}`}`;
}

/** The same of one that is over: `3 of 5 had arrived, missing shard-4`. */
export function hadArrivedText({ arrived, parties, ...barrier }: Barrier): string {
  const missing = missingOf(barrier);
  return `${arrived} of ${parties} had arrived${missing === '' ? '' : `, missing ${missing}`}`;
}

/** Empty: nobody is, or all that is known is how many. */
function missingOf({ missing, missingText }: Pick<Barrier, 'missing' | 'missingText'>): string {
  return missing === null && /^\d+ of \d+$/.test(missingText) ? '' : foreign(missingText);
}

/** Why it broke: `not everybody came within 6h`, `shard-2 failed: tests failed`, `cancelled by anna: "wrong branch"`. */
export function brokenText(barrier: Barrier): string {
  const { end, timeoutSeconds } = barrier;
  if (end === null) return 'it broke';
  const by = foreign(end.by, 60);
  const reason = end.reason === null ? '' : foreign(end.reason, 300);
  if (end.how === 'timed_out') return `not everybody came within ${formatExact(timeoutSeconds * 1000)}`;
  const failed = failedParty(barrier);
  if (failed !== null) return `${foreign(failed, 60)} failed: ${reason}`;
  if (end.how === 'failed') return `${reason} (by ${by})`;
  return `cancelled by ${by}${reason === '' ? '' : `: "${reason}"`}`;
}
