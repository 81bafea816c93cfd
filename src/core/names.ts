// Names of environments, freezes, holders: which are allowed, and which existing one was probably meant.

export const maxNameLength = 200;

/** Why a name is not allowed, as the end of a sentence; null when it is. Any Unicode except control characters is. */
export function nameFault(name: string): string | null {
  if (name.length === 0) return 'is empty';
  // Counted in characters, not UTF-16 units: a person counts what they see.
  if (name.length > maxNameLength && [...name].length > maxNameLength)
    return `is longer than ${maxNameLength} characters`;
  // A lone surrogate is half a character: no encoding can carry it.
  if (/\p{Cc}|\p{Surrogate}/u.test(name)) return 'contains control characters';
  return null;
}

/** How many candidates are looked at: a typo must not cost more in a space of a hundred thousand names. */
const candidatesLookedAt = 500;
/** Names that differ by more than this are different names, however long they are. */
const editsAtMost = 3;

/**
 * The candidate that differs from `name` by the fewest edits (a third of its length, and three, at most), or null. Of names of one
 * or two letters only the same in other letters of case is near: any other is one edit away.
 */
export function nearestName(name: string, candidates: Iterable<string>): string | null {
  const lower = name.toLowerCase();
  let best: string | null = null;
  let limit = Math.min(editsAtMost, Math.floor(name.length / 3)) + 1;
  let looked = 0;
  for (const candidate of candidates) {
    if (candidate === name) continue;
    if (++looked > candidatesLookedAt) break;
    if (Math.abs(candidate.length - name.length) >= limit) continue;
    const distance = editDistance(lower, candidate.toLowerCase(), limit);
    if (distance < limit) {
      best = candidate;
      limit = distance;
    }
  }
  return best;
}

/**
 * Optimal string alignment distance (a swap of neighbours is one edit); anything >= `limit` is reported as `limit`. Only the
 * diagonal band that can stay below the limit is computed: this runs for every environment that is made at first use.
 */
function editDistance(a: string, b: string, limit: number): number {
  const width = b.length + 1;
  let beforeLast = new Uint8Array(width);
  let last = Uint8Array.from({ length: width }, (_, j) => Math.min(j, limit));
  let row = new Uint8Array(width);
  for (let i = 1; i <= a.length; i++) {
    row.fill(limit);
    if (i < limit) row[0] = i;
    let smallest = row[0] as number;
    const end = Math.min(b.length, i + limit - 1);
    for (let j = Math.max(1, i - limit + 1); j <= end; j++) {
      const isSame = a.charCodeAt(i - 1) === b.charCodeAt(j - 1);
      let cost = Math.min(
        (last[j - 1] as number) + (isSame ? 0 : 1),
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
      );
      const isSwap =
        i > 1 && j > 1 && a.charCodeAt(i - 1) === b.charCodeAt(j - 2) && a.charCodeAt(i - 2) === b.charCodeAt(j - 1);
      if (isSwap) cost = Math.min(cost, (beforeLast[j - 2] as number) + 1);
      row[j] = Math.min(cost, limit);
      if (cost < smallest) smallest = cost;
    }
    if (smallest >= limit) return limit;
    [beforeLast, last, row] = [last, row, beforeLast];
  }
  return last[b.length] as number;
}
