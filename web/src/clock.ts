// What time it is on the server, and one timer for all ages that are shown.
//
// Must always hold: nothing that is shown is counted by the browser's wall clock, which may be wrong by minutes.

import { Cell } from './cell.ts';

/** Server time minus our monotonic clock, in ms. Until the server has said, the browser's own clock has to do. */
let offsetMs = Date.now() - performance.now();

/** The server has said that it is this late. */
export function heardTime(at: string): void {
  const time = Date.parse(at);
  if (Number.isFinite(time)) offsetMs = time - performance.now();
}

/** ms since 1970, by the server's clock. */
export function serverNow(): number {
  return performance.now() + offsetMs;
}

/** Changes every second while somebody looks. */
export const second = new Cell(0);

setInterval(() => {
  if (!document.hidden) second.set(second.value + 1);
}, 1000);
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) second.set(second.value + 1);
});
