// How an action's dialog comes onto the page, and how it knows that the world has changed under it: whoever offers the action
// opens it, one place in the shell shows it.
//
// Must always hold: one dialog at a time; an action that was decided on a thing as it was does nothing to a thing that is another
// now: that is looked at while the dialog is open, and asked anew right before anything is sent.

import { type ComponentChildren, Fragment } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Outcome } from '../../../src/client/outcome.ts';
import type { Environment } from '../../../src/client/types.ts';
import { api } from '../api.ts';
import { Cell, useCell } from '../cell.ts';
import { useRow } from '../live/rows.ts';
import { environments } from '../live/tables.ts';

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
  const close = () => {
    if (shown.value === now) shown.set(null);
  };
  return <Fragment key={now.count}>{now.render(close)}</Fragment>;
}

export interface Guard {
  /** The environment as it is now; null: it is not known, or gone. */
  readonly now: Environment | null;
  /** Why it cannot be done any more; null: nothing has changed. */
  readonly overtaken: ComponentChildren;
  /** Sends it, unless the server knows of a change that we have not heard of yet. */
  readonly guarded: <Value>(act: () => Promise<Outcome<Value>>) => Promise<Outcome<Value> | null>;
}

/** `changed`: what to say where the environment is no longer as it was when the dialog was opened; null where it is. */
export function useGuard(name: string, changed: (now: Environment) => ComponentChildren): Guard {
  useEffect(() => environments.want(), []);
  const now = useRow(environments, name);
  const { state } = useCell(environments.loading);
  const [said, setSaid] = useState<ComponentChildren>(null);
  const isGone = now === null && state === 'ready';
  const overtaken = said ?? (isGone ? 'It was deleted meanwhile.' : now === null ? null : changed(now));
  const guarded = async <Value,>(act: () => Promise<Outcome<Value>>) => {
    const answer = await api().environment(name);
    if (!answer.ok) return answer;
    const why = changed(answer.value);
    if (why === null) return act();
    setSaid(why);
    return null;
  };
  return { now, overtaken, guarded };
}
