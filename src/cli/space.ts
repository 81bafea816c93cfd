// `signalbox space`: the teams that share a server, each in a space of its own. They are the business of admins of main. Which
// space is meant stands in the arguments: none of the commands here is sent to a space, whatever is set.

import type { Space } from '../client/types.ts';
import { type Connection, connect } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, group, withServer } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { foreign } from './text/sanitize.ts';
import { table } from './text/tables.ts';
import { formatTime } from './text/times.ts';

type ServerFlags = Omit<ConnectionFlags, 'space'> & OutputFlags;

export function spaceCommand() {
  const made = group({
    name: 'space',
    summary: 'Teams that share a server, each in a space of its own.',
    examples: [
      ['signalbox space create team-a', 'a world of its own: environments, signals, history, keys'],
      ['signalbox key create ci --space team-a --scope acquire,read', 'a key of it: whoever has it needs no --space'],
      ['signalbox space list', 'which there are'],
      ['signalbox space remove team-a', 'out of service; what it holds stays in the store'],
    ],
    notes: ['All of them need a key of an admin of main, which may also name any space with --space.'],
  });
  made.addCommand(
    withServer(
      command({
        name: 'list',
        summary: 'All spaces.',
        examples: [['signalbox space list', 'and whether this server can reach each']],
      }),
    ).action(list),
  );
  made.addCommand(
    withServer(
      command({
        name: 'create',
        summary: 'Make a space, or say what it is for.',
        examples: [
          ['signalbox space create team-a', 'a-z, 0-9 and single -'],
          ['signalbox space create team-a --description "payments, Anna"', 'again: only the words change'],
        ],
      }),
    )
      .argument('<name>')
      .option('--description <text>', 'for people: whose it is')
      .action(create),
  );
  made.addCommand(
    withServer(
      command({
        name: 'remove',
        summary: 'Put a space out of service. What it holds stays, and is there again when it is made again.',
        examples: [['signalbox space remove team-a', 'its keys are unknown from now on, and who waits is sent away']],
      }),
    )
      .argument('<name>')
      .option('--forget', 'made again, it may begin in another store: fences may come twice')
      .action(remove),
  );
  return made;
}

async function list(flags: ServerFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connectToAll(flags);
  const all = await gather((page) => client.spaces(page), need);
  if (out.json) return out.object({ items: all.items, next: null, asOf: all.asOf });
  const now = Date.parse(all.asOf.at);
  out.answer(
    ...table(
      ['SPACE', 'STATE', 'MADE', 'BY', 'WHAT FOR'],
      all.items.map((space) => rowOf(space, out, now)),
      { terminal: out.answersTerminal, width: out.width, paintHead: out.colours.dim, flexible: 4 },
    ),
  );
}

function rowOf({ name, open, createdAt, createdBy, description }: Space, out: Output, now: number): string[] {
  const made = createdAt === null ? '' : formatTime(createdAt, out.answersTerminal, now);
  return [name, open ? 'open' : 'away', made, foreign(createdBy ?? '', 60), foreign(description)];
}

async function create(name: string, flags: ServerFlags & { readonly description?: string }): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connectToAll(flags);
  const { description } = flags;
  const outcome = await client.putSpace(name, { ...(description !== undefined && { description }) });
  const made = need(outcome, { about: foreign(name, 60) });
  if (out.json) return out.object(made);
  const isNew = outcome.ok && outcome.status === 201;
  const purpose = made.description === '' ? '' : `: ${foreign(made.description)}`;
  out.talk(isNew ? `space ${made.name} is made${purpose}` : `space ${made.name} was there already${purpose}`, '✓');
  if (!made.open) out.talk('its store cannot be reached just now; it is served as soon as that can be', '!');
  if (!isNew) return;
  const { keys } = need(await client.me());
  if (!keys) out.talk('this server asks nobody for a key. First one of main: signalbox key create admin --scope admin');
  out.talk(`its first key: signalbox key create admin --space ${made.name} --scope admin`);
}

async function remove(name: string, { forget = false, ...flags }: ServerFlags & { forget?: boolean }): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connectToAll(flags);
  need(await client.deleteSpace(name, { forget }), { about: foreign(name, 60) });
  out.talk(
    `space ${foreign(name, 60)} is out of service: its keys are unknown, and who waited in it is sent away`,
    '✓',
  );
  out.talk(`what it holds stays in the store, and is there again with: signalbox space create ${foreign(name, 60)}`);
}

/** A space that is still to be made cannot be the one that is asked. */
function connectToAll(flags: ServerFlags): Promise<Connection> {
  return connect({ ...flags, space: null });
}
