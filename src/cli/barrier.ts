// `signalbox barrier`: arrives, and goes on when all parties have come. The arrival is repeated after every lost connection: it
// counts once, and whoever asks again is told the outcome that all others got (src/client/arriving.ts).

import { type MeetEnd, meet } from '../client/arriving.ts';
import type { Problem } from '../client/outcome.ts';
import type { Barrier, BarrierRequest } from '../client/types.ts';
import { variables } from '../config.ts';
import { addressText, cancelBarrier, forgetBarrier, listBarriers, showBarrier } from './barrier-look.ts';
import { type Connection, connect } from './connection/connect.ts';
import { failureOf } from './connection/failures.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, withConnection } from './frame/command.ts';
import { Interruption } from './frame/interrupt.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { BarrierTelling } from './meet/barrier-telling.ts';
import { type Chosen, makeVoice } from './meet/choose-voice.ts';
import { runGeneration } from './meet/generation.ts';
import { after } from './meet/words.ts';
import { inCi } from './run/holder.ts';
import { durationArgument, integerArgument } from './text/arguments.ts';
import { formatDuration } from './text/durations.ts';
import { Failure, usage } from './text/errors.ts';
import { EXIT } from './text/exit-codes.ts';
import { arrivedText, barrierText, brokenText, hadArrivedText } from './text/meet.ts';
import { foreign } from './text/sanitize.ts';

export interface BarrierFlags extends ConnectionFlags, OutputFlags {
  readonly parties?: string;
  readonly as?: string;
  readonly generation?: string;
  readonly timeout?: string;
  readonly fail?: string;
  readonly cancel?: boolean;
  readonly forget?: boolean;
  readonly reason?: string;
  readonly serverWait?: string;
  readonly progress: string;
}

const TICK_MS = 250;
const FIRST_CONTACT_MS = 30_000;

export function barrierCommand() {
  const made = withConnection(
    command({
      name: 'barrier',
      summary: 'Arrive, and go on when all parties have come.',
      examples: [
        ['signalbox barrier shards --parties 5 --as shard-3', 'until five have come, or exit 75 after six hours'],
        ['signalbox barrier deploy --parties api,web,db --as api --timeout 30m', 'until these three have come'],
        [
          'signalbox barrier shards --parties 5 --as shard-3 --fail "tests failed"',
          'nobody passes, all fail with this',
        ],
        ['signalbox barrier list', 'which there are, and who is missing'],
        ['signalbox barrier shards --cancel --reason "wrong branch"', 'break it for everybody who waits'],
      ],
      notes: [
        'In a CI each run meets by itself: its id is the --generation. --generation "" meets across runs.',
        'Exit 0: open. 1: broken by a failure or a cancel. 75: not everybody came in time. 64: not one of the parties.',
      ],
    }),
  )
    .enablePositionalOptions()
    .argument('[barrier]', 'its name')
    .option('--parties <who>', 'how many meet, or their names with commas between')
    .option('--as <party>', 'who you are')
    .option('--generation <text>', 'which meeting of that name (default: the run of the CI)')
    .option('--timeout <duration>', 'from the first arrival on; then it breaks for all (default: 6h)')
    .option('--fail <reason>', 'arrive as failed: it breaks for all')
    .option('--cancel', 'break it for everybody who waits')
    .option('--forget', 'forget it, so that the same name and generation can meet anew')
    .option('--reason <text>', 'with --cancel and --forget: shown to everybody who waits')
    .option(
      '--server-wait <duration>',
      'how long to try to reach the server (default 30s, and for ever once it answered)',
    )
    .option('--progress <how>', 'auto, tty, plain or quiet', 'auto')
    .action(barrier);
  made.addCommand(
    withConnection(
      command({
        name: 'list',
        summary: 'All barriers, and who is missing.',
        examples: [['signalbox barrier list', 'those that are over too, for a day']],
        notes: [
          'In a pipe: name, generation, state, arrived, parties, missing, declared, ended, how, reason, who failed.',
        ],
      }),
    ).action(listBarriers),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'show',
        summary: 'Who has come to a barrier, and who is missing.',
        examples: [['signalbox barrier show shards', 'of this run of the CI']],
      }),
    )
      .argument('<barrier>')
      .option('--generation <text>', 'which meeting of that name (default: the run of the CI)')
      .action((name: string, flags: BarrierFlags) => showBarrier(barrierName(name), generationOf(flags), flags)),
  );
  return made;
}

async function barrier(written: string | undefined, flags: BarrierFlags): Promise<void> {
  if (written === undefined || written === '')
    throw usage('which barrier?', 'signalbox barrier NAME --parties 5 --as PARTY. All of them: signalbox barrier list');
  const name = barrierName(written);
  const generation = generationOf(flags);
  if (flags.cancel || flags.forget) {
    for (const flag of ['parties', 'as', 'timeout', 'fail'] as const)
      if (flags[flag] !== undefined) throw usage(`--${flag} is for arriving, not for --cancel and --forget.`);
    return flags.forget ? forgetBarrier(name, generation, flags) : cancelBarrier(name, generation, flags);
  }
  if (flags.reason !== undefined) throw usage('--reason is for --cancel and --forget. A failure has its own: --fail.');
  await arrive(name, generation, flags);
}

async function arrive(name: string, generation: string, flags: BarrierFlags): Promise<void> {
  const out = new Output(flags);
  if (!flags.as?.trim()) throw usage('--as: who are you? Each party has a name of its own, like shard-3.');
  if (flags.fail?.trim() === '') throw usage('--fail: say why; it is shown to all parties.');
  const party = flags.as;
  const declaration = declarationOf(flags);
  const serverWaitMs = flags.serverWait === undefined ? null : durationArgument(flags.serverWait, '--server-wait');
  const { voice, kind } = makeVoice(out, flags.progress);
  const connection = await connect(flags);

  const startedAt = performance.now();
  const text = barrierText({ name, generation });
  const stop = new Interruption(inCi(variables()));
  const telling = new BarrierTelling(out, voice, text, party);
  const timer = setInterval(() => voice.tick(performance.now()), TICK_MS);
  const end = await meet(connection.client, {
    ...{ name, generation, declaration, signal: stop.signal, pollSeconds: POLL_SECONDS[kind] },
    arrival: { party, ...(flags.fail !== undefined && { failure: { reason: flags.fail } }) },
    firstContactMs: serverWaitMs ?? FIRST_CONTACT_MS,
    maxAwayMs: serverWaitMs,
    onEvent: (event) => telling.hear(event),
  }).finally(() => {
    clearInterval(timer);
    voice.close();
  });
  const waitedMs = performance.now() - startedAt;
  if (stop.exitCode !== null) throw left(text, party, stop.exitCode, waitedMs, telling.hasArrived);
  const meeting = { text, address: addressText(name, flags.generation), waitedMs };
  if (flags.fail !== undefined) return failedOnPurpose(end, meeting, out, connection);
  if (end.kind === 'open') return telling.open(end.barrier, waitedMs);
  throw notOpen(end, meeting, connection);
}

/** Short where somebody looks on, so that what they see is fresh. */
const POLL_SECONDS: Readonly<Record<Chosen['kind'], number>> = { tty: 5, plain: 15, quiet: 60 };

function barrierName(written: string): string {
  return written.replace(/^barrier:/i, '');
}

function generationOf(flags: { readonly generation?: string }): string {
  return flags.generation ?? runGeneration(variables());
}

function declarationOf(flags: BarrierFlags): BarrierRequest | null {
  const { parties, timeout } = flags;
  if (parties === undefined) {
    if (timeout !== undefined) throw usage('--timeout is of the declaration: give --parties with it.');
    return null;
  }
  const milliseconds = timeout === undefined ? null : durationArgument(timeout, '--timeout');
  if (milliseconds !== null && milliseconds < 1000) throw usage(`--timeout: ${timeout} is less than a second.`);
  const timeoutSeconds = milliseconds === null ? null : Math.ceil(milliseconds / 1000);
  return { parties: partiesOf(parties), ...(timeoutSeconds !== null && { timeoutSeconds }) };
}

function partiesOf(written: string): number | string[] {
  if (/^[+-]?\d+$/.test(written.trim())) return integerArgument(written.trim(), '--parties', 1, 1000);
  const names = written.split(',').map((name) => name.trim());
  if (names.some((name) => name === '')) throw usage('--parties: a name between two commas is empty.');
  return names;
}

interface Meeting {
  /** `barrier:shards (7-1)`, for sentences. */
  readonly text: string;
  /** `shards --generation 7-1`, for commands. */
  readonly address: string;
  readonly waitedMs: number;
}

/** What this party wanted is that nobody passes. */
function failedOnPurpose(end: MeetEnd, meeting: Meeting, out: Output, connection: Connection): void {
  const { text } = meeting;
  if (end.kind === 'broken') {
    if (out.json) out.objectLine(end.barrier);
    out.talk(`${text} is broken for all: ${brokenText(end.barrier)}`, '✓');
    return;
  }
  if (end.kind !== 'open') throw notOpen(end, meeting, connection);
  throw new Failure({
    what: `${text} had opened before: this failure stops nobody.`,
    code: 'barrier_open',
  });
}

function notOpen(
  end: Exclude<MeetEnd, { kind: 'open' }>,
  { text, address, waitedMs }: Meeting,
  { settings }: Connection,
): Failure {
  switch (end.kind) {
    case 'broken':
      return broken(end.barrier, end.problem, `${text} broke ${after(waitedMs)}`);
    case 'refused':
      return failureOf(end.refusal, settings, null, { name: address });
    case 'unreachable':
      return failureOf(
        { ok: false, kind: 'unreachable', reason: end.reason, aborted: false, retryAfterMs: null },
        settings,
        formatDuration(end.triedMs),
      );
    case 'stopped':
      return new Failure({ what: `stopped waiting for ${text}.`, code: 'stopped' });
  }
}

function broken(barrier: Barrier, problem: Problem, what: string): Failure {
  const how = barrier.end?.how;
  const why = brokenText(barrier);
  return new Failure({
    // Who failed and who had not come yet are two things, and in one line nobody takes them for the same.
    what: `${what}: ${how === 'failed' ? `${why}; ${hadArrivedText(barrier)}` : why}`,
    code: 'barrier_broken',
    more: [
      ...(how === 'failed' ? [] : [arrivedText(barrier)]),
      'To meet again: the same barrier with another --generation',
    ],
    exitCode: how === 'timed_out' ? EXIT.notGranted : EXIT.no,
    problem,
  });
}

function left(text: string, party: string, exitCode: number, waitedMs: number, hasArrived: boolean): Failure {
  const counts = `${foreign(party, 60)} has arrived and counts for the others. To stop them: --fail, or --cancel`;
  return new Failure({
    what: `stopped after ${formatDuration(waitedMs)}; ${text} was not open.`,
    code: 'stopped',
    exitCode,
    more: hasArrived ? [counts] : [],
  });
}
