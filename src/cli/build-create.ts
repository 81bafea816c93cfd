// `signalbox build create`: asks for machines, and with --wait tells how far they are until they run.
//
// Must always hold: the id of a build is made before it is asked for, so that an ask whose answer was lost can be repeated and is
// the same build; the id is printed as soon as there is one; whatever ends the waiting leaves the build as it is.

import { randomBytes } from 'node:crypto';
import { followBuild } from '../client/building.ts';
import { isTransient, type Failure as RequestFailure } from '../client/outcome.ts';
import type { Build, BuildRequest } from '../client/types-machines.ts';
import { variables } from '../config.ts';
import { type Connection, connect } from './connection/connect.ts';
import { failureOf } from './connection/failures.ts';
import { untilAnswered } from './connection/retry.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, withConnection } from './frame/command.ts';
import { Interruption } from './frame/interrupt.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { BuildTelling, goesOnLine } from './machines/telling.ts';
import { typed, wantedText } from './machines/words.ts';
import { type Chosen, makeVoice } from './meet/choose-voice.ts';
import { inCi } from './run/holder.ts';
import { durationArgument, integerArgument } from './text/arguments.ts';
import { formatDuration, formatExact } from './text/durations.ts';
import { Failure, usage } from './text/errors.ts';
import { EXIT } from './text/exit-codes.ts';
import { foreign } from './text/sanitize.ts';

interface CreateFlags extends ConnectionFlags, OutputFlags {
  readonly site?: string;
  readonly env?: string;
  readonly queue?: string;
  readonly type?: string;
  readonly role?: string;
  readonly count?: string;
  readonly image?: string;
  readonly subnet?: string;
  readonly securityGroup?: string;
  readonly nameTemplate?: string;
  readonly slackChannel?: string;
  readonly id?: string;
  /** true: for as long as it takes. */
  readonly wait?: string | true;
  readonly serverWait: string;
  readonly progress: string;
}

const machinesAtMost = 100;
const tickMs = 250;

export function createBuild() {
  return withConnection(
    command({
      name: 'create',
      summary: 'Ask for machines. Prints the id of the build.',
      examples: [
        ['signalbox build create --site org --env staging --queue main --type c5.xlarge', 'one; it goes on by itself'],
        ['signalbox build create … --count 2 --wait 10m', 'until both run, or exit 75 after ten minutes'],
        ['signalbox build create … --id "ci-$RUN_ID"', 'again with this id is the same build'],
      ],
      notes: [
        'What kind of machine, and where, is handed to the driver of the server as it is written.',
        'Exit with --wait: 0: all of them run. 1: it failed, or was cancelled, and why. 75: not in time; it goes on.',
        '130, 143: stopped waiting; it goes on.',
      ],
    }),
  )
    .option('--site <name>', 'which site it is for; required')
    .option('--env <name>', 'which environment of it: staging, production; required')
    .option('--queue <name>', 'which queue its machines work on; required')
    .option('--type <type>', 'what kind of machine, in the words of the driver; required')
    .option('--role <name>', 'what they are (default: worker)')
    .option('--count <number>', 'how many (default: 1)')
    .option('--image <image>', 'what they start from (default: what the driver takes)')
    .option('--subnet <subnet>', 'where they are')
    .option('--security-group <group>', 'who may reach them')
    .option('--name-template <template>', 'what they are called')
    .option('--slack-channel <channel>', 'which channel belongs to them')
    .option('--id <id>', 'of your own: the same id is the same build (default: a new one)')
    .option('--wait [duration]', 'until they run; with a duration at most so long')
    .option('--server-wait <duration>', 'how long to try to ask while the server is away', '30s')
    .option('--progress <how>', 'auto, tty, plain or quiet', 'auto')
    .action(create);
}

async function create(flags: CreateFlags): Promise<void> {
  const out = new Output(flags);
  const request = requestOf(flags);
  const { wait } = flags;
  const timeoutMs = typeof wait === 'string' ? durationArgument(wait, '--wait') : null;
  const budgetMs = durationArgument(flags.serverWait, '--server-wait');
  const chosen = makeVoice(out, flags.progress);
  const connection = await connect(flags);
  const stop = new Interruption(inCi(variables()));
  const asked = await untilAnswered(
    () => connection.client.createBuild(request, { signal: stop.signal }),
    budgetMs,
    stop.signal,
  );
  if (!asked.ok)
    throw stop.exitCode === null ? notAsked(asked, connection, request, budgetMs) : stopped(request.id, stop.exitCode);
  const build = asked.value;
  // An id that was made here is nobody else's, however often it was sent.
  const isNew = asked.status === 202 || flags.id === undefined;
  tell(out, build, request, isNew);
  if (wait === undefined) {
    if (out.json) out.object(build);
    else out.talk(`to see how far it is: signalbox build show ${typed(build.id)}`);
    return;
  }
  await follow(out, chosen, connection, { build, timeoutMs, stop });
}

/** The id is the answer; with --json it is in the object. */
function tell(out: Output, build: Build, request: BuildRequest, isNew: boolean): void {
  const isOther = !isNew && differs(build, request);
  if (!out.json) {
    out.answer(typed(build.id));
    out.talk(`build ${typed(build.id)} ${isNew ? 'is asked for' : 'was asked for before'}: ${wantedText(build)}`, '✓');
  }
  if (isOther) out.talk('that is not what is asked for now; for another build give another --id', '!');
}

function differs(build: Build, request: BuildRequest): boolean {
  return Object.entries(request).some(([name, value]) => value !== undefined && build[name as keyof Build] !== value);
}

async function follow(
  out: Output,
  { voice }: Chosen,
  { client, settings }: Connection,
  { build, timeoutMs, stop }: { build: Build; timeoutMs: number | null; stop: Interruption },
): Promise<void> {
  const limit = timeoutMs === null ? '' : ` (at most ${formatExact(timeoutMs)})`;
  const telling = new BuildTelling(out, voice, build, limit);
  const timer = setInterval(() => telling.tick(performance.now()), tickMs);
  const end = await followBuild(client, {
    ...{ build, timeoutMs, signal: stop.signal },
    onEvent: (event) => telling.hear(event, performance.now()),
  }).finally(() => {
    clearInterval(timer);
    telling.close();
  });
  if (end.kind === 'over') {
    telling.over(end.outcome, end.build);
    process.exitCode = end.outcome === 'runs' ? EXIT.ok : EXIT.no;
  } else if (end.kind === 'timed_out') {
    telling.timedOut(end.build);
    process.exitCode = EXIT.notGranted;
  } else if (end.kind === 'refused') throw failureOf(end.refusal, settings);
  else throw stoppedWaiting(build.id, telling.waitedMs, stop.exitCode ?? EXIT.interrupted);
}

function requestOf(flags: CreateFlags): BuildRequest & { readonly id: string } {
  const { site = '', env = '', queue = '', type = '', role, image, subnet, securityGroup } = flags;
  const missing = Object.entries({ '--site': site, '--env': env, '--queue': queue, '--type': type })
    .filter(([, value]) => value.trim() === '')
    .map(([flag]) => flag);
  if (missing.length > 0)
    throw usage(
      `which machines? Missing: ${missing.join(', ')}.`,
      'Like: signalbox build create --site org --env staging --queue main --type c5.xlarge',
    );
  const { nameTemplate, slackChannel, id = `bd_${randomBytes(8).toString('hex')}` } = flags;
  const count = flags.count === undefined ? undefined : integerArgument(flags.count, '--count', 1, machinesAtMost);
  return {
    ...{ id, site, env, queue, instanceType: type },
    ...(role !== undefined && { role }),
    ...(count !== undefined && { count }),
    ...(image !== undefined && { image }),
    ...(subnet !== undefined && { subnet }),
    ...(securityGroup !== undefined && { securityGroup }),
    ...(nameTemplate !== undefined && { nameTemplate }),
    ...(slackChannel !== undefined && { slackChannel }),
  };
}

/** Whether it was heard is not known where no answer came. */
function notAsked(
  failure: RequestFailure,
  { settings }: Connection,
  { id = '' }: BuildRequest,
  budgetMs: number,
): Failure {
  const made = failureOf(failure, settings, budgetMs === 0 ? null : formatDuration(budgetMs));
  if (!isTransient(failure)) return made;
  return new Failure({
    ...{ what: made.message, code: made.code, exitCode: made.exitCode, cause: made },
    more: [...made.more, mayBeThere(id)],
    ...(made.problem !== null && { problem: made.problem }),
  });
}

function stopped(id: string, exitCode: number): Failure {
  return new Failure({
    what: 'stopped before the server answered.',
    code: 'stopped',
    exitCode,
    more: [mayBeThere(id)],
  });
}

function mayBeThere(id: string): string {
  return `It may have been asked for all the same. Again with --id ${foreign(id, 100)} is the same build.`;
}

function stoppedWaiting(id: string, waitedMs: number, exitCode: number): Failure {
  return new Failure({
    what: `stopped waiting for build ${typed(id)} after ${formatDuration(waitedMs)}.`,
    code: 'stopped',
    exitCode,
    more: [goesOnLine(id)],
  });
}
