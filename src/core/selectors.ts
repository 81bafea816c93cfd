// Which environments a request for labels, a freeze or a key's glob speaks of.

import type { Labels } from './rows.ts';

/** Whether `labels` carry every pair of `selector`; the empty selector matches everything. */
export function labelsMatch(selector: Labels, labels: Labels): boolean {
  for (const key in selector) if (labels[key] !== selector[key]) return false;
  return true;
}

/** The same selector always gives the same text: `kind=db,site=eu`, sorted by key. */
export function selectorText(labels: Labels): string {
  return Object.keys(labels)
    .sort()
    .map((key) => `${key}=${labels[key]}`)
    .join(',');
}

/** Whether a glob, in which `*` stands for any characters, matches the whole name. Linear in the name for each star. */
export function globMatches(glob: string, name: string): boolean {
  if (glob === '*') return true;
  const parts = glob.split('*');
  const first = parts[0] as string;
  if (parts.length === 1) return glob === name;
  const last = parts.at(-1) as string;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  let at = first.length;
  const end = name.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** Whether any of the globs matches; null stands for no limit. */
export function globsMatch(globs: readonly string[] | null, name: string): boolean {
  return globs === null || globs.some((glob) => globMatches(glob, name));
}
