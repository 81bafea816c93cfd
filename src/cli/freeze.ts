// `signalbox freeze` and `unfreeze`: let nobody new in, to environments by name, or to all that carry labels, later ones too.
// Holders go on; whoever waits keeps the place.

import type { Environment, Freeze } from '../client/types.ts';
import { type Connection, connect } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, repeated, withConnection } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { labelsArgument, momentArgument } from './text/arguments.ts';
import { Failure, usage } from './text/errors.ts';
import { labelsText } from './text/leases.ts';
import { foreign } from './text/sanitize.ts';
import { table } from './text/tables.ts';
import { formatTime } from './text/times.ts';

interface TargetFlags extends ConnectionFlags, OutputFlags {
  readonly label?: readonly string[];
  readonly all?: boolean;
  readonly as?: string;
}

interface FreezeFlags extends TargetFlags {
  readonly reason?: string;
  readonly until?: string;
  readonly list?: boolean;
}

export function freezeCommand() {
  const made = command({
    name: 'freeze',
    summary: 'Let nobody new in. Holders go on, and whoever waits keeps the place.',
    examples: [
      ['signalbox freeze prod --reason "release week" --until "Mon 08:00"', 'one by name'],
      ['signalbox freeze --label kind=uat --reason "network works"', 'all that carry it, later ones too'],
      ['signalbox freeze --all --as incident-7 --reason "incident 7"', 'everything, under a name of its own'],
      ['signalbox freeze --list', 'the freezes by label'],
    ],
  });
  return withConnection(targets(made))
    .option('--reason <text>', 'shown to everyone who waits; required')
    .option('--until <when>', 'ends by itself: 2h, 18:00, "Mon 08:00", 2026-11-23 08:00')
    .option('--list', 'show the freezes by label')
    .action(freeze);
}

export function unfreezeCommand() {
  const made = command({
    name: 'unfreeze',
    summary: 'End a freeze: the first in line is let in at once.',
    examples: [
      ['signalbox unfreeze prod', 'one by name'],
      ['signalbox unfreeze --label kind=uat', 'the freeze of these labels'],
      ['signalbox unfreeze --as incident-7', 'a freeze by its own name'],
    ],
  });
  return withConnection(targets(made)).action(unfreeze);
}

function targets(made: ReturnType<typeof command>) {
  return made
    .argument('[environments...]', 'names')
    .option('--label <labels>', 'all that carry these, like kind=uat,site=eu', repeated)
    .option('--all', 'every environment')
    .option('--as <name>', 'name of the freeze by label (default: its labels)');
}

async function freeze(names: readonly string[], flags: FreezeFlags): Promise<void> {
  const out = new Output(flags);
  if (flags.list) return list(await connect(flags), out);
  const selector = selectorOf(names, flags);
  if (!flags.reason?.trim()) throw usage('--reason: say why; it is shown to everyone who waits.');
  const until = flags.until === undefined ? undefined : momentArgument(flags.until, '--until', 'ahead', Date.now());
  const { client, need } = await connect(flags);
  const done: (Environment | Freeze)[] = [];
  if (selector !== null) {
    const made = need(
      await client.putFreeze(selector.name, {
        labels: selector.labels,
        reason: flags.reason,
        ...(until !== undefined && { until }),
      }),
    );
    done.push(made);
    out.talk(
      `${labelsText(made.labels) || 'everything'} is frozen, as ${foreign(made.name, 60)}${untilText(made.until, out)}`,
      '✓',
    );
  }
  for (const name of names) {
    const changed = need(
      await client.changeEnvironment(name, {
        state: 'frozen',
        reason: flags.reason,
        ...(until !== undefined && { until }),
      }),
    );
    done.push(changed);
    out.talk(`${foreign(name, 60)} is frozen${untilText(changed.stateUntil, out)}${goesOn(changed)}`, '✓');
  }
  if (out.json) out.object(done.length === 1 ? done[0] : done);
}

async function unfreeze(names: readonly string[], flags: TargetFlags): Promise<void> {
  const out = new Output(flags);
  const selector = selectorOf(names, flags);
  const { client, need } = await connect(flags);
  const done: Environment[] = [];
  if (selector !== null) {
    need(await client.deleteFreeze(selector.name));
    out.talk(`the freeze ${foreign(selector.name, 60)} is over`, '✓');
  }
  for (const name of names) {
    const changed = need(await client.changeEnvironment(name, { state: 'open' }));
    const [freezeName] = changed.frozenBy ?? [];
    // Opened by name while a freeze by label still covers it: it would look as if nobody were let in for no reason.
    if (freezeName !== undefined) throw frozenByLabel(name, freezeName);
    done.push(changed);
    out.talk(`${foreign(name, 60)} is open`, '✓');
  }
  if (out.json) out.object(done.length === 1 ? done[0] : done);
}

function selectorOf(
  names: readonly string[],
  flags: TargetFlags,
): { name: string; labels: Readonly<Record<string, string>> } | null {
  const bySelector = flags.label !== undefined || flags.all === true || flags.as !== undefined;
  if (bySelector && names.length > 0) throw usage('give names, or --label, not both.');
  if (!bySelector && names.length === 0) throw usage('what? Give names of environments, or --label, or --all.');
  if (flags.label !== undefined && flags.all) throw usage('give --label or --all, not both.');
  if (!bySelector) return null;
  const labels = flags.label === undefined ? {} : labelsArgument(flags.label);
  return { name: flags.as ?? nameOf(labels), labels };
}

/** The same labels always make the same name, so that `unfreeze --label` finds what `freeze --label` made. */
function nameOf(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return pairs.length === 0 ? 'everything' : pairs.toSorted().join(',');
}

function frozenByLabel(name: string, freezeName: string): Failure {
  const shown = foreign(freezeName, 60);
  return new Failure({
    what: `${foreign(name, 60)} is frozen by "${shown}", which covers all that carry its labels.`,
    code: 'usage',
    more: [
      `To end that freeze for all of them: signalbox unfreeze --as ${/^[\w.=-]+$/.test(shown) ? shown : `'${shown}'`}`,
    ],
  });
}

async function list({ client, need }: Connection, out: Output): Promise<void> {
  const all = await gather((page) => client.freezes(page), need);
  if (out.json) return out.object({ items: all.items, next: null, asOf: all.asOf });
  if (all.items.length === 0) return out.talk('no freezes by label. Those by name: signalbox status');
  const now = Date.parse(all.asOf.at);
  const rows = all.items.map(({ name, labels, by, reason, at, until }) => [
    foreign(name, 60),
    labelsText(labels) || 'everything',
    foreign(by, 60),
    formatTime(at, out.answersTerminal, now),
    formatTime(until, out.answersTerminal, now),
    foreign(reason),
  ]);
  out.answer(
    ...table(['FREEZE', 'LABELS', 'BY', 'SINCE', 'UNTIL', 'REASON'], rows, {
      terminal: out.answersTerminal,
      width: out.width,
      paintHead: out.colours.dim,
    }),
  );
}

function untilText(until: string | null, out: Output): string {
  return until === null ? '' : ` until ${formatTime(until, out.talksTerminal, Date.now())}`;
}

function goesOn({ held }: Environment): string {
  return held.length === 0 ? '' : `; ${held.length === 1 ? 'its holder goes' : `${held.length} holders go`} on`;
}
