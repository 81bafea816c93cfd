// Which tab holds the stream. Browsers keep six connections to a host over HTTP/1.1: with a stream in each, the seventh tab would
// hang without an error.

/** A tab that is hidden for as long gives up a stream of its own. */
const hiddenForMs = 60_000;
const lockName = 'signalbox.stream';

/** Runs `hold` while this tab is the one that should, until the signal. */
export async function holdStream(
  canShare: boolean,
  signal: AbortSignal,
  hold: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  // Locks are there on https and on localhost only.
  if (canShare && navigator.locks) {
    await navigator.locks.request(lockName, { signal }, () => hold(signal)).catch(() => undefined);
    return;
  }
  while (!signal.aborted) {
    await shown(signal);
    const own = new AbortController();
    const end = () => own.abort();
    signal.addEventListener('abort', end, { once: true });
    const stopLooking = whenHiddenLong(end);
    await hold(own.signal);
    stopLooking();
    signal.removeEventListener('abort', end);
  }
}

function shown(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener('visibilitychange', look);
      signal.removeEventListener('abort', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    signal.addEventListener('abort', look);
    look();
  });
}

function whenHiddenLong(run: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(run, hiddenForMs);
  };
  document.addEventListener('visibilitychange', look);
  look();
  return () => {
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', look);
  };
}
