// Text as PostgreSQL takes it. A column of text can hold neither U+0000 nor half of a surrogate pair, and names come from
// outside: these, and other control characters, are written as U+001A and four hexadecimal digits. What always holds: what is read is what was written, and
// two different texts stay different. JSON needs none of it: JSON.stringify writes both as \uXXXX.

import { StoreError } from '../store-error.ts';

const MARK = '\u001a';
/** Control characters, the mark among them, and halves of pairs that stand alone. */
const unsafe = /[\p{Cc}\p{Cs}]/gu;
const marked = new RegExp(`${MARK}([0-9a-f]{4})`, 'g');

export function toColumn(text: string): string {
  return text.replace(unsafe, (unit) => MARK + unit.charCodeAt(0).toString(16).padStart(4, '0'));
}

export function fromColumn(text: string): string {
  return text.includes(MARK)
    ? text.replace(marked, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
    : text;
}

/** The JSON that we wrote ourselves. */
export function fromJson<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new StoreError('store_corrupt', 'the database holds text of ours that is no longer JSON.', { cause });
  }
}
