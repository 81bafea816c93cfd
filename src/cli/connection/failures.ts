// What the server refused, or that it was not there, as an error of three parts: what, why, what next. One place, so that a
// wrong key reads the same from every command.

import type { Failure as ClientFailure, Problem } from '../../client/outcome.ts';
import type { Blocker } from '../../client/types.ts';
import { Failure } from '../text/errors.ts';
import { exitCodeOf } from '../text/exit-codes.ts';
import { blockerText } from '../text/leases.ts';
import { foreign } from '../text/sanitize.ts';
import type { ClientSettings } from './settings.ts';

/** `tried`: how long it was tried, in words, where it was tried more than once. */
export function failureOf(failure: ClientFailure, settings: ClientSettings, tried: string | null = null): Failure {
  return failure.kind === 'unreachable'
    ? unreachable(failure.reason, settings, tried)
    : refused(failure.problem, settings);
}

function unreachable(reason: string, { url }: ClientSettings, tried: string | null): Failure {
  const why = tried === null ? '' : `tried for ${tried} (--server-wait). `;
  return new Failure({
    what: `cannot reach ${url.value}: ${foreign(reason)}.`,
    code: 'unreachable',
    more: [`${why}URL from ${url.from}. Check: signalbox doctor`],
  });
}

function refused(problem: Problem, settings: ClientSettings): Failure {
  const detail = foreign(problem.detail ?? problem.title ?? 'refused without a reason', 500);
  return new Failure({
    what: headline(problem, detail, settings),
    code: foreign(problem.code, 60),
    more: explanation(problem, detail, settings),
    exitCode: exitCodeOf(problem.code, problem.status),
    problem,
  });
}

function headline(problem: Problem, detail: string, settings: ClientSettings): string {
  switch (problem.code) {
    case 'key_unknown':
      return 'the server does not know this key.';
    case 'key_expired':
      return 'this key has expired.';
    case 'unauthenticated':
      return settings.key === null ? `${settings.url.value} wants a key, and there is none here.` : detail;
    case 'environment_busy':
      return busyText(problem) ?? detail;
    default:
      return detail;
  }
}

function explanation(problem: Problem, detail: string, settings: ClientSettings): string[] {
  const { url, key } = settings;
  switch (problem.code) {
    case 'key_unknown':
    case 'key_expired':
      return [
        key === null
          ? `sent: no key, to ${url.value}`
          : `sent: ${keyShown(key.value)} from ${key.from} to ${url.value}`,
        problem.code === 'key_unknown'
          ? 'It may be mistyped, revoked, or of another server. Ask an admin for a new one: signalbox key create'
          : 'Ask an admin for a new one: signalbox key create',
      ];
    case 'unauthenticated':
      return ['Set SIGNALBOX_KEY or SIGNALBOX_KEY_FILE, or: signalbox login'];
    case 'forbidden':
      return scopesLine(problem);
    case 'environment_unknown': {
      const nearest = typeof problem.nearest === 'string' ? problem.nearest : firstText(problem.nearest);
      const asked = nearest !== null && !detail.includes('Did you mean') ? [`Did you mean ${foreign(nearest)}?`] : [];
      return [...asked, 'All that there are: signalbox status'];
    }
    case 'environment_busy':
      return ['To queue for it: without --no-wait. Who holds it, who waits: signalbox queue'];
    case 'too_many_attempts':
      return ['Wait a minute, and look where the wrong key comes from: signalbox doctor'];
    default:
      return problem.field === undefined || detail.includes(problem.field)
        ? []
        : [`it is about: ${foreign(String(problem.field))}`];
  }
}

/** As much of a key as tells which one it is: never its secret. */
export function keyShown(key: string): string {
  return /^sbx_[A-Za-z0-9]+_/.test(key) ? `${key.slice(0, 8)}…` : `a key of ${key.length} characters`;
}

function scopesLine(problem: Problem): string[] {
  const has = textOf(problem.has);
  const needs = textOf(problem.needs);
  return has === null || needs === null ? [] : [`it has: ${has}   it needs: ${needs}`];
}

function textOf(value: unknown): string | null {
  if (Array.isArray(value)) return value.length === 0 ? 'nothing' : foreign(value.join(', '));
  return typeof value === 'string' ? foreign(value) : null;
}

function firstText(value: unknown): string | null {
  const [first] = Array.isArray(value) ? (value as unknown[]) : [];
  return typeof first === 'string' ? first : null;
}

/** `uat is held by shop deploy #1841 since …`: the words of the API are about its own parameters. */
function busyText(problem: Problem): string | null {
  const blockers = Array.isArray(problem.blockedBy) ? (problem.blockedBy as Blocker[]) : [];
  const told = blockers
    .slice(0, 3)
    .map((blocker) => `${blockerText(blocker)}${blocker.since === null ? '' : ` since ${foreign(blocker.since)}`}`);
  return told.length === 0 ? null : `${told.join('; ')}.`;
}
