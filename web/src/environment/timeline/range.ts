// Which part of the past is shown. It stands in the address, so that a link shows the same.

export const spans = {
  '1h': 3_600_000,
  '6h': 6 * 3_600_000,
  '24h': 24 * 3_600_000,
  '7d': 7 * 24 * 3_600_000,
  '30d': 30 * 24 * 3_600_000,
} as const;
export type Span = keyof typeof spans;
export const spanNames = Object.keys(spans) as Span[];

export interface Range {
  readonly span: Span;
  /** null: up to now, and on with it. */
  readonly until: number | null;
}

export interface Window {
  readonly from: number;
  readonly to: number;
}

export function rangeOf(search: string, usual: Span): Range {
  const query = new URLSearchParams(search);
  const span = query.get('range') ?? '';
  const until = Date.parse(query.get('until') ?? '');
  return {
    span: Object.hasOwn(spans, span) ? (span as Span) : usual,
    until: Number.isFinite(until) ? until : null,
  };
}

/** The same address with this range; what else stands in it stays. */
export function searchWith(search: string, { span, until }: Range): string {
  const query = new URLSearchParams(search);
  query.set('range', span);
  if (until === null) query.delete('until');
  else query.set('until', new Date(until).toISOString());
  return `?${query}`;
}

export function windowOf({ span, until }: Range, now: number): Window {
  const to = until ?? now;
  return { from: to - spans[span], to };
}

/** By whole spans; what would reach into the future ends now. */
export function moved(range: Range, by: number, now: number): Range {
  const until = (range.until ?? now) + by * spans[range.span];
  return { ...range, until: until >= now ? null : until };
}

/** In (1) or out (-1), around a time; null: around the end, where that is now, else around the middle. */
export function zoomed(range: Range, by: 1 | -1, around: number | null, now: number): Range {
  const at = spanNames.indexOf(range.span) - by;
  const span = spanNames[Math.min(Math.max(at, 0), spanNames.length - 1)] as Span;
  if (span === range.span) return range;
  if (around === null && range.until === null) return { span, until: null };
  const { from, to } = windowOf(range, now);
  const middle = around === null ? (from + to) / 2 : Math.min(Math.max(around, from), to);
  const until = Math.round(middle + spans[span] / 2);
  return { span, until: until >= now ? null : until };
}
