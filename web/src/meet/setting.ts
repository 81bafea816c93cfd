// What somebody has typed to set a signal, checked before it is sent by the same limits as the server's.

import { parseDuration } from '../../../src/cli/text/durations.ts';
import type { SignalRequest } from '../../../src/client/types.ts';

export const maxPayloadBytes = 64 * 1024;
const maxDepth = 64;
const yearSeconds = 366 * 24 * 60 * 60;

export interface Typed {
  readonly name: string;
  readonly isFailure: boolean;
  readonly payload: string;
  readonly reason: string;
  /** `week`: what the server takes when nothing is said; `never`: until it is cleared; else a duration, as in `2h`. */
  readonly ends: 'week' | 'never' | 'after';
  readonly duration: string;
}

export type Checked =
  | { readonly ok: true; readonly request: SignalRequest }
  /** `words` empty: something is not there yet, and nobody needs to be told. */
  | { readonly ok: false; readonly field: 'name' | 'payload' | 'reason' | 'duration'; readonly words: string };

const wrong = (field: 'name' | 'payload' | 'reason' | 'duration', words: string): Checked => ({
  ok: false,
  field,
  words,
});

export function check({ name, isFailure, payload, reason, ends, duration }: Typed): Checked {
  if (name === '') return wrong('name', '');
  if ([...name].length > 200) return wrong('name', 'A name has at most 200 characters.');
  if (/\p{Cc}/u.test(name)) return wrong('name', 'A name has no control characters.');
  const ttl: Pick<SignalRequest, 'ttlSeconds'> = {};
  if (ends === 'never') Object.assign(ttl, { ttlSeconds: null });
  if (ends === 'after') {
    const ms = parseDuration(duration);
    if (ms === null) return wrong('duration', duration.trim() === '' ? '' : 'Write it like 90s, 10m, 2h or 3d.');
    if (ms < 1000 || ms / 1000 > yearSeconds) return wrong('duration', 'From one second to a year.');
    Object.assign(ttl, { ttlSeconds: ms / 1000 });
  }
  if (isFailure) {
    if (reason.trim() === '') return wrong('reason', '');
    if (reason.trim().length > 1000) return wrong('reason', 'At most 1,000 characters.');
    return { ok: true, request: { failure: { reason: reason.trim() }, ...ttl } };
  }
  if (payload.trim() === '') return { ok: true, request: ttl };
  let data: unknown;
  try {
    data = JSON.parse(payload);
  } catch (error) {
    return wrong('payload', `This is no JSON: ${(error as Error).message}`);
  }
  const bytes = new TextEncoder().encode(JSON.stringify(data)).length;
  if (bytes > maxPayloadBytes)
    return wrong('payload', `It has ${bytes} bytes of JSON; ${maxPayloadBytes} are allowed.`);
  if (depthExceeds(data)) return wrong('payload', `It is nested more than ${maxDepth} deep.`);
  return { ok: true, request: { data, ...ttl } };
}

function depthExceeds(data: unknown): boolean {
  let level = [data];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) return true;
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
  }
  return false;
}
