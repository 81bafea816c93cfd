// Asking the API for what the stream does not carry: a hook that asks when it is shown, and again when told to.

import { useCallback, useEffect, useState } from 'preact/hooks';
import type { Client } from '../../../src/client/client.ts';
import type { Failure, Outcome } from '../../../src/client/outcome.ts';
import { person } from '../access.ts';
import { api } from '../api.ts';
import { useCell } from '../cell.ts';

export interface Asked<Value> {
  /** The last good answer: it stays while a newer one is asked for, or fails. */
  readonly value: Value | null;
  readonly failure: Failure | null;
  readonly isLoading: boolean;
  readonly again: () => void;
}

/** `of`: what the question depends on; another one is another question. */
export function useAnswer<Value>(
  ask: (client: Client, signal: AbortSignal) => Promise<Outcome<Value>>,
  of: string,
): Asked<Value> {
  const who = useCell(person);
  const [count, setCount] = useState(0);
  const [known, setKnown] = useState<{ of: string; value: Value | null; failure: Failure | null } | null>(null);
  const [isLoading, setLoading] = useState(true);
  useEffect(() => {
    const stop = new AbortController();
    setLoading(true);
    void ask(api(), stop.signal).then((answer) => {
      if (stop.signal.aborted) return;
      setLoading(false);
      setKnown((before) => {
        const value = answer.ok ? answer.value : before?.of === of ? before.value : null;
        return { of, value, failure: answer.ok ? null : answer };
      });
    });
    return () => stop.abort();
  }, [of, count, who]);
  const again = useCallback(() => setCount((before) => before + 1), []);
  const isOfThis = known?.of === of;
  return { value: isOfThis ? known.value : null, failure: isOfThis ? known.failure : null, isLoading, again };
}
