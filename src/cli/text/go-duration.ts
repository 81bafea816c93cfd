// Durations as Go prints them, for scripts that read what the call-me client has always said: `57.134996ms`, `1m3.2s`.

const MICROSECOND = 1_000n;
const MILLISECOND = 1_000_000n;
const SECOND = 1_000_000_000n;

/** As `time.Duration.String()` does. */
export function goDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return '0s';
  if (nanoseconds < MICROSECOND) return `${nanoseconds}ns`;
  if (nanoseconds < MILLISECOND) return `${decimal(nanoseconds, MICROSECOND)}µs`;
  if (nanoseconds < SECOND) return `${decimal(nanoseconds, MILLISECOND)}ms`;
  const minutes = nanoseconds / SECOND / 60n;
  const seconds = `${decimal(nanoseconds - minutes * 60n * SECOND, SECOND)}s`;
  if (minutes === 0n) return seconds;
  if (minutes < 60n) return `${minutes}m${seconds}`;
  return `${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** `57.134996`: all digits that there are, and no zero at the end. */
function decimal(nanoseconds: bigint, unit: bigint): string {
  const digits = String(unit).length - 1;
  const rest = String(nanoseconds % unit)
    .padStart(digits, '0')
    .replace(/0+$/, '');
  return rest === '' ? String(nanoseconds / unit) : `${nanoseconds / unit}.${rest}`;
}
