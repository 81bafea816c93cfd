// Durations as people write and read them: `90s`, `10m`, `1h30m`, `3d4h`. The same form is read and printed.

const DAY = 86_400_000;
const HOUR = 3_600_000;
const MINUTE = 60_000;
const SECOND = 1000;
const FORM = /^(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?$/;
/** Longer than any lease, freeze or history can be meant to be; above it a number is a mistake. */
const LONGEST = 100 * 365 * DAY;

/** Milliseconds, or null when it is not a duration. Units from large to small, each at most once; a bare number is refused. */
export function parseDuration(written: string): number | null {
  const parts = FORM.exec(written.trim().toLowerCase());
  if (parts === null || written.trim() === '') return null;
  const [, days = '0', hours = '0', minutes = '0', seconds = '0', milliseconds = '0'] = parts;
  const total =
    Number(days) * DAY +
    Number(hours) * HOUR +
    Number(minutes) * MINUTE +
    Number(seconds) * SECOND +
    Number(milliseconds);
  return total <= LONGEST ? Math.round(total) : null;
}

/** `0s`, `45s`, `4m12s`, `2h05m`, `3d4h`: two units at most, whole seconds, cut and never rounded up. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${pad(seconds % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h${pad(minutes % 60)}m`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days}d` : `${days}d${hours % 24}h`;
}

/** What is left of a time limit, rounded: just after they began, six hours are `6h00m` and not `5h59m`. */
export function formatLeft(milliseconds: number): string {
  const unit = milliseconds < HOUR ? SECOND : milliseconds < DAY ? MINUTE : HOUR;
  return formatDuration(Math.round(milliseconds / unit) * unit);
}

function pad(value: number): string {
  return String(value).padStart(2, '0');
}

/** A duration that somebody chose (a ttl, a time limit), whole: `2m`, `1h30m`, `500ms`; zero units are left out. */
export function formatExact(milliseconds: number): string {
  const parts: string[] = [];
  let rest = Math.max(0, Math.round(milliseconds));
  for (const [unit, length] of [
    ['d', DAY],
    ['h', HOUR],
    ['m', MINUTE],
    ['s', SECOND],
    ['ms', 1],
  ] as const) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.length === 0 ? '0s' : parts.join('');
}
