// Who has not arrived at a barrier. Known where the parties were named; where only their number was said it can often be told
// all the same, because parties mostly are numbered: with shard-1, shard-2, shard-4 and shard-5 of five it is shard-3.

import type { BarrierRow } from '../rows.ts';

interface Missing {
  readonly parties: readonly string[] | null;
  readonly text: string;
}

/** One arrival is asked about by its answer, by who waits and by the streams; and each barrier may have a thousand parties. */
const known = new WeakMap<BarrierRow, Missing>();

/** Names of those who are missing; null where nobody can say. Whoever came to say that they have failed is not missing. */
export function missingParties(barrier: BarrierRow): readonly string[] | null {
  return missingOf(barrier).parties;
}

export function missingCount({ count, arrivals, end }: BarrierRow): number {
  const failed = end?.party ?? null;
  const alsoFailed = failed !== null && !arrivals.some(({ party }) => party === failed);
  return Math.max(0, count - arrivals.length - (alsoFailed ? 1 : 0));
}

/** The same for people, however little is known: `shard-3`, `shard-0 or shard-5`, `2 of 5`. */
export function missingText(barrier: BarrierRow): string {
  return missingOf(barrier).text;
}

function missingOf(barrier: BarrierRow): Missing {
  const before = known.get(barrier);
  if (before !== undefined) return before;
  const missing = reckon(barrier);
  known.set(barrier, missing);
  return missing;
}

function reckon(barrier: BarrierRow): Missing {
  const left = missingCount(barrier);
  if (left === 0) return { parties: [], text: '' };
  const heard = heardOf(barrier);
  if (barrier.names !== null) {
    const present = new Set(heard);
    return named(barrier.names.filter((name) => !present.has(name)));
  }
  const series = seriesOf(heard, barrier.count);
  if (series.length === 1) return named(series[0] as readonly string[]);
  const isEither = left === 1 && series.length === 2;
  return { parties: null, text: isEither ? series.flat().join(' or ') : `${left} of ${barrier.count}` };
}

function named(parties: readonly string[]): Missing {
  return { parties, text: parties.length > 10 ? `${parties.slice(0, 10).join(', ')}, …` : parties.join(', ') };
}

function heardOf({ arrivals, end }: BarrierRow): string[] {
  const arrived = arrivals.map(({ party }) => party);
  const failed = end?.party ?? null;
  return failed === null || arrived.includes(failed) ? arrived : [...arrived, failed];
}

/** Those who are left of each numbering, from 0 or from 1, that fits everybody who has come; one party alone shows none. */
function seriesOf(arrived: readonly string[], count: number): (readonly string[])[] {
  if (arrived.length < 2) return [];
  const parts = arrived.map((party) => /^(.*?)(\d{1,6})(\D*)$/.exec(party));
  const [, before, digits, after] = parts[0] ?? [];
  if (digits === undefined || parts.some((part) => part?.[1] !== before || part?.[3] !== after)) return [];
  const written = parts.map((part) => part?.[2] as string);
  const numbers = written.map(Number);
  const width = widthOf(written);
  // p1 beside p01: two parties, and no numbering has both.
  const taken = new Set(numbers);
  if (width === null || taken.size < numbers.length) return [];
  const left = [0, 1]
    .filter((first) => numbers.every((number) => number >= first && number < first + count))
    .map((first) => Array.from({ length: count }, (_, i) => first + i).filter((number) => !taken.has(number)));
  // Of p10 and p11 nobody can say whether it is p9 or p09 that is left.
  const shortest = Math.min(...written.map(({ length }) => length));
  if (width === 1 && left.flat().some((number) => String(number).length < shortest)) return [];
  return left.map((each) => each.map((number) => `${before}${String(number).padStart(width, '0')}${after}`));
}

/** To how many digits numbers are padded, 1 = not at all; null when they are not written alike. */
function widthOf(numbers: readonly string[]): number | null {
  const padded = numbers.find((number) => /^0\d/.test(number));
  if (padded === undefined) return 1;
  const alike = (number: string): boolean =>
    number.startsWith('0') ? number.length === padded.length : number.length >= padded.length;
  return numbers.every(alike) ? padded.length : null;
}
