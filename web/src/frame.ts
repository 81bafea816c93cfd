// Coalesces changes to one repaint per frame: a burst of 500 is one paint.
//
// Must always hold: whatever is asked for runs, also in a tab that is hidden and paints nothing.

const due = new Set<() => void>();
let isScheduled = false;

/** Runs it once, with the next frame, however often it is asked for until then. */
export function nextFrame(run: () => void): void {
  due.add(run);
  if (isScheduled) return;
  isScheduled = true;
  if (document.hidden) setTimeout(flush, 50);
  else requestAnimationFrame(flush);
}

function flush(): void {
  isScheduled = false;
  const now = [...due];
  due.clear();
  for (const run of now) run();
}

// A frame that was asked for just before the tab was hidden may never come.
document.addEventListener('visibilitychange', () => {
  if (isScheduled && document.hidden) setTimeout(flush, 50);
});
