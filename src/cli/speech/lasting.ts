// The lines that stay, on a terminal as in a log: one list of sentences for both, so that they cannot drift apart.

import { formatDuration } from '../text/durations.ts';
import { foreign } from '../text/sanitize.ts';
import type { Ending, RunEvent } from './events.ts';
import type { Told } from './mouth.ts';
import * as words from './words.ts';

export interface Line {
  /** Stands before the text on a terminal; a blank means that it goes on from the line above. */
  readonly symbol: '✓' | '✗' | '!' | ' ';
  readonly text: string;
}

/** Events after which nothing is waited for any more. */
export const endsWait: ReadonlySet<RunEvent['kind']> = new Set<RunEvent['kind']>([
  'granted',
  'left',
  'not_granted',
  'lost_place',
  'lost',
  'ended',
]);

/** What is said of an event wherever it is told; nothing for the steps of waiting and the grant, which every mouth has its way with. */
export function lastingLines(told: Told, event: RunEvent): readonly Line[] {
  const { what, command, stopMs } = told;
  switch (event.kind) {
    case 'created':
      return warn(words.createdWords(event.environment, event.nearest));
    case 'away':
      return warn(words.awayWords(event.reason, event.queued));
    case 'back':
      return [{ symbol: '✓', text: words.backWords(event.awayMs, event.lease) }];
    case 'lost_place':
      return warn('the place in the queue was lost while the server could not be reached; asking again');
    case 'left':
      return [{ symbol: '✗', text: words.leftWords(what, event.waitedMs, event.confirmed) }];
    case 'renewal_failing':
      return warn(words.failingWords(command, event.reason, event.stopInMs));
    case 'renewed_again':
      return [{ symbol: '✓', text: `renewed again after ${formatDuration(event.failingMs)}` }];
    case 'not_suspended':
      return warn('not suspended: others wait for this lease. Ctrl-C stops the command');
    case 'passed_on':
      return warn(words.passedOnWords(command, event.cause, event.signal));
    case 'lost':
      return [{ symbol: '✗', text: words.lossWords(what, event.loss, event.heldMs, told.ttl) }];
    case 'stopped':
      return [{ symbol: ' ', text: words.stoppedWords(command, event.stopping, stopMs) }];
    case 'leftovers':
      return warn(words.leftoverWords(command, event.count, event.killed));
    case 'ended':
      return endingLines(told, event.ending);
    default:
      return [];
  }
}

/** After a loss also what to mind: the answer to "may I just start it again?". */
function endingLines(told: Told, ending: Ending): Line[] {
  const text = words.endingWords(told.what, told.command, ending);
  const last: Line = { symbol: ending.exitCode === 0 ? '✓' : '✗', text };
  if (ending.outcome !== 'lost') return [last];
  const page = ending.page ? `   ${foreign(ending.page, 300)}` : '';
  const mind = `Someone else may hold ${told.what} now: look before you run this again.${page}`;
  return [{ symbol: ' ', text: mind }, last];
}

function warn(text: string): Line[] {
  return [{ symbol: '!', text }];
}
