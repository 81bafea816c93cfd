// Rows do not move under a pointer or the focus: while one of them is in the table its lines stay where they are, and a button
// says how many would move.

import { useEffect, useRef, useState } from 'preact/hooks';

export interface Steady<Line> {
  readonly lines: readonly Line[];
  /** How many lines would move, come or go. */
  readonly moved: number;
  readonly reorder: () => void;
}

/** `question` is what the person has asked for (filters, order): another one is answered at once. */
export function useSteady<Line extends { readonly key: string }>(
  wanted: readonly Line[],
  question: string,
  box: { readonly current: HTMLElement | null },
): Steady<Line> {
  const [, repaint] = useState(0);
  const shown = useRef<{ question: string; lines: readonly Line[] }>({ question, lines: wanted });
  const isIn = useRef({ pointer: false, focus: false });
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const set = (change: Partial<typeof isIn.current>) => {
      Object.assign(isIn.current, change);
      if (!isIn.current.pointer && !isIn.current.focus) repaint((count) => count + 1);
    };
    const pointerIn = () => set({ pointer: true });
    const pointerOut = () => set({ pointer: false });
    const focusIn = () => set({ focus: true });
    const focusOut = (event: FocusEvent) => set({ focus: element.contains(event.relatedTarget as Node | null) });
    element.addEventListener('pointerenter', pointerIn);
    element.addEventListener('pointerleave', pointerOut);
    element.addEventListener('focusin', focusIn);
    element.addEventListener('focusout', focusOut);
    return () => {
      element.removeEventListener('pointerenter', pointerIn);
      element.removeEventListener('pointerleave', pointerOut);
      element.removeEventListener('focusin', focusIn);
      element.removeEventListener('focusout', focusOut);
    };
  });
  const holds = isIn.current.pointer || isIn.current.focus;
  if (!holds || shown.current.question !== question || shown.current.lines.length === 0)
    shown.current = { question, lines: wanted };
  const { lines } = shown.current;
  const reorder = () => {
    shown.current = { question, lines: wanted };
    repaint((count) => count + 1);
  };
  return { lines, moved: lines === wanted ? 0 : movedBetween(lines, wanted), reorder };
}

/** How many of both would come, go or change their order. */
export function movedBetween(
  before: readonly { readonly key: string }[],
  after: readonly { readonly key: string }[],
): number {
  const places = new Map(before.map(({ key }, index) => [key, index]));
  const kept = after.flatMap(({ key }) => places.get(key) ?? []);
  const come = after.length - kept.length;
  const gone = before.length - kept.length;
  return come + gone + kept.length - longestRise(kept);
}

/** Length of the longest rising part of a list: those that keep their order. */
function longestRise(numbers: readonly number[]): number {
  const tails: number[] = [];
  for (const number of numbers) {
    let low = 0;
    for (let high = tails.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((tails[middle] as number) < number) low = middle + 1;
      else high = middle;
    }
    tails[low] = number;
  }
  return tails.length;
}
