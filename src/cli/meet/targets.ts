// What is written after `wait`, as conditions of the API: which flags are of which kind of target, and how a target may be shown
// before a server has read it. What a target means is for whoever reads it to say (the server, or `--local`).
//
// Must always hold: a password in a target is shown to nobody.

import type { WaitCondition } from '../../client/types.ts';
import { durationArgument, integerArgument } from '../text/arguments.ts';
import { usage } from '../text/errors.ts';
import { foreign } from '../text/sanitize.ts';

export interface TargetFlags {
  readonly successes?: string;
  readonly invert?: boolean;
  readonly interval?: string;
  readonly connectTimeout?: string;
  readonly status?: string;
  readonly contains?: string;
  readonly insecure?: boolean;
}

/** As many as a server takes. */
const mostTargets = 64;
const ofHttp = /^https?:/i;
const withTls = /^(https?|postgres|postgresql|redis|rediss|mysql|grpc|grpcs):/i;
const ofProbes = /^(https?|tcp|postgres|postgresql|redis|rediss|mysql|dns|grpc|grpcs):/i;
const inside = /^(signal|barrier|env|lease):/i;

/** `generation`: of barriers; `asked`: whether somebody wrote it. */
export function conditionsOf(
  targets: readonly string[],
  flags: TargetFlags,
  generation: { readonly value: string; readonly asked: boolean },
): WaitCondition[] {
  if (targets.length === 0)
    throw usage('what for?', 'Give targets: signal:NAME, tcp:HOST:PORT, http://HOST/PATH, barrier:NAME, env:NAME …');
  if (targets.length > mostTargets)
    throw usage(`${targets.length} targets are too many: one wait has ${mostTargets} at most.`);
  const probes = probeFlags(flags);
  refuseIdleFlags(targets, flags, generation.asked);
  return targets.map((target) => {
    if (/^barrier:/i.test(target))
      return generation.value === '' ? { target } : { target, generation: generation.value };
    if (!ofProbes.test(target)) return { target };
    const { status, contains, insecure, ...all } = probes;
    return {
      ...{ target, ...all },
      ...(ofHttp.test(target) && {
        ...(status !== undefined && { status }),
        ...(contains !== undefined && { contains }),
      }),
      ...(withTls.test(target) && insecure === true && { insecure }),
    };
  });
}

function probeFlags(flags: TargetFlags): Omit<WaitCondition, 'target' | 'generation'> {
  return {
    ...(flags.successes !== undefined && { successes: integerArgument(flags.successes, '--successes', 1, 100) }),
    ...(flags.invert === true && { invert: true }),
    ...(flags.interval !== undefined && { intervalSeconds: secondsWithin(flags.interval, '--interval', 50) }),
    ...(flags.connectTimeout !== undefined && {
      connectTimeoutSeconds: secondsWithin(flags.connectTimeout, '--connect-timeout', 100),
    }),
    ...(flags.status !== undefined && { status: flags.status }),
    ...(flags.contains !== undefined && { contains: flags.contains }),
    ...(flags.insecure === true && { insecure: true }),
  };
}

function secondsWithin(written: string, flag: string, shortestMs: number): number {
  const milliseconds = durationArgument(written, flag);
  if (milliseconds >= shortestMs && milliseconds <= 60_000) return milliseconds / 1000;
  throw usage(`${flag}: ${written} is not between ${shortestMs}ms and 60s.`);
}

/** A flag that changes nothing is a mistake. */
function refuseIdleFlags(targets: readonly string[], flags: TargetFlags, generation: boolean): void {
  const rules: readonly (readonly [flag: string, given: unknown, kind: RegExp, what: string])[] = [
    ['--status', flags.status, ofHttp, 'http targets'],
    ['--contains', flags.contains, ofHttp, 'http targets'],
    ['--insecure', flags.insecure, withTls, 'targets that may use TLS'],
    ['--successes', flags.successes, ofProbes, 'probes (tcp:, http:// …)'],
    ['--invert', flags.invert, ofProbes, 'probes (tcp:, http:// …)'],
    ['--interval', flags.interval, ofProbes, 'probes (tcp:, http:// …)'],
    ['--connect-timeout', flags.connectTimeout, ofProbes, 'probes (tcp:, http:// …)'],
    ['--generation', generation || undefined, /^barrier:/i, 'barriers'],
  ];
  for (const [flag, given, kind, what] of rules)
    if (given !== undefined && !targets.some((target) => kind.test(target)))
      throw usage(`${flag} is for ${what}, and there is none.`);
}

export function isProbe(target: string): boolean {
  return ofProbes.test(target);
}

/** A target of ours as people see it, before whoever reads it has said so: without user, password and query. */
export function shownTarget(target: string): string {
  if (inside.test(target)) return foreign(target);
  if (!target.includes(':')) return `signal:${foreign(target)}`;
  return foreign(target.replace(/^([a-z][a-z0-9+.-]*:(?:\/\/)?).*@/i, '$1').replace(/\?.*$/s, '?…'));
}

/** How long the longest try of a probe may take; 0: there is no probe. */
export function longestTryMs(conditions: readonly WaitCondition[]): number {
  return Math.max(0, ...conditions.filter(({ target }) => isProbe(target)).map(tryMs));
}

function tryMs({ target, connectTimeoutSeconds = /^tcp:/i.test(target) ? 2 : 5 }: WaitCondition): number {
  return connectTimeoutSeconds * 1000;
}

/**
 * How long one piece of a wait has to last so that every probe can be met within it: a try that began in the piece before does
 * not count, and neither do the successes of it.
 */
export function neededMs(conditions: readonly WaitCondition[]): number {
  const each = conditions
    .filter(({ target }) => isProbe(target))
    .map((condition) => {
      const { successes = 1, intervalSeconds = 0.5 } = condition;
      return (successes + 1) * (tryMs(condition) + intervalSeconds * 1200);
    });
  return Math.max(0, ...each);
}
