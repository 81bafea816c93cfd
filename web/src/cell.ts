// A value that others watch: the smallest thing that a screen and what feeds it can share.

import { useEffect, useState } from 'preact/hooks';

export class Cell<Value> {
  #value: Value;
  readonly #watchers = new Set<(value: Value) => void>();

  constructor(value: Value) {
    this.#value = value;
  }

  get value(): Value {
    return this.#value;
  }

  set(value: Value): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const watcher of [...this.#watchers]) watcher(value);
  }

  /** Returns what ends the watching. */
  watch(watcher: (value: Value) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}

/** The value, and a repaint of the component with each other one. */
export function useCell<Value>(cell: Cell<Value>): Value {
  const [, repaint] = useState(0);
  const shown = cell.value;
  useEffect(() => {
    const again = () => repaint((count) => count + 1);
    const stop = cell.watch(again);
    // It may have changed between the painting and now.
    if (!Object.is(shown, cell.value)) again();
    return stop;
  }, [cell]);
  return shown;
}
