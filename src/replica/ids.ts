// New ids. The core takes them as arguments, so that the simulation can repeat a run.

import { randomBytes } from 'node:crypto';

export interface Ids {
  lease(): string;
  turn(): string;
}

const letters = '0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

/** `length` letters without those that are mistaken for one another; a little less than 6 bits each. */
export function randomText(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // 228 is the largest multiple of 57 letters in a byte: taking more would favour some letters.
      if (byte < 4 * letters.length && text.length < length) text += letters[byte % letters.length];
    }
  }
  return text;
}

export const randomIds: Ids = {
  lease: () => `ls_${randomText(16)}`,
  turn: () => randomText(16),
};
