// `signalbox pool`: environments that are machines, built when somebody queues for them.

import { connect } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, group, repeated, withConnection } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { POOL_HEAD, poolDetails, poolPipeRow, poolRow } from './machines/pool-rows.ts';
import { knownPool } from './machines/pools.ts';
import { poolCreate, poolDelete, poolSet } from './pool-changes.ts';
import { table } from './text/tables.ts';

type Flags = ConnectionFlags & OutputFlags;

export function poolCommand() {
  const made = group({
    name: 'pool',
    summary: 'Environments that are machines, built when somebody queues for them.',
    examples: [
      ['signalbox pool create docker --label pool=docker --max 5 --type small …', 'up to five machines'],
      ['signalbox run --label pool=docker -- make test', 'a machine of it, built where none is free'],
      ['signalbox pool list', 'how many machines are there, free, held, being built'],
      ['signalbox pool set docker --min 2 --idle-for 30m', 'change some settings, keep the others'],
      ['signalbox pool delete docker', 'its machines are ended once nobody holds them'],
    ],
    notes: ['The server needs a driver, which makes the machines: signalbox serve --driver command:PATH'],
  });
  made.addCommand(
    withConnection(
      command({
        name: 'list',
        summary: 'All pools, and how many machines each has.',
        examples: [['signalbox pool list', 'which are free, held, being built']],
        notes: [
          'In a pipe: name, labels, machines there, being built, free, held, being ended, places wanted, min, max, idle,',
          'seconds for which it is paused, type, site, env, queue, role, source.',
        ],
      }),
    ).action(list),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'show',
        summary: 'All about one.',
        examples: [['signalbox pool show docker', 'how it stands, and what its machines are built from']],
        notes: ['In a pipe: as in signalbox pool list.'],
      }),
    )
      .argument('<pool>')
      .action(show),
  );
  made.addCommand(
    settings(
      command({
        name: 'create',
        summary: 'Make a pool. Who queues for its labels is given a machine of it, which is built where none is free.',
        examples: [
          [
            'signalbox pool create docker --label pool=docker --max 5 --site org --env ci --queue docker --type small',
            '',
          ],
          ['signalbox pool create … --once --ready-when started', 'one lease each; may be leased as soon as it runs'],
        ],
        notes: [
          'What kind of machine, and where, is handed to the driver of the server as it is written.',
          'A machine says that it is ready with: signalbox instance ready ID',
        ],
      }),
    ).action(poolCreate),
  );
  made.addCommand(
    settings(
      command({
        name: 'set',
        summary: 'Change settings of a pool; the others stay. Machines that are there stay as they were built.',
        examples: [['signalbox pool set docker --max 10 --image none', 'none: what the server takes by itself']],
      }),
    )
      .option('--unlabel <name>', 'take a label off', repeated)
      .option('--no-once', 'a machine serves one lease after the other')
      .action(poolSet),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'delete',
        summary: 'Delete a pool: its machines are ended once nobody holds them.',
        examples: [['signalbox pool delete docker', 'who holds one of its machines goes on']],
      }),
    )
      .argument('<pool>')
      .action(poolDelete),
  );
  return made;
}

function settings(made: ReturnType<typeof command>) {
  return withConnection(made)
    .argument('<pool>')
    .option('--label <labels>', 'what its machines carry, and a lease asks for: pool=docker', repeated)
    .option('--max <number>', 'machines at most')
    .option('--min <number>', 'machines that are there whether anybody wants one or not (default: 0)')
    .option('--idle <number>', 'machines that wait for the next lease (default: 0)')
    .option('--idle-for <duration>', 'how long one that nobody needs is kept (default: 10m)')
    .option('--max-age <duration>', 'how old a machine may become; none: as old as it likes (default: none)')
    .option('--once', 'each machine is ended after its first lease')
    .option('--ready-when <what>', 'it may be leased once it has said so: finished; as soon as it runs: started')
    .option('--ready-within <duration>', 'how long a machine may take to say so (default: 30m)')
    .option('--site <name>', 'which site its machines are for')
    .option('--env <name>', 'which environment of it: staging, production')
    .option('--queue <name>', 'which queue they work on')
    .option('--type <type>', 'what kind of machine, in the words of the driver')
    .option('--role <name>', 'what they are (default: worker)')
    .option('--image <image>', 'what they start from (default: the newest active one of the role)')
    .option('--name-template <template>', 'what they are called')
    .option('--subnet <subnet>', 'where they are')
    .option('--security-group <group>', 'who may reach them')
    .option('--slack-channel <channel>', 'where they are told of');
}

async function list(flags: Flags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const all = await gather((page) => client.pools(page), need);
  if (out.json) return out.object({ items: all.items, next: null, asOf: all.asOf });
  if (all.items.length === 0) return out.talk('there are no pools. The first: signalbox pool create');
  const { answersTerminal: terminal, width, colours } = out;
  const rows = all.items.map((pool) => (terminal ? poolRow(pool, colours) : poolPipeRow(pool)));
  out.answer(...table(POOL_HEAD, rows, { terminal, width, paintHead: colours.dim, flexible: 7 }));
}

async function show(name: string, flags: Flags): Promise<void> {
  const out = new Output(flags);
  const pool = await knownPool(await connect(flags), name);
  if (out.json) return out.object(pool);
  out.answer(
    ...(out.answersTerminal ? poolDetails(pool, out) : table([], [poolPipeRow(pool)], { terminal: false, width: 0 })),
  );
}
