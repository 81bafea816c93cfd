// What the server refused, or that it was not there, as an error of three parts: what, why, what next. One place, so that a
// wrong key reads the same from every command.

import type { Failure as ClientFailure, Problem } from '../../client/outcome.ts';
import type { Blocker } from '../../client/types.ts';
import { Failure } from '../text/errors.ts';
import { exitCodeOf } from '../text/exit-codes.ts';
import { blockerText } from '../text/leases.ts';
import { foreign } from '../text/sanitize.ts';
import type { ClientSettings } from './settings.ts';

/** What was asked for, made fit to be shown, so that what to do next can be typed as it stands. */
export interface Subject {
  /** As it is written after the command: `migrated`, `shards --generation 7-1`. */
  readonly name?: string;
  /** What of the request is meant, where the server names a field of it that nobody has typed: `lease:ls_1`. */
  readonly about?: string;
}

/** `tried`: how long it was tried, in words, where it was tried more than once. */
export function failureOf(
  failure: ClientFailure,
  settings: ClientSettings,
  tried: string | null = null,
  subject: Subject = {},
): Failure {
  return failure.kind === 'unreachable'
    ? unreachable(failure.reason, settings, tried)
    : refused(failure.problem, settings, subject);
}

function unreachable(reason: string, { url }: ClientSettings, tried: string | null): Failure {
  const why = tried === null ? '' : `tried for ${tried} (--server-wait). `;
  return new Failure({
    what: `cannot reach ${url.value}: ${foreign(reason)}.`,
    code: 'unreachable',
    more: [`${why}URL from ${url.from}. Check: signalbox doctor`],
  });
}

function refused(problem: Problem, settings: ClientSettings, subject: Subject): Failure {
  const detail = foreign(problem.detail ?? problem.title ?? 'refused without a reason', 500);
  return new Failure({
    what: headline(problem, detail, settings),
    code: foreign(problem.code, 60),
    more: explanation(problem, detail, settings, subject),
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
    // How to declare it is said below, as it is typed.
    case 'barrier_unknown':
      return detail.replace(/ Declare it first: .*$/, '');
    default:
      return detail;
  }
}

function explanation(problem: Problem, detail: string, settings: ClientSettings, subject: Subject): string[] {
  const { url, key, space } = settings;
  const { name = 'NAME' } = subject;
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
      return isOfAnotherSpace(problem) && space !== null
        ? [`${space.from} asks for ${space.value}. Leave it out, or take a key of ${space.value}.`]
        : scopesLine(problem);
    case 'space_unknown': {
      const from = space === null ? [] : [`It may be mistyped: ${space.value} is asked for by ${space.from}.`];
      return detail.includes('signalbox space list') ? from : [...from, 'All that there are: signalbox space list'];
    }
    case 'too_many_spaces':
      return ['Which there are: signalbox space list. To put one out of service: signalbox space remove NAME'];
    case 'environment_unknown': {
      const nearest = typeof problem.nearest === 'string' ? problem.nearest : firstText(problem.nearest);
      const asked = nearest !== null && !detail.includes('Did you mean') ? [`Did you mean ${foreign(nearest)}?`] : [];
      return [...asked, 'All that there are: signalbox status'];
    }
    case 'environment_busy':
      return ['To queue for it: without --no-wait. Who holds it, who waits: signalbox queue'];
    case 'signal_unset':
      return [`To wait until it is set: signalbox wait signal:${name}. All that there are: signalbox signal list`];
    case 'barrier_unknown':
      return ['It is declared by whoever gives --parties. All that there are: signalbox barrier list'];
    case 'barrier_differs':
      return [`How it is: signalbox barrier show ${name}`];
    case 'party_unknown':
    case 'too_many_parties':
      return [`Who has come: signalbox barrier show ${name}`];
    case 'too_many_waits':
      return ['Try again later. Who waits for what: signalbox waits'];
    case 'payload_too_large':
      return ['Put what is large elsewhere, and pass its address.'];
    case 'too_many_signals':
      return ['Which there are: signalbox signal list. To clear one: signalbox signal NAME --clear'];
    case 'too_many_barriers':
      return ['Which there are: signalbox barrier list. To forget one: signalbox barrier NAME --forget'];
    case 'build_unknown':
      return ['All that there are: signalbox build list'];
    case 'instance_unknown':
      return detail.includes('signalbox instance list') ? [] : ['All that there are: signalbox instance list'];
    // The sentence of the server says where they are listed.
    case 'image_unknown':
      return detail.includes('signalbox image list') ? [] : ['All that there are: signalbox image list'];
    case 'pool_unknown':
      return detail.includes('signalbox pool list') ? [] : ['All that there are: signalbox pool list'];
    case 'too_many_images':
      return ['Which there are: signalbox image list. To forget one: signalbox image forget ID'];
    case 'too_many_pools':
      return ['Which there are: signalbox pool list. To delete one: signalbox pool delete NAME'];
    case 'too_many_builds':
      return [
        'Which there are: signalbox build list, signalbox instance list. To end one: signalbox instance terminate ID',
      ];
    case 'no_driver':
      return [`URL from ${url.from}: ${url.value}. Whoever runs it gives it a driver: signalbox serve --driver …`];
    // The sentence of the server says which setting, or what is meant.
    case 'target_not_allowed':
    case 'invalid_target':
      return subject.about === undefined ? [] : aboutLine(problem, detail, subject);
    case 'signal_failed':
      return [];
    case 'too_many_attempts':
      return ['Wait a minute, and look where the wrong key comes from: signalbox doctor'];
    default:
      return aboutLine(problem, detail, subject);
  }
}

function aboutLine({ field }: Problem, detail: string, { about }: Subject): string[] {
  const meant = about ?? (field === undefined ? null : foreign(String(field)));
  return meant === null || detail.includes(meant) ? [] : [`it is about: ${meant}`];
}

/** As much of a key as tells which one it is: never its secret. */
export function keyShown(key: string): string {
  return /^sbx_[A-Za-z0-9]+_/.test(key) ? `${key.slice(0, 8)}…` : `a key of ${key.length} characters`;
}

/** A key opens its own space, and nothing that it may do there is the matter. */
function isOfAnotherSpace({ has, needs, field }: Problem): boolean {
  return has === undefined && needs === undefined && (field === undefined || field === 'Signalbox-Space');
}

function scopesLine(problem: Problem): string[] {
  const has = textOf(problem.has);
  const needs = textOf(problem.needs);
  // Who has it elsewhere is told so in the sentence.
  return has === null || needs === null || has === needs ? [] : [`it has: ${has}   it needs: ${needs}`];
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
