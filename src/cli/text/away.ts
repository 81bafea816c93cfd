// That the server cannot be asked now, in the words of every command that tries again. It may be there all the same, and say why
// it cannot do it yet.

import { failureWords } from '../../client/outcome.ts';
import { foreign } from './sanitize.ts';

const tooMany = failureWords({
  ...{ ok: false, kind: 'problem', status: 429, retryAfterMs: null },
  problem: { status: 429, code: 'too_many_waits', detail: '' },
});

/** `server not reachable (connection refused), trying again`; `the server is restarting, trying again`. */
export function awayText(reason: string): string {
  if (reason === tooMany) return `the server is full (${reason}), trying again`;
  // So begin the words for what a server refuses itself (src/client/outcome.ts).
  return `${reason.startsWith('the server ') ? foreign(reason) : `server not reachable (${foreign(reason)})`}, trying again`;
}
