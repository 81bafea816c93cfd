// When the next try is. What always holds: the pauses grow from the first one to the longest that was asked for, and no two
// probers stay in step.

const firstPauseMs = 50;
const growth = 1.5;
const jitter = 0.2;

/** The pause after this one, null being none yet; before jitter. */
export function nextPauseMs(pauseMs: number | null, longestMs: number): number {
  return Math.min(pauseMs === null ? firstPauseMs : pauseMs * growth, longestMs);
}

/** The pause a fifth longer or shorter, as `dice` (0 to 1) falls. */
export function jittered(pauseMs: number, dice: number): number {
  return pauseMs * (1 - jitter + 2 * jitter * dice);
}
