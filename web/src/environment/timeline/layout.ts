// Where everything of a timeline lies, decided without a page: blocks, bands, ticks and the curve of those who wait, in pixels.
//
// Must always hold: nothing is narrower than can be pointed at; blocks too short for that are one band that says how many it is.

import type { ClosedPeriod, LaneBlock, Lanes } from '../../../../src/client/types-figures.ts';
import type { Window } from './range.ts';

export const narrowest = 3;
const tickPx = 72;

/** How a block is drawn: each has a colour, a pattern and a word. */
export type Look = 'now' | 'released' | 'late' | 'taken' | 'over' | 'dirty' | 'several' | 'frozen' | 'draining';

/** `closed` or the number of the slot, 0 is the first. */
export type Lane = 'closed' | number;

export interface Piece {
  readonly key: string;
  readonly lane: Lane;
  readonly look: Look;
  readonly x: number;
  readonly width: number;
  readonly from: number;
  /** null: it still is. */
  readonly to: number | null;
  readonly count: number;
  /** What it is of; of a band, null. */
  readonly block: LaneBlock | null;
  readonly closed: ClosedPeriod | null;
  /** Of a band, where all have the same. */
  readonly name: string | null;
}

export interface Tick {
  readonly x: number;
  readonly at: number;
  /** A day, not a time of it. */
  readonly isDay: boolean;
}

const scale =
  ({ from, to }: Window, width: number) =>
  (at: number): number =>
    ((Math.min(Math.max(at, from), to) - from) / (to - from)) * width;

export function lookOf({ state, to, how, merged }: LaneBlock): Look {
  if (state === 'dirty') return 'dirty';
  if (merged > 1 && how === null) return 'several';
  if (to === null) return 'now';
  if (how === 'released') return 'released';
  if (how === 'revoked' || how === 'stolen') return 'taken';
  if (how === 'expired' || how === 'max_hold' || how === 'absent') return 'late';
  return 'over';
}

/** All pieces by lane and then by time; the lane of freezes first. */
export function piecesOf(lanes: Lanes, window: Window, width: number): Piece[] {
  const x = scale(window, width);
  const pieces: Piece[] = [];
  for (const closed of lanes.closed) {
    const [from, to] = [Date.parse(closed.from), closed.to === null ? null : Date.parse(closed.to)];
    if (from > window.to || (to ?? window.to) <= window.from) continue;
    pieces.push({
      ...{ key: `closed ${closed.from}`, lane: 'closed', look: closed.state, from, to, count: closed.merged },
      ...{ block: null, closed, name: null, ...sized(x(from), x(to ?? window.to), width) },
    });
  }
  let run: Piece[] = [];
  const close = () => {
    if (run.length > 0) pieces.push(run.length === 1 ? (run[0] as Piece) : bandOf(run, width));
    run = [];
  };
  for (const block of lanes.blocks) {
    const [from, to] = [Date.parse(block.from), block.to === null ? null : Date.parse(block.to)];
    if (from > window.to || (to ?? window.to) < window.from) continue;
    const [left, right] = [x(from), x(to ?? window.to)];
    const piece: Piece = {
      ...{ key: keyOf(block), lane: block.slot, look: lookOf(block), from, to, count: block.merged },
      ...{ block, closed: null, name: block.holder?.name ?? null, ...sized(left, right, width) },
    };
    const last = run.at(-1);
    const isShort = right - left < narrowest;
    if (!isShort || last?.lane !== block.slot || left > last.x + last.width) close();
    run.push(piece);
    if (!isShort) close();
  }
  close();
  return pieces;
}

/** The same block has the same key in every answer, so that the focus stays on it. */
function keyOf({ slot, state, lease, from }: LaneBlock): string {
  return lease === null ? `${slot} ${state} ${from}` : `${lease} ${state}`;
}

function sized(left: number, right: number, width: number): { x: number; width: number } {
  const wide = Math.max(narrowest, right - left);
  return { x: Math.min(left, width - wide), width: wide };
}

function bandOf(run: readonly Piece[], width: number): Piece {
  const first = run[0] as Piece;
  const last = run.at(-1) as Piece;
  const same = run.every(({ look }) => look === first.look);
  return {
    ...first,
    ...sized(first.x, last.x + last.width, width),
    key: `band ${first.key}`,
    look: same ? first.look : 'several',
    to: last.to,
    count: run.reduce((sum, { count }) => sum + count, 0),
    block: null,
    name: run.every(({ name }) => name === first.name) ? first.name : null,
  };
}

const minute = 1;
const stepsInMinutes = [5, 10, 15, 30, 60, 120, 180, 360, 720].map((step) => step * minute);
const stepsInDays = [1, 2, 5, 10];

/** At whole hours and days of where the browser is. */
export function ticksOf(window: Window, width: number): Tick[] {
  const msPerPx = (window.to - window.from) / width;
  const minutes = stepsInMinutes.find((step) => step * 60_000 >= tickPx * msPerPx);
  const days = stepsInDays.find((step) => step * 86_400_000 >= tickPx * msPerPx) ?? 30;
  const x = scale(window, width);
  const ticks: Tick[] = [];
  const date = new Date(window.from);
  date.setHours(0, 0, 0, 0);
  while (date.getTime() < window.to) {
    const at = date.getTime();
    const isDay = date.getHours() === 0 && date.getMinutes() === 0;
    if (at > window.from) ticks.push({ x: x(at), at, isDay });
    if (minutes === undefined) date.setDate(date.getDate() + days);
    else date.setMinutes(date.getMinutes() + minutes);
  }
  return ticks;
}

export interface Curve {
  readonly path: string;
  readonly most: number;
}

/** How many waited, as a path; null: nobody did. */
export function curveOf({ waiting }: Lanes, window: Window, width: number, height: number): Curve | null {
  const x = scale(window, width);
  const steps = waiting.map((step) => ({ at: Date.parse(step.at), count: step.waiting }));
  const seen = steps.filter(({ at }, i) => at < window.to && (steps[i + 1]?.at ?? window.to) > window.from);
  const most = seen.reduce((max, { count }) => Math.max(max, count), 0);
  if (most === 0) return null;
  const y = (count: number) => (height * (1 - count / most)).toFixed(1);
  const lines = seen.map(({ at, count }) => `H${x(at).toFixed(1)}V${y(count)}`);
  return { path: `M${x(seen[0]?.at ?? 0).toFixed(1)} ${height}${lines.join('')}H${width}V${height}Z`, most };
}

/** When a slot was not there, because the capacity was lower or the environment was not there yet. */
export function absencesOf({ capacity, slots }: Lanes, window: Window, width: number) {
  const x = scale(window, width);
  const found: { slot: number; x: number; width: number }[] = [];
  for (let slot = 0; slot < slots; slot++)
    for (const [i, step] of capacity.entries()) {
      if (step.capacity > slot) continue;
      const [left, right] = [x(Date.parse(step.at)), x(Date.parse(capacity[i + 1]?.at ?? '') || window.to)];
      if (right > left) found.push({ slot, x: left, width: right - left });
    }
  return found;
}

/** The piece that an arrow leads to from this one. */
export function neighbour(pieces: readonly Piece[], from: Piece, key: string): Piece | null {
  const lane = pieces.filter((piece) => piece.lane === from.lane);
  const at = lane.findIndex((piece) => piece.key === from.key);
  if (key === 'ArrowRight') return lane[at + 1] ?? null;
  if (key === 'ArrowLeft') return lane[at - 1] ?? null;
  if (key === 'Home') return lane[0] ?? null;
  if (key === 'End') return lane.at(-1) ?? null;
  const order = [...new Set(pieces.map((piece) => piece.lane))];
  const next = order[order.indexOf(from.lane) + (key === 'ArrowDown' ? 1 : -1)];
  if ((key !== 'ArrowDown' && key !== 'ArrowUp') || next === undefined) return null;
  return nearest(
    pieces.filter((piece) => piece.lane === next),
    from.x + from.width / 2,
  );
}

export function nearest(pieces: readonly Piece[], x: number): Piece | null {
  let found: Piece | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const piece of pieces) {
    const away = Math.max(piece.x - x, x - piece.x - piece.width, 0);
    if (away < least) [found, least] = [piece, away];
  }
  return found;
}
