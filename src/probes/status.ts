// Which answers of an HTTP server count as ready: `200`, `200-299`, `2xx`, or several of them with commas between.

interface Range {
  readonly from: number;
  readonly to: number;
}

/** What is wrong with the text; null: nothing. */
export function statusFault(text: string): string | null {
  if (text.length > 200) return 'has more than 200 characters';
  return rangesOf(text) === null ? 'is not like 200, 200-299, 2xx or 200,404' : null;
}

export function statusFits(text: string, status: number): boolean {
  return (rangesOf(text) ?? []).some(({ from, to }) => status >= from && status <= to);
}

function rangesOf(text: string): Range[] | null {
  const ranges = text.split(',').map((part) => rangeOf(part.trim()));
  return ranges.every((range) => range !== null) ? ranges : null;
}

function rangeOf(text: string): Range | null {
  const family = /^([1-5])xx$/i.exec(text)?.[1];
  if (family !== undefined) return { from: Number(family) * 100, to: Number(family) * 100 + 99 };
  const [, from, to = from] = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(text) ?? [];
  return from === undefined || Number(from) > Number(to) ? null : { from: Number(from), to: Number(to) };
}
