// Asks again when something has changed: at once, but not more often than every so many ms, and never while nobody looks.

import { useEffect, useRef } from 'preact/hooks';

/** `changes`: another value is a change; the first one is none. */
export function useFresh(changes: unknown, again: () => void, everyMs: number): void {
  const state = useRef({ changes, due: false, last: performance.now() });
  const now = state.current;
  if (now.changes !== changes) Object.assign(now, { changes, due: true });
  useEffect(() => {
    if (!now.due) return;
    const ask = () => {
      if (document.hidden || !now.due) return;
      Object.assign(now, { due: false, last: performance.now() });
      again();
    };
    const timer = setTimeout(ask, Math.max(0, now.last + everyMs - performance.now()));
    document.addEventListener('visibilitychange', ask);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', ask);
    };
  }, [changes, again, everyMs]);
}
