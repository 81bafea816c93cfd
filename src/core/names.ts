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
const candidatesLookedAt = 2_000;

/** The candidate that differs from `name` by the fewest edits (a third of its length at most), or null. */
export function nearestName(name: string, candidates: Iterable<string>): string | null {
  const lower = name.toLowerCase();
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  let looked = 0;
  for (const candidate of candidates) {
    if (candidate === name) continue;
    if (++looked > candidatesLookedAt) break;
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(lower, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Optimal string alignment distance (a swap of neighbours is one edit); anything >= `limit` is reported as `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let smallest = i;
    for (let j = 1; j <= b.length; j++) {
      const substitute = (last[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min(substitute, (last[j] as number) + 1, (row[j - 1] as number) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (beforeLast[j - 2] as number) + 1);
      row.push(cost);
      if (cost < smallest) smallest = cost;
    }
    if (smallest >= limit) return limit;
    beforeLast = last;
    last = row;
  }
  return Math.min(limit, last[b.length] as number);
}
