// What a space may be called. It becomes part of the names of files, and of labels.

/** The space that is always there, and in which everything is that names no other. */
export const mainSpace = 'main';

/** What files beside that of a store without an ending are called. */
const reserved = new Set(['lock', 'ballast', 'restoring', 'replaced']);

export function isSpaceName(name: string): boolean {
  return !reserved.has(name) && name.length <= 40 && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name);
}
