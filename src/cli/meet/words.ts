// The sentences of a wait. Pure; every text of somebody else passes through `foreign` here, and none of them begins a line.

import type { Found } from '../../client/conditions.ts';
import type { ConditionReply, Holder } from '../../client/types.ts';
import { formatDuration } from '../text/durations.ts';
import { foreign } from '../text/sanitize.ts';
import type { Pending } from './voice.ts';

export function after(ms: number): string {
  return ms < 1000 ? 'at once' : `after ${formatDuration(ms)}`;
}

/** What is missing, as it stands; `name`: what it is called while nothing has been heard of it. */
export function pendingOf(found: Found | null, name: string): Pending {
  if (found === null) return { name, state: '', sinceMs: null, tries: null };
  const { reply, standsSince } = found;
  return {
    name: foreign(reply.target),
    state: foreign(reply.detail),
    sinceMs: reply.tries === null ? null : standsSince,
    tries: reply.tries,
  };
}

/** `tcp:db:5432  open after 3s`; `signal:migrated  set after 41s by db-migrate #310`. */
export function metWords(reply: ConditionReply, waitedMs: number, width: number): string {
  const isSignal = reply.target.startsWith('signal:');
  const by = isSignal && reply.by !== null ? ` by ${foreign(reply.by, 60)}` : '';
  // What a probe of a port says of itself.
  const state = reply.detail === 'connected' ? 'open' : foreign(reply.detail);
  return `${foreign(reply.target).padEnd(width)}${width === 0 ? '' : ' '} ${state} ${after(waitedMs)}${by}`;
}

/** `signal:migrated failed after 41s: "V42 broke" (by db-migrate #310)`. */
export function failedWords(reply: ConditionReply, waitedMs: number): string {
  const isSignal = reply.target.startsWith('signal:');
  const reason = isSignal ? `"${foreign(reply.detail, 300)}"` : foreign(reply.detail, 300);
  const by = isSignal && reply.by !== null ? ` (by ${foreign(reply.by, 60)})` : '';
  return `${foreign(reply.target)} failed ${after(waitedMs)}: ${reason}${by}`;
}

/** What is said of one that did not come: `last answer 503 Service Unavailable 4s ago, like that since 1m40s (12 tries)`. */
export function missingWords(found: Found | null, atMs: number): string {
  if (found === null) return 'nothing was heard of it';
  const { reply, standsSince, triedAt } = found;
  const near = reply.nearest === null ? '' : ` · did you mean ${foreign(reply.nearest, 60)}?`;
  if (reply.tries === null || triedAt === null) return `${foreign(reply.detail)}${near}`;
  const since = formatDuration(atMs - standsSince);
  const tries = reply.tries === 1 ? '1 try' : `${reply.tries} tries`;
  return `last answer ${foreign(reply.detail)}, ${formatDuration(atMs - triedAt)} ago; like that since ${since} (${tries})`;
}

export function whoText(by: string | null, holder: Holder): string {
  return foreign(holder.name ?? by ?? 'somebody', 60);
}
