// Whether some order explains what the clients of one environment were told: each operation at one moment between its start and
// its end, one after the other, each answer possible in the state that those before it left. The search is that of Wing and Gong, and
// remembers which sets of operations in which state it has tried (Lowe). What always holds: it answers `yes` only with an order that
// it has walked through, `no` only when there is none, and after so many steps `undecided`.

import type { Operation } from './history.ts';
import { type State, Turnstile } from './turnstile.ts';

export const operationsAtMost = 1_000;
const stepsAtMost = 2_000_000;

export type Verdict =
  | { readonly verdict: 'yes'; readonly order: readonly Operation[] }
  | { readonly verdict: 'no'; readonly explained: number; readonly stuck: string }
  | { readonly verdict: 'undecided'; readonly explained: number };

interface Frame {
  readonly moves: readonly { readonly index: number; readonly state: State }[];
  tried: number;
}

/** `operations`: all of one environment, from its first use on. */
export function linearize(operations: readonly Operation[], capacity = 1): Verdict {
  if (operations.length > operationsAtMost) throw new Error(`${operations.length} operations are too many`);
  const model = new Turnstile(operations, capacity);
  // What was not answered needs no place in the order: the model knows what it may have done.
  const answered = operations
    .filter(({ answer }) => answer.kind !== 'unknown')
    .toSorted((a, b) => a.start - b.start || a.end - b.end);
  const done = new Uint8Array(answered.length);
  const order: number[] = [];
  const visited = new Set<string>();
  let first = 0;
  let deepest = { explained: 0, stuck: '' };

  const enter = (state: State): Frame => {
    const { candidates, latest } = mayBeNext();
    const moves = candidates.flatMap((index) =>
      model.after(state, answered[index] as Operation, latest).map((next) => ({ index, state: next })),
    );
    if (order.length >= deepest.explained && moves.length === 0) {
      const stuck = candidates.map((index) => JSON.stringify(answered[index])).join('\n');
      deepest = { explained: order.length, stuck: `in state ${model.text(state)} none can be next of:\n${stuck}` };
    }
    return { moves, tried: 0 };
  };
  /** Those that nothing which is left must precede; and the moment by which one of what is left must have happened. */
  const mayBeNext = (): { candidates: number[]; latest: number } => {
    let latest = Infinity;
    const candidates: number[] = [];
    for (let i = first; i < answered.length && (answered[i] as Operation).start <= latest; i++) {
      if (done[i] === 1) continue;
      latest = Math.min(latest, (answered[i] as Operation).end);
      candidates.push(i);
    }
    return { candidates, latest };
  };
  const situation = (state: State): string => {
    const ahead: number[] = [];
    // All before `first` are done, and beyond what may be next none is.
    for (let i = first; ahead.length < order.length - first; i++) if (done[i] === 1) ahead.push(i);
    return `${first} ${ahead.join()} ${model.text(state)}`;
  };

  const frames: Frame[] = [enter(model.empty)];
  for (let steps = 0; order.length < answered.length; steps++) {
    if (steps > stepsAtMost) return { verdict: 'undecided', explained: deepest.explained };
    const frame = frames.at(-1);
    if (frame === undefined) return { verdict: 'no', ...deepest };
    const move = frame.moves[frame.tried++];
    if (move === undefined) {
      frames.pop();
      const last = order.pop();
      if (last !== undefined) {
        done[last] = 0;
        first = Math.min(first, last);
      }
      continue;
    }
    done[move.index] = 1;
    order.push(move.index);
    while (done[first] === 1) first++;
    const here = situation(move.state);
    if (visited.has(here)) {
      order.pop();
      done[move.index] = 0;
      first = Math.min(first, move.index);
      continue;
    }
    visited.add(here);
    frames.push(enter(move.state));
  }
  return { verdict: 'yes', order: order.map((index) => answered[index] as Operation) };
}
