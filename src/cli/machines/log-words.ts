// What happened to a build and its machines, in words. Ids, reasons and facts are other people's text and are made fit to be shown
// here.

import type { HistoryEvent } from '../../client/types.ts';
import { foreign } from '../text/sanitize.ts';
import { cancelledText, failureText, triesText } from './words.ts';

/** `launch 1/2: i-0aa1`; `i-0aa1 is being ended by anna: "disk full"`. A kind that is not known here as it is written. */
export function eventText(event: HistoryEvent): string {
  const { subject, actor, data } = event;
  const machine = foreign(subject, 60);
  const reason = typeof data.reason === 'string' && data.reason !== '' ? data.reason : null;
  switch (event.kind) {
    case 'build.asked':
      return `asked for by ${foreign(actor, 60)}: ${askedText(data)}`;
    case 'build.step':
      return `${text(data.step)}: ${factsOf(data) || 'done'}`;
    case 'build.step_failed': {
      const then = data.again === true ? 'trying again' : 'given up';
      return `${text(data.step) || 'it'} failed (${triesText(Number(data.tries))}): ${foreign(reason ?? '', 300)}; ${then}`;
    }
    case 'build.started':
      return 'all its machines run';
    case 'build.finished':
      return 'all its machines are ready';
    case 'build.failed':
      return `failed ${failureText({ step: String(data.step ?? ''), reason: reason ?? '', tries: Number(data.tries) })}`;
    case 'build.cancelling':
      return `cancelled ${cancelledText({ by: actor, reason, at: event.at })}`;
    case 'build.cancelled':
      return 'all its machines are gone';
    case 'instance.launched':
      return `${machine} runs`;
    case 'instance.adopted':
      return `${machine} was found at the driver, and is one of its machines`;
    case 'instance.ready':
      return `${machine} is ready`;
    case 'instance.ending':
      return `${machine} is being ended ${cancelledText({ by: actor, reason, at: event.at })}`;
    case 'instance.gone':
      return `${machine} is gone${reason === null ? '' : `: ${foreign(reason, 300)}`}`;
    default:
      return `${foreign(event.kind, 60)} ${machine}`;
  }
}

/** `2 × c5.xlarge for org/staging, queue main, role worker`. */
function askedText({ count, instanceType, site, env, queue, role }: HistoryEvent['data']): string {
  const where = `${text(site)}/${text(env)}, queue ${text(queue)}, role ${text(role)}`;
  return `${text(count)} × ${text(instanceType)} for ${where}`;
}

/** What a step has found: the values, as `build show` has them. */
function factsOf({ step, ...facts }: HistoryEvent['data']): string {
  return foreign(Object.values(facts).join(' '), 300);
}

function text(value: unknown): string {
  return foreign(value == null ? '' : String(value), 60);
}
