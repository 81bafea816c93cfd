// The past of an environment as it is drawn: blocks in slots, when it was closed, how many waited. What always holds:
//   - two blocks never overlap in a slot; a block begins in the first slot that is free;
//   - there are never more of anything than was asked for: what is too short to be seen becomes bands that say how many they are.

import type { Holder } from '../rows.ts';
import type { Closure, Step } from './closures.ts';
import { Heap } from './heap.ts';
import type { Span, Timeline } from './timeline.ts';

export interface Block {
  readonly slot: number;
  /** Of a slot that was left behind: not held, and not free either. */
  readonly isDirty: boolean;
  readonly from: number;
  /** Null: it still is, or nobody knows. */
  readonly to: number | null;
  readonly lease: string | null;
  readonly holder: Holder | null;
  readonly by: string | null;
  readonly how: string | null;
  readonly endedBy: string | null;
  readonly reason: string | null;
  readonly waitedMs: number | null;
  /** How many blocks it stands for. */
  readonly merged: number;
}

export interface ClosedBand extends Closure {
  readonly merged: number;
}

export interface Lanes {
  readonly slots: number;
  /** Highest slots that were left out: there are more of them than blocks may be told. */
  readonly slotsLeftOut: number;
  readonly blocks: readonly Block[];
  /** Blocks that lie within so much time are one band; null: none are. */
  readonly mergedWithinMs: number | null;
  readonly closed: readonly ClosedBand[];
  readonly waiting: readonly Step<number>[];
  readonly capacity: readonly Step<number>[];
}

export function lanesOf(timeline: Timeline, max: number): Lanes {
  const { from, until, capacity, waits } = timeline;
  const window = { from, until, max };
  const all = blocksOf(timeline.spans);
  const capacities = stepsWithin(capacity, window);
  const { blocks, mergedWithinMs } = mergedBlocks(all, window);
  const used = all.reduce((most, { slot }) => Math.max(most, slot + 1), 0);
  const slots = capacities.reduce((most, { value }) => Math.max(most, value), used);
  const shown = lowestSlots(blocks, max);
  return {
    slots,
    slotsLeftOut: shown === blocks.length ? 0 : slots - (blocks[shown]?.slot ?? slots),
    blocks: blocks.slice(0, shown),
    mergedWithinMs,
    closed: mergedClosures(timeline.closures, window),
    waiting: stepsWithin(countOf(waits), window),
    capacity: capacities,
  };
}

interface Window {
  readonly from: number;
  readonly until: number;
  readonly max: number;
}

/** By slot, then by time. */
function blocksOf(spans: readonly Span[]): Block[] {
  const blocks: Block[] = [];
  const free = new Heap();
  // Slots that are used, by when they come free: the time, and the slots that do then.
  const ends = new Heap();
  const endingAt = new Map<number, number[]>();
  let slots = 0;
  for (const span of spans) {
    while (ends.least <= span.from) {
      const at = ends.take();
      for (const slot of endingAt.get(at) ?? []) free.add(slot);
      endingAt.delete(at);
    }
    const slot = free.size > 0 ? free.take() : slots++;
    const until = span.freedAt ?? Number.POSITIVE_INFINITY;
    const others = endingAt.get(until);
    if (others === undefined) {
      endingAt.set(until, [slot]);
      ends.add(until);
    } else others.push(slot);
    blocks.push(...blocksIn(slot, span));
  }
  return blocks.sort((a, b) => a.slot - b.slot || a.from - b.from);
}

function* blocksIn(slot: number, span: Span): Generator<Block> {
  const { from, to, freedAt, ...rest } = span;
  const isLeft = to !== null && freedAt !== to;
  // What was only known as dirty was held before.
  if (!(isLeft && from === to)) yield { ...rest, slot, isDirty: false, from, to, merged: 1 };
  if (isLeft) yield { ...rest, slot, isDirty: true, from: to, to: freedAt, merged: 1 };
}

function mergedBlocks(blocks: Block[], window: Window): Pick<Lanes, 'blocks' | 'mergedWithinMs'> {
  const { bands, width } = banded(blocks, window, (a, b) => a.slot === b.slot);
  return {
    blocks: bands.map((band) => (band.length === 1 ? (band[0] as Block) : bandOf(band))),
    mergedWithinMs: width,
  };
}

function bandOf(blocks: readonly Block[]): Block {
  const first = blocks[0] as Block;
  const same = <Key extends keyof Block>(key: Key): Block[Key] | null =>
    blocks.every((block) => block[key] === first[key]) ? first[key] : null;
  const name = blocks.every(({ holder }) => holder?.name === first.holder?.name) ? (first.holder?.name ?? null) : null;
  const waits = blocks.flatMap(({ waitedMs }) => waitedMs ?? []);
  return {
    ...{ slot: first.slot, isDirty: blocks.every(({ isDirty }) => isDirty), from: first.from, to: latest(blocks) },
    ...{ lease: null, holder: name === null ? null : { name, url: null, ref: null }, by: same('by'), how: same('how') },
    ...{ endedBy: same('endedBy'), reason: null, waitedMs: waits.length === 0 ? null : waits.reduce(larger, 0) },
    merged: blocks.length,
  };
}

function mergedClosures(closures: readonly Closure[], window: Window): ClosedBand[] {
  const { bands } = banded(closures, window, () => true);
  const found = bands.map((band): ClosedBand => {
    const first = band[0] as Closure;
    if (band.length === 1) return { ...first, merged: 1 };
    const { state } = band.find((each) => each.state === 'draining') ?? first;
    return { ...first, state, to: latest(band), reason: null, by: null, freeze: null, merged: band.length };
  });
  return found.slice(-window.max);
}

const larger = (a: number, b: number): number => Math.max(a, b);
const latest = (band: readonly { readonly to: number | null }[]): number =>
  band.map(({ to }) => to ?? 0).reduce(larger, 0);

interface Lasting {
  readonly from: number;
  readonly to: number | null;
}

/** Neighbours that lie within so much time (`width`) together, so that there are no more bands than `max`; null: each alone. */
function banded<One extends Lasting>(
  all: readonly One[],
  window: Window,
  isNeighbour: (a: One, b: One) => boolean,
): { bands: readonly (readonly One[])[]; width: number | null } {
  if (all.length <= window.max) return { bands: all.map((one) => [one]), width: null };
  const range = Math.max(1, window.until - window.from);
  // Doubled from a fourth of what there is room for, until all of it is one.
  for (let width = range / (4 * window.max); ; width *= 2) {
    const within = width < range ? width : Number.POSITIVE_INFINITY;
    const starts = startsOf(all, within, window, isNeighbour);
    if (starts.length > window.max && width < range) continue;
    return { bands: starts.map((start, i) => all.slice(start, starts[i + 1])), width: Math.min(width, range) };
  }
}

/** Where a new band begins. What goes on stays alone. */
function startsOf<One extends Lasting>(
  all: readonly One[],
  width: number,
  { from }: Window,
  isNeighbour: (a: One, b: One) => boolean,
): number[] {
  const starts: number[] = [];
  let first: One | null = null;
  for (const [i, one] of all.entries()) {
    const joins =
      first !== null && one.to !== null && isNeighbour(first, one) && one.to - Math.max(from, first.from) <= width;
    if (joins) continue;
    starts.push(i);
    first = one.to === null ? null : one;
  }
  return starts;
}

/** How many blocks fit, so that a slot is told whole or not at all. */
function lowestSlots(blocks: readonly Block[], max: number): number {
  if (blocks.length <= max) return blocks.length;
  const beyond = (blocks[max] as Block).slot;
  const first = blocks.findIndex(({ slot }) => slot === beyond);
  return first;
}

/** How many there were at once. */
function countOf(all: readonly { readonly from: number; readonly to: number | null }[]): Step<number>[] {
  const changes = all.flatMap(({ from, to }) => [{ at: from, by: 1 }, ...(to === null ? [] : [{ at: to, by: -1 }])]);
  changes.sort((a, b) => a.at - b.at);
  const steps: Step<number>[] = [{ at: Number.NEGATIVE_INFINITY, value: 0 }];
  let value = 0;
  for (const [i, { at, by }] of changes.entries()) {
    value += by;
    if (changes[i + 1]?.at !== at) steps.push({ at, value });
  }
  return steps;
}

/** Steps from the beginning of the window on. Where there are too many, the highest of each part of it. */
function stepsWithin(steps: readonly Step<number>[], { from, until, max }: Window): Step<number>[] {
  const within: Step<number>[] = [];
  const add = (at: number, value: number): void => {
    if (within.at(-1)?.at === at) within.pop();
    if (within.at(-1)?.value !== value) within.push({ at, value });
  };
  for (const { at, value } of steps) if (at < until) add(Math.max(at, from), value);
  if (within.length <= max) return within;
  const width = (until - from) / max;
  const highest: Step<number>[] = [];
  let i = 0;
  let before = 0;
  for (let part = 0; part < max; part++) {
    const end = part === max - 1 ? until : from + (part + 1) * width;
    let value = within[i]?.at === from + part * width ? 0 : before;
    for (; i < within.length && (within[i] as Step<number>).at < end; i++) {
      before = (within[i] as Step<number>).value;
      value = Math.max(value, before);
    }
    if (highest.at(-1)?.value !== value) highest.push({ at: Math.round(from + part * width), value });
  }
  return highest;
}
