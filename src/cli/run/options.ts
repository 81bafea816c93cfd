// From the flags of `run` to a plan, or a usage error: everything is looked at before a place in the queue is asked for.

import { type Progress, progresses } from '../speech/mouth.ts';
import { parseDuration } from '../text/durations.ts';
import { type Failure, usage } from '../text/errors.ts';
import { foreign } from '../text/sanitize.ts';
import type { Identity } from './holder.ts';
import { idempotencyKey } from './idempotency.ts';
import type { RunPlan } from './plan.ts';
import { checkWritable } from './result.ts';
import { defaultTtlMs, minTtlMs } from './timing.ts';
import { wantsOf, wantWords } from './wants.ts';

/** As commander hands them over. */
export interface RunFlags {
  readonly label?: readonly string[];
  readonly ttl?: string;
  /** false: --no-wait. */
  readonly wait?: string | boolean;
  readonly priority?: string;
  readonly reason?: string;
  readonly maxHold?: string;
  readonly killAfter?: string;
  readonly serverWait?: string;
  readonly poll?: string;
  readonly progress?: string;
  readonly leave?: boolean;
  readonly keepRunning?: boolean;
  readonly result?: string;
  readonly events?: string;
}

export interface Surroundings {
  readonly identity: Identity;
  readonly ci: boolean;
  /** Unique for this invocation. */
  readonly nonce: string;
  /** SIGNALBOX_RESULT, for `--result` where the flag cannot be given. */
  readonly resultFile: string | null;
}

const defaultServerWaitMs = 30_000;
const defaultPollSeconds = 30;

/** `words`: all arguments; `command`: those after `--`, null when there was none. */
export function planOf(
  words: readonly string[],
  command: readonly string[] | null,
  flags: RunFlags,
  around: Surroundings,
): RunPlan {
  const names = command === null ? words : words.slice(0, words.length - command.length);
  const [file, ...args] = command ?? [];
  if (command === null) throw noCommand('put -- between the environment and the command.', words);
  if (file === undefined) throw noCommand('there is no command after --.', names);
  const wants = wantsOf(names, flags.label ?? []);
  if (wants.length === 0) throw noCommand('which environment? Give a name before --, or --label.', []);
  const ttlMs = duration('--ttl', flags.ttl) ?? defaultTtlMs;
  if (ttlMs < minTtlMs)
    throw usage(`--ttl ${flags.ttl}: the shortest is 10s, or there is no time left to stop the command.`);
  const waitMs = waited(flags.wait);
  const serverWaitMs = duration('--server-wait', flags.serverWait);
  return {
    request: {
      wants,
      holder: around.identity.holder,
      reason: flags.reason ?? null,
      priority: integer('--priority', flags.priority) ?? 0,
      ttlSeconds: ttlMs / 1000,
      queueSeconds: waitMs === null ? null : waitMs / 1000,
      maxHoldSeconds: inSeconds(duration('--max-hold', flags.maxHold)),
    },
    idempotencyKey: idempotencyKey(around.identity.job, around.nonce),
    what: wantWords(wants),
    command: [file, ...args],
    commandShown: foreign(file, 80),
    ttlMs,
    waitMs,
    killAfterMs: duration('--kill-after', flags.killAfter),
    firstContactMs: serverWaitMs ?? defaultServerWaitMs,
    // Once it queues, only somebody who asked for it wants to lose the place because the server is away.
    maxAwayMs: serverWaitMs,
    pollSeconds: poll(flags.poll),
    ci: around.ci,
    leave: flags.leave === true,
    keepRunning: flags.keepRunning === true,
    resultFile: writable('--result', flags.result ?? around.resultFile),
    eventsFile: writable('--events', flags.events ?? null),
    listAhead: true,
  };
}

export function progressOf(written: string | undefined): Progress {
  const found = progresses.find((progress) => progress === (written ?? 'auto'));
  if (found === undefined) throw usage(`--progress ${written}: it is one of ${progresses.join(', ')}.`);
  return found;
}

function noCommand(what: string, names: readonly string[]): Failure {
  return usage(`run: ${what}`, `signalbox run ${foreign(names[0] ?? 'uat')} -- ./deploy.sh`);
}

/** null: as long as it takes. */
function waited(wait: string | boolean | undefined): number | null {
  if (wait === false) return 0;
  return typeof wait === 'string' ? duration('--wait', wait) : null;
}

function poll(written: string | undefined): number {
  const ms = duration('--poll', written);
  if (ms === null) return defaultPollSeconds;
  if (ms < 1000 || ms > 60_000) throw usage(`--poll ${written}: from 1s to 60s.`);
  return Math.floor(ms / 1000);
}

function duration(flag: string, written: string | undefined): number | null {
  if (written === undefined) return null;
  const ms = parseDuration(written);
  if (ms === null) throw usage(`${flag} ${foreign(written)}: not a duration.`, 'Like 90s, 10m, 2h or 1h30m.');
  return ms;
}

function integer(flag: string, written: string | undefined): number | null {
  if (written === undefined) return null;
  if (!/^-?\d{1,9}$/.test(written)) throw usage(`${flag} ${foreign(written)}: not a whole number.`);
  return Number(written);
}

function inSeconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}

function writable(flag: string, file: string | null): string | null {
  const why = file === null ? null : checkWritable(file);
  if (why !== null) throw usage(`${flag} ${foreign(file ?? '')} cannot be written: ${foreign(why)}`);
  return file;
}
