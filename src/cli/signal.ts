// `signalbox signal`: sets a signal, with a payload or as a failure, clears it, and shows which there are. Setting is idempotent,
// so it is tried again while the server is away: a job that has done its work must not fail because of a restart.

import { readFileSync } from 'node:fs';
import type { Signal, SignalRequest } from '../client/types.ts';
import { variables } from '../config.ts';
import { connect } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import { untilAnswered } from './connection/retry.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, withConnection } from './frame/command.ts';
import { thisMachine } from './frame/machine.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { identify } from './run/holder.ts';
import { durationArgument } from './text/arguments.ts';
import { formatExact, formatLeft } from './text/durations.ts';
import { usage } from './text/errors.ts';
import { jsonText, SIGNAL_HEAD, setter, signalPipeRow, signalRow, waitersText } from './text/meet.ts';
import { foreign } from './text/sanitize.ts';
import { table } from './text/tables.ts';
import { formatAge } from './text/times.ts';

interface SetFlags extends ConnectionFlags, OutputFlags {
  readonly data?: string;
  readonly fail?: string;
  readonly clear?: boolean;
  readonly ttl?: string;
  readonly serverWait: string;
}

export function signalCommand() {
  const made = withConnection(
    command({
      name: 'signal',
      summary: 'Tell everybody who waits that something is done, or has failed.',
      examples: [
        ['signalbox signal migrated', 'whoever waits for signal:migrated goes on, later ones too'],
        ['signalbox signal version --data \'{"tag":"1.4.2"}\'', 'with a payload; --data - and --data @FILE read it'],
        ['signalbox signal migrated --fail "V42 broke"', 'whoever waits fails with this reason'],
        ['signalbox signal migrated --clear', 'as if it had never been set'],
        ['signalbox signal list', 'which are set, and who waits for which'],
        ['signalbox signal show version', 'its payload, as JSON'],
      ],
      notes: [
        'A signal stays set until it is cleared or its time is over: seven days, or --ttl. Names may be written signal:NAME.',
      ],
    }),
  )
    .enablePositionalOptions()
    .argument('[signal]', 'its name')
    .option('--data <json>', 'a payload of up to 64 KiB; - reads it from stdin, @FILE from a file')
    .option('--fail <reason>', 'set it as failed')
    .option('--clear', 'clear it')
    .option('--ttl <duration>', 'how long it stays set; never: until it is cleared (default: 7d)')
    .option('--server-wait <duration>', 'how long to try while the server is away', '30s')
    .action(set);
  made.addCommand(
    withConnection(
      command({
        name: 'list',
        summary: 'Signals that are set or failed, and those that somebody waits for.',
        examples: [['signalbox signal list', 'who set it, how long it stays, who waits']],
        notes: ['In a pipe: name, state, by, since, expires, how many wait, who waits, payload as JSON or the reason.'],
      }),
    ).action(list),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'show',
        summary: 'The payload of a signal, as JSON.',
        examples: [['signalbox signal show version', 'null where it carries none']],
        notes: ['Exit 0: set. 1: failed, and why. 75: not set.'],
      }),
    )
      .argument('<signal>')
      .action(show),
  );
  return made;
}

async function set(written: string | undefined, flags: SetFlags): Promise<void> {
  const out = new Output(flags);
  const name = nameOf(written);
  const budgetMs = durationArgument(flags.serverWait, '--server-wait');
  if (flags.clear) {
    if (flags.data !== undefined || flags.fail !== undefined || flags.ttl !== undefined)
      throw usage('--clear goes with none of --data, --fail and --ttl.');
    const { client, need } = await connect(flags);
    need(await untilAnswered(() => client.deleteSignal(name), budgetMs));
    return out.talk(`signal:${foreign(name, 60)} is cleared`, '✓');
  }
  const request = requestOf(name, flags);
  const { client, need } = await connect(flags);
  const signal = need(await untilAnswered(() => client.putSignal(name, request), budgetMs));
  if (out.json) return out.object(signal);
  const how = signal.failure === null ? 'is set' : 'is set as failed';
  const reason = signal.failure === null ? '' : `: "${foreign(signal.failure.reason)}"`;
  out.talk(`signal:${foreign(name, 60)} ${how} ${lasts(signal)}${reason}`, '✓');
}

function lasts({ ttlSeconds }: Signal): string {
  return ttlSeconds === null ? 'until it is cleared' : `for ${formatExact(ttlSeconds * 1000)}`;
}

const OTHERS = /^(barrier|env|lease|instance|tcp|https?|postgres|postgresql|rediss?|mysql|dns|grpcs?):/i;

function nameOf(written: string | undefined): string {
  if (written === undefined || written === '')
    throw usage('which signal?', 'Give its name: signalbox signal migrated. All of them: signalbox signal list');
  if (OTHERS.test(written))
    throw usage(
      `"${foreign(written, 60)}" is something else than a signal.`,
      `A signal that is called so is written signal:${foreign(written, 60)}`,
    );
  return written.replace(/^signal:/i, '');
}

function requestOf(name: string, flags: SetFlags): SignalRequest {
  if (flags.data !== undefined && flags.fail !== undefined)
    throw usage('give --data or --fail, not both: what failed carries its reason.');
  if (flags.fail?.trim() === '') throw usage('--fail: say why; it is shown to everyone who waits.');
  return {
    holder: identify(variables(), thisMachine(variables())).holder,
    ...(flags.data !== undefined && { data: payloadOf(flags.data) }),
    ...(flags.fail !== undefined && { failure: { reason: flags.fail } }),
    ...(flags.ttl !== undefined && { ttlSeconds: ttlOf(flags.ttl, name) }),
  };
}

function ttlOf(written: string, name: string): number | null {
  if (written === 'never' || written === 'none') return null;
  const milliseconds = durationArgument(written, '--ttl');
  if (milliseconds < 1000)
    throw usage(
      `--ttl: ${written} is less than a second.`,
      `To undo it: signalbox signal ${foreign(name, 60)} --clear`,
    );
  return Math.ceil(milliseconds / 1000);
}

/** What is in it is not repeated: it may be a secret. */
function payloadOf(written: string): unknown {
  const [text, from] = written === '-' || written.startsWith('@') ? readPayload(written) : [written, '--data'];
  try {
    return JSON.parse(text);
  } catch {
    throw usage(`${from}: this is not JSON.`, `A text is JSON with quotes around it: --data '"1.4.2"'`);
  }
}

function readPayload(written: string): [text: string, from: string] {
  const file = written === '-' ? 0 : written.slice(1);
  const from = written === '-' ? '--data - (stdin)' : `--data ${written}`;
  try {
    return [readFileSync(file, 'utf8'), from];
  } catch (error) {
    throw usage(`${from}: cannot be read: ${(error as Error).message}`);
  }
}

async function list(flags: ConnectionFlags & OutputFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const all = await gather((page) => client.signals(page), need);
  if (out.json) return out.object({ items: all.items, next: null, asOf: all.asOf });
  if (all.items.length === 0) return out.talk('no signal is set, and nobody waits for one');
  const now = Date.parse(all.asOf.at);
  const rows = all.items.map((signal) =>
    out.answersTerminal ? signalRow(signal, now, out.colours) : signalPipeRow(signal),
  );
  out.answer(
    ...table(SIGNAL_HEAD, rows, {
      terminal: out.answersTerminal,
      width: out.width,
      paintHead: out.colours.dim,
      flexible: 3,
    }),
  );
}

async function show(written: string, flags: ConnectionFlags & OutputFlags): Promise<void> {
  const out = new Output(flags);
  const name = nameOf(written);
  const { client, need } = await connect(flags);
  const signal = need(await client.signal(name), { name: foreign(name, 60) });
  if (out.json) return out.object(signal);
  const age = signal.at === null ? '' : ` since ${formatAge(signal.at, Date.now())}`;
  const left = signal.expiresInSeconds === null ? '' : `, for another ${formatLeft(signal.expiresInSeconds * 1000)}`;
  const waiting = signal.waiting === 0 ? '' : ` · waiting ${waitersText(signal)}`;
  out.talk(`signal:${foreign(name, 60)} is set${age} by ${setter(signal)}${left}${waiting}`, '●');
  out.answer(jsonText(signal.data, out.answersTerminal));
}
