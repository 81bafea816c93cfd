// `signalbox wait`: until signals are set, barriers open, environments free, leases over, ports, addresses and databases ready.
// A server is asked, in pieces (src/client/waiting.ts), or, with --local, this machine looks by itself.
//
// Must always hold: stdout is the answer and nothing else (the payload of the one signal, or with --any what came); whatever
// ends the wait is told once, with an exit code that says which of the ends it was.

import { Conditions } from '../client/conditions.ts';
import type { Refusal } from '../client/outcome.ts';
import type { WaitCondition } from '../client/types.ts';
import { type WaitingEnd, waitUntil } from '../client/waiting.ts';
import { variables } from '../config.ts';
import { type Connection, connect } from './connection/connect.ts';
import { failureOf, type Subject } from './connection/failures.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, withConnection } from './frame/command.ts';
import { Interruption } from './frame/interrupt.ts';
import { thisMachine } from './frame/machine.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { type Chosen, makeVoice } from './meet/choose-voice.ts';
import { runGeneration } from './meet/generation.ts';
import { lookOn } from './meet/looking.ts';
import { conditionsOf, longestTryMs, neededMs, shownTarget, type TargetFlags } from './meet/targets.ts';
import { Telling } from './meet/telling.ts';
import { identify, inCi } from './run/holder.ts';
import { durationArgument } from './text/arguments.ts';
import { formatDuration, formatExact } from './text/durations.ts';
import { Failure, usage } from './text/errors.ts';
import { EXIT } from './text/exit-codes.ts';
import { foreign } from './text/sanitize.ts';

interface WaitFlags extends ConnectionFlags, OutputFlags, TargetFlags {
  readonly all?: boolean;
  readonly any?: boolean;
  readonly timeout?: string;
  readonly generation?: string;
  readonly local?: boolean;
  readonly postgresURL?: string;
  readonly serverWait?: string;
  readonly progress: string;
}

const TICK_MS = 250;
const FIRST_CONTACT_MS = 30_000;

export function waitCommand() {
  const made = command({
    name: 'wait',
    summary: 'Wait until something is ready: signals, barriers, environments, ports, addresses, databases.',
    examples: [
      ['signalbox wait tcp:db:5432 http://app/healthz signal:migrated --timeout 2m', 'all of them, or exit 75'],
      ['signalbox wait --any signal:built signal:cached', 'the first one; stdout says which'],
      ['signalbox wait signal:version', 'stdout is what the signal carries, as JSON'],
      ['signalbox wait --local http://localhost:3000 --status 200-299 --contains ok', 'without any server'],
      ['signalbox wait tcp:old:8080 --invert', 'until it is gone'],
    ],
    notes: [
      'Targets: signal:NAME (or NAME) barrier:NAME env:NAME lease:ID instance:ID[/ready] tcp:HOST:PORT http://… https://…',
      '         postgres:NAME postgres://HOST/NAME redis:HOST mysql:HOST dns:NAME[/TYPE] grpc:HOST:PORT[/SERVICE]',
      'Exit 0: came. 1: failed, and why. 75: not in time. 64: cannot be waited for. 77: the server may not connect there.',
    ],
  });
  return withConnection(made)
    .argument('[targets...]', 'what to wait for')
    .option('--all', 'until all have come (the default)')
    .option('--any', 'until one has come')
    .option('--timeout <duration>', 'at most so long (default: as long as it takes); 0s: one look')
    .option('--successes <number>', 'of a probe: so often in a row (default 1)')
    .option('--invert', 'of a probe: until it is down')
    .option('--interval <duration>', 'of a probe: longest time between two tries')
    .option('--connect-timeout <duration>', 'of a probe: how long one try may take (default 5s, tcp 2s)')
    .option('--status <codes>', 'of http: which answers will do, like 200,300-399 (default 2xx)')
    .option('--contains <text>', 'of http: what the answer must contain')
    .option('--insecure', 'TLS without looking at the certificate')
    .option('--generation <text>', 'of a barrier (default: the run of the CI)')
    .option('--local', 'probe from this machine, without a server')
    .option('--postgresURL <url>', 'with --local: the server of postgres:NAME (POSTGRES_URL)')
    .option(
      '--server-wait <duration>',
      'how long to try to reach the server (default 30s, and for ever once it answered)',
    )
    .option('--progress <how>', 'auto, tty, plain or quiet', 'auto')
    .action(wait);
}

async function wait(targets: readonly string[], flags: WaitFlags): Promise<void> {
  const out = new Output(flags);
  if (flags.all && flags.any) throw usage('give --all or --any, not both.');
  if (flags.postgresURL !== undefined && !flags.local)
    throw usage('--postgresURL is for --local: a server has a setting of its own.');
  const generation = { value: flags.generation ?? runGeneration(variables()), asked: flags.generation !== undefined };
  const conditions = conditionsOf(targets, flags, generation);
  const timeoutMs = flags.timeout === undefined ? null : durationArgument(flags.timeout, '--timeout');
  const serverWaitMs = flags.serverWait === undefined ? null : durationArgument(flags.serverWait, '--server-wait');
  const chosen = makeVoice(out, flags.progress);
  const connection = flags.local ? null : await connect(flags);

  const standing = new Conditions(flags.any ? 'any' : 'all', conditions.length);
  const names = conditions.map(({ target }) => shownTarget(target));
  const once = timeoutMs === 0;
  const limit = timeoutMs === null ? '' : once ? ' (one look)' : ` (at most ${formatExact(timeoutMs)})`;
  const what = `${whatText(names, flags.any === true)}${limit}`;
  const telling = new Telling(out, chosen.voice, standing, { names, what, once });
  const stop = new Interruption(inCi(variables()));
  const timer = setInterval(() => telling.tick(performance.now()), TICK_MS);
  const asked: Asked = { conditions, timeoutMs, serverWaitMs, chosen, postgresURL: flags.postgresURL };
  const end = await (connection === null
    ? waitHere(asked, standing, telling, stop)
    : waitThere(connection, asked, standing, telling, stop)
  ).finally(() => {
    clearInterval(timer);
    telling.close();
  });
  if (stop.exitCode !== null) throw stopped(telling, stop.exitCode);
  if (end.kind !== 'over') throw notOver(end, connection, conditions);
  telling.over(end.reply);
  process.exitCode = end.reply.outcome === 'met' ? EXIT.ok : end.reply.outcome === 'failed' ? EXIT.no : EXIT.notGranted;
}

interface Asked {
  readonly conditions: readonly WaitCondition[];
  readonly timeoutMs: number | null;
  readonly serverWaitMs: number | null;
  readonly chosen: Chosen;
  readonly postgresURL: string | undefined;
}

function waitThere(
  { client }: Connection,
  asked: Asked,
  standing: Conditions,
  telling: Telling,
  stop: Interruption,
): Promise<WaitingEnd> {
  const { conditions, timeoutMs, serverWaitMs, chosen } = asked;
  const over = new AbortController();
  if (chosen.kind === 'tty')
    lookOn(
      client,
      standing,
      () => telling.hear({ kind: 'heard', settled: [] }, performance.now()),
      AbortSignal.any([stop.signal, over.signal]),
    );
  return waitUntil(
    client,
    {
      ...{ conditions, timeoutMs, signal: stop.signal, pieceMs: piecesOf(asked) },
      holder: identify(variables(), thisMachine(variables())).holder,
      firstContactMs: serverWaitMs ?? FIRST_CONTACT_MS,
      maxAwayMs: serverWaitMs,
      onEvent: (event) => telling.hear(event, performance.now()),
    },
    standing,
  ).finally(() => over.abort());
}

/** Loads the probes only here: every other command starts without them. */
async function waitHere(
  { conditions, timeoutMs, postgresURL }: Asked,
  standing: Conditions,
  telling: Telling,
  stop: Interruption,
): Promise<WaitingEnd> {
  const { waitLocally } = await import('./wait-local.ts');
  return waitLocally(
    {
      ...{ conditions, timeoutMs, postgresURL, signal: stop.signal },
      onEvent: (event) => telling.hear(event, performance.now()),
    },
    standing,
  );
}

/**
 * The first piece says how things stand after one try of each probe, where there is time for that. The others are short where
 * somebody looks on, so that what they see is fresh, and longer in a log, but never too short for a probe to be met within one.
 */
function piecesOf({ conditions, timeoutMs, chosen }: Asked): (piece: number) => number {
  const usualMs = { tty: 5_000, plain: 15_000, quiet: 60_000 }[chosen.kind];
  const laterMs = Math.min(Math.max(usualMs, neededMs(conditions)), 3_600_000);
  const canLook = timeoutMs === null || longestTryMs(conditions) < timeoutMs;
  return (piece) => (piece === 1 && canLook ? 0 : laterMs);
}

function whatText(names: readonly string[], any: boolean): string {
  const shown =
    names.length <= 10 ? names.join(', ') : `${names.slice(0, 10).join(', ')} and ${names.length - 10} more`;
  return any && names.length > 1 ? `any of ${shown}` : shown;
}

function stopped(telling: Telling, exitCode: number): Failure {
  const { waitedMs, missing } = telling;
  return new Failure({
    what: `stopped after ${formatDuration(waitedMs)}; still missing: ${missing.join(', ')}.`,
    code: 'stopped',
    exitCode,
  });
}

function notOver(
  end: Exclude<WaitingEnd, { kind: 'over' }>,
  connection: Connection | null,
  conditions: readonly WaitCondition[],
): Failure {
  if (end.kind === 'stopped' || connection === null) return new Failure({ what: 'stopped waiting.', code: 'stopped' });
  if (end.kind === 'refused')
    return failureOf(
      end.refusal,
      connection.settings,
      null,
      subjectOf(
        end.refusal,
        end.asked.map((index) => conditions[index]?.target ?? ''),
      ),
    );
  const unreachable = {
    ok: false,
    kind: 'unreachable',
    reason: end.reason,
    aborted: false,
    retryAfterMs: null,
  } as const;
  return failureOf(unreachable, connection.settings, formatDuration(end.triedMs));
}

/** The server names a place in the list that it was sent, which nobody has typed. */
function subjectOf({ problem }: Refusal, targets: readonly string[]): Subject {
  const [, place, field = ''] = /^(?:any|all)\.(\d+)\.(.+)$/.exec(String(problem.field ?? '')) ?? [];
  const target = place === undefined ? undefined : targets[Number(place)];
  if (target === undefined) return {};
  return { about: field === 'target' ? shownTarget(target) : `${foreign(field, 60)} of ${shownTarget(target)}` };
}
