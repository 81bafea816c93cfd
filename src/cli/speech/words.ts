// The sentences of a run, the same on every mouth. Pure; every text of somebody else passes through `foreign` here, and none of
// them stands at the beginning of a sentence.

import type { Blocker, Holder, Lease } from '../../client/types.ts';
import { awayText } from '../text/away.ts';
import { formatDuration } from '../text/durations.ts';
import { foreign } from '../text/sanitize.ts';
import type { Ending, Loss, StopCause, Stopping } from './events.ts';

/** What is asked for, as the user wrote it: `uat`, `uat + db`, `kind=uat ×2`. */
export type What = string;

export function holderName(holder: Holder | null): string {
  return holder?.name ? foreign(holder.name) : 'someone';
}

export function ordinal(position: number): string {
  const tens = position % 100;
  const ending = tens >= 11 && tens <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][position % 10] ?? 'th');
  return `${position}${ending}`;
}

export function place(position: number | null): string {
  if (position === null) return 'in line';
  return position <= 1 ? 'next in line' : `${ordinal(position)} in line`;
}

/** The blocker that says most: a holder before a freeze before the mere queue. */
export function mainBlocker(lease: Lease): Blocker | null {
  const order: Blocker['why'][] = ['held', 'frozen', 'draining', 'dirty', 'building', 'no_match', 'queue'];
  return [...lease.blockedBy].sort((a, b) => order.indexOf(a.why) - order.indexOf(b.why))[0] ?? null;
}

/** `uat is held`: the first sentence of a wait. */
export function whyWaiting(what: What, lease: Lease): string {
  const blocker = mainBlocker(lease);
  const name = blocker?.environment ? foreign(blocker.environment) : what;
  switch (blocker?.why) {
    case 'held':
      return `${name} is held`;
    case 'frozen':
      return `${name} is frozen`;
    case 'draining':
      return `${name} is draining`;
    case 'dirty':
      return `${name} has to be cleaned`;
    case 'building':
      return `a machine is being built for ${what}`;
    case 'no_match':
      return `nothing matches ${what} at the moment`;
    default:
      return `others wait for ${name}`;
  }
}

/** `held by shop deploy #1841 (anna)`. */
export function blockedWords(blocker: Blocker): string {
  const who = holderName(blocker.holder);
  const reason = blocker.reason ? `: "${foreign(blocker.reason)}"` : '';
  switch (blocker.why) {
    case 'held':
      return `held by ${who}`;
    case 'frozen':
      return `frozen${blocker.holder?.name ? ` by ${who}` : ''}${reason}`;
    case 'draining':
      return `draining${reason}`;
    case 'dirty':
      return 'waiting to be cleaned';
    case 'building':
      return blocker.reason ? foreign(blocker.reason) : 'a machine is being built';
    case 'no_match':
      return 'nothing matches';
    case 'queue':
      return blocker.holder?.name ? `behind ${who}` : 'behind others';
  }
}

export function about(etaSeconds: number | null): string | null {
  return etaSeconds === null ? null : `about ${rough(etaSeconds * 1000)}`;
}

/** An estimate: one unit is enough. */
function rough(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return formatDuration(Math.ceil(ms / 10_000) * 10_000);
  return minutes < 90 ? `${minutes}m` : formatDuration(minutes * 60_000);
}

/** A time of day in UTC for a log: the date only when it is another day. */
export function utc(time: string, nowMs: number): string {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return '?';
  const text = at.toISOString();
  const sameDay = text.slice(0, 10) === new Date(nowMs).toISOString().slice(0, 10);
  return `${sameDay ? text.slice(11, 19) : text.slice(0, 19)}Z`;
}

export function yours(what: What, lease: Lease, waitedMs: number): string {
  const names = lease.granted.map(({ environment }) => foreign(environment)).join(', ');
  const waited = waitedMs < 1000 ? 'at once' : `after ${formatDuration(waitedMs)}`;
  const verb = lease.granted.length > 1 ? 'are' : 'is';
  return `${names === '' ? what : names} ${verb} yours ${waited} · fence ${lease.fence}`;
}

export function createdWords(environment: string, nearest: string | null): string {
  const near = nearest === null ? '' : ` (nearest: ${foreign(nearest)})`;
  return `"${foreign(environment)}" did not exist and was made now${near}. To refuse unknown names: --declared-only on the server`;
}

export function lossWords(what: What, loss: Loss, heldMs: number, ttl: string): string {
  const held = `after ${formatDuration(heldMs)}`;
  switch (loss.kind) {
    case 'revoked':
      return `${what} was taken away ${held} by ${foreign(loss.by)}${quoted(loss.reason)}`;
    case 'ended':
      return `${what} was lost ${held}: ${endWords(loss.how)}${quoted(loss.reason)}`;
    case 'unknown':
      return `${what} was lost ${held}: the server does not know this lease any more`;
    case 'unrenewed':
      return `${what} could not be renewed for ${formatDuration(loss.sinceMs)} (ttl ${ttl}): ${foreign(loss.reason)}`;
    case 'max_hold':
      return `${what} may not be held for longer: its time is over ${held}`;
    case 'asleep':
      return `${what} was not renewed for ${formatDuration(loss.sinceMs)} (ttl ${ttl}): this machine slept, or this process was stopped`;
  }
}

function quoted(reason: string | null): string {
  return reason ? `: "${foreign(reason)}"` : '';
}

function endWords(how: string): string {
  const words: Readonly<Record<string, string>> = {
    expired: 'its time ended without a renewal',
    max_hold: 'it was held for as long as is allowed',
    environment_deleted: 'the environment was deleted',
    released: 'it was released by somebody else',
    stolen: 'it was given to somebody else',
  };
  return words[how] ?? foreign(how);
}

/** `stopping ./deploy.sh (TERM) … stopped in 2s, before anyone else was let in`. */
export function stoppedWords(command: string, stopping: Stopping, stopMs: number): string {
  const { sent, tookMs, spareMs } = stopping;
  const first = sent[0] ?? 'KILL';
  const killed =
    sent.includes('KILL') && sent.length > 1 ? ` … did not stop within ${formatDuration(stopMs)} (KILL)` : '';
  const took = killed === '' ? `stopped in ${formatDuration(tookMs)}` : 'stopped';
  return `stopping ${command} (${first})${killed} … ${took}${spare(spareMs, killed !== '')}`;
}

function spare(spareMs: number | null, close: boolean): string {
  if (spareMs === null) return '; someone else may have been let in meanwhile';
  if (spareMs < 0) return `, ${formatDuration(-spareMs)} after the lease had ended: someone else may have been let in`;
  return close ? ` with ${formatDuration(spareMs)} to spare` : ', before anyone else was let in';
}

export function passedOnWords(command: string, cause: StopCause, signal: string): string {
  const why = cause === 'parent_gone' ? 'the process that started this is gone' : `got ${cause}`;
  return `${why}: ${signal} passed on to ${command}`;
}

export function leftoverWords(command: string, count: number, killed: boolean): string {
  const some = count === 1 ? '1 process that' : `${count} processes that`;
  const left = `${some} ${command} left running ${count === 1 ? 'was' : 'were'}`;
  return killed ? `${left} stopped (--leave keeps them)` : `${left} not stopped: it does not end`;
}

export function leftWords(what: What, waitedMs: number, confirmed: boolean): string {
  const how = confirmed ? '' : ' (the server did not confirm it; the place ends by itself within a minute)';
  return `left the queue of ${what} after ${formatDuration(waitedMs)}${how}. Nothing was run.`;
}

/** The one line at the end. What the exit code stands for is said unless it is 0. */
export function endingWords(what: What, command: string, ending: Ending): string {
  const release = releaseWords(what, ending);
  if (ending.outcome === 'lost')
    return `exit ${ending.exitCode}: the lease of ${what} was lost before ${command} ended`;
  if (ending.outcome === 'not_started') return `${release} · ${command} was not started: ${ending.why ?? 'unknown'}`;
  const ended =
    ending.signal === null ? `${command} exited ${ending.exitCode}` : `${command} was ended by ${ending.signal}`;
  return ending.exitCode === 0
    ? release
    : `${release} · ${ended}${ending.signal === null ? '' : `, exit ${ending.exitCode}`}`;
}

function releaseWords(what: What, ending: Ending): string {
  const held = `after ${formatDuration(ending.heldMs)}`;
  const next = ending.next === null ? '' : ` · next: ${foreign(ending.next)}`;
  if (ending.release === 'released') return `${what} released ${held}${next}`;
  if (ending.release === 'already_ended') return `${what} had ended already, ${held}`;
  const ends = ending.endsInMs === null ? 'with its ttl' : `in ${formatDuration(ending.endsInMs)}`;
  return `${what} could not be released ${held} (server not reachable); it ends by itself ${ends}`;
}

export function awayWords(reason: string, queued: boolean): string {
  const kept = queued ? ' The place in the queue is kept for 60s after the last contact.' : '';
  return `${awayText(reason)}.${kept}`;
}

export function backWords(awayMs: number, lease: Lease): string {
  const still = lease.state === 'waiting' ? `, still ${place(lease.position)}` : '';
  return `connected again after ${formatDuration(awayMs)}${still}`;
}

export function failingWords(command: string, reason: string, stopInMs: number): string {
  const left = formatDuration(stopInMs);
  return `renewal failed (${foreign(reason)}), trying again. ${command} is stopped in ${left} unless a renewal succeeds.`;
}
