// `signalbox key`: keys of a server. `generate` is local: it prints a fresh random key for API_KEY and asks nobody.

import { randomBytes } from 'node:crypto';
import type { Key } from '../client/types.ts';
import { connect } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, group, repeated, withConnection } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { integerArgument, secondsArgument } from './text/arguments.ts';
import { Failure, usage } from './text/errors.ts';
import { foreign } from './text/sanitize.ts';
import { table } from './text/tables.ts';
import { formatTime } from './text/times.ts';

interface CreateFlags extends ConnectionFlags, OutputFlags {
  readonly scope?: readonly string[];
  readonly maxPriority?: string;
  readonly expires?: string;
}

export function keyCommand() {
  const made = group({
    name: 'key',
    summary: 'Keys, and what each may do.',
    examples: [
      ['export API_KEY=$(signalbox key generate); signalbox serve', 'an admin key for a new server'],
      ['signalbox key create "shop pipelines" --scope acquire:shop-*,read', 'shown once'],
      ['signalbox key create admin --space team-a --scope admin', 'of another space: for an admin of main'],
      ['signalbox key list', 'never shows a key'],
      ['signalbox key delete k_9f2a', 'from now on it is unknown'],
    ],
    notes: [
      'Scopes: read acquire force signal wait probe build terminate admin; each also for some names only, like acquire:shop-*',
    ],
  });
  made.addCommand(
    command({
      name: 'generate',
      summary: 'Print a fresh random key, for API_KEY. Nothing is sent anywhere.',
      examples: [['signalbox key generate', '256 random bits']],
    }).action(generate),
  );
  made.addCommand(
    withConnection(
      command({ name: 'list', summary: 'All keys.', examples: [['signalbox key list', 'names, scopes, ends']] }),
    ).action(list),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'create',
        summary: 'Make a key. It is printed once, and only its hash is kept.',
        examples: [['signalbox key create ci --scope acquire,read > key.txt', 'the key alone on stdout']],
      }),
    )
      .argument('<name>', 'who or what it is for')
      .option('--scope <scopes>', 'what it may do: acquire,read or acquire:shop-*', repeated)
      .option('--max-priority <number>', 'highest priority that it may ask for (default 0)')
      .option('--expires <duration>', 'when it ends, like 90d (default: never)')
      .action(create),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'delete',
        summary: 'Make a key unknown.',
        examples: [['signalbox key delete 9f2a', 'by its id']],
      }),
    )
      .argument('<id>')
      .action(remove),
  );
  return made;
}

function generate(flags: OutputFlags): void {
  const key = `sbx_${randomBytes(6).toString('hex')}_${randomBytes(32).toString('hex')}`;
  const out = new Output(flags);
  if (out.json) out.object({ key });
  else out.answer(key);
}

async function list(flags: ConnectionFlags & OutputFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const all = await gather((page) => client.keys(page), need);
  if (out.json) return out.object({ items: all.items, next: null, asOf: all.asOf });
  if (all.items.length === 0) return out.talk('no keys but those of the server’s environment (API_KEY)');
  const now = Date.parse(all.asOf.at);
  const rows = all.items.map((key) => rowOf(key, out.answersTerminal, now));
  out.answer(
    ...table(['ID', 'NAME', 'SCOPES', 'PRIORITY', 'ENDS', 'MADE', 'BY'], rows, {
      terminal: out.answersTerminal,
      width: out.width,
      paintHead: out.colours.dim,
    }),
  );
}

function rowOf(key: Key, terminal: boolean, now: number): string[] {
  return [
    key.id,
    foreign(key.name, 60),
    foreign(key.scopes.join(',')),
    `≤ ${key.maxPriority}`.slice(terminal ? 0 : 2),
    key.expiresAt === null && terminal ? 'never' : formatTime(key.expiresAt, terminal, now),
    formatTime(key.createdAt, terminal, now),
    foreign(key.createdBy, 60),
  ];
}

async function create(name: string, flags: CreateFlags): Promise<void> {
  const out = new Output(flags);
  const scopes = (flags.scope ?? [])
    .flatMap((list) => list.split(','))
    .map((scope) => scope.trim())
    .filter((scope) => scope !== '');
  if (scopes.length === 0)
    throw usage(
      '--scope: say what the key may do.',
      'For a pipeline: --scope acquire,read. For some environments only: --scope acquire:shop-*,read',
    );
  const expiresInSeconds = secondsArgument(flags.expires, '--expires');
  const maxPriority =
    flags.maxPriority === undefined
      ? undefined
      : integerArgument(flags.maxPriority, '--max-priority', -1_000_000, 1_000_000);
  const { client, need } = await connect(flags);
  const me = need(await client.me());
  const turnsKeysOn = !me.keys;
  if (turnsKeysOn && (me.space !== 'main' || !scopes.includes('admin'))) throw firstMustBeAdmin(me.space);
  const made = need(
    await client.createKey({
      name,
      scopes,
      ...(maxPriority !== undefined && { maxPriority }),
      ...(expiresInSeconds != null && { expiresInSeconds }),
    }),
  );
  if (out.json) return out.object(made);
  out.answer(made.key ?? '');
  const ofSpace = me.space === 'main' ? '' : ` of space ${me.space}`;
  out.talk(
    `key ${made.id} "${foreign(made.name, 60)}"${ofSpace} may ${foreign(made.scopes.join(', '))}. It is not shown again.`,
    '✓',
  );
  if (turnsKeysOn) out.talk('keys are on now: every request needs one');
}

/** The first key turns keys on: without one that is admin, nobody could ever make another, or delete this one. */
function firstMustBeAdmin(space: string): Failure {
  const [must, how] =
    space === 'main' ? ['admin', 'with --scope admin'] : ['an admin of main', 'with --space main --scope admin'];
  return new Failure({
    what: `the first key of a server must be ${must}: from then on every request needs a key.`,
    code: 'usage',
    more: [`Make that one first, ${how}, or start the server with API_KEY.`],
  });
}

async function remove(id: string, flags: ConnectionFlags & OutputFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  need(await client.deleteKey(id));
  out.talk(`key ${foreign(id, 60)} is deleted`, '✓');
}
