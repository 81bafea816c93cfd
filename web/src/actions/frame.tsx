// How an action's dialog comes onto the page: whoever offers the action opens it, one place in the shell shows it.
//
// Must always hold: one dialog at a time; a screen that is left takes none of them with it.

import { type ComponentChildren, Fragment } from 'preact';
import { Cell, useCell } from '../cell.ts';

type Render = (close: () => void) => ComponentChildren;

const shown = new Cell<{ readonly render: Render; readonly count: number } | null>(null);
let count = 0;

/** Shows a dialog until it calls `close`. */
export function openDialog(render: Render): void {
  shown.set({ render, count: ++count });
}

/** In the shell, once. */
export function Dialogs() {
  const now = useCell(shown);
  if (now === null) return null;
  return <Fragment key={now.count}>{now.render(() => shown.value === now && shown.set(null))}</Fragment>;
}
