// `signalbox env`: environments, declared and changed. The verbs are the same as everywhere: list, show, create, set, delete;
// and what only environments have: clean, drain, open.

import { envClean, envCreate, envDelete, envDrain, envOpen, envSet } from './env-changes.ts';
import { command, group, repeated, withConnection } from './frame/command.ts';
import { statusOf } from './status.ts';

export function envCommand() {
  const made = group({
    name: 'env',
    summary: 'Environments: declare, change, close, clean, delete.',
    examples: [
      ['signalbox env create uat --label kind=uat', 'declare one'],
      ['signalbox env create db-pool --capacity 3 --ttl 10m', 'three at a time; leases end 10m after the last renewal'],
      ['signalbox env set uat --max-hold 2h --on-expire hold', 'change some settings, keep the others'],
      ['signalbox env drain uat --reason "goes away"', 'nobody new; the holder finishes'],
      ['signalbox env clean uat --reason "looked at it"', 'free what a lost holder left dirty'],
    ],
  });
  made.addCommand(
    withConnection(
      command({
        name: 'list',
        summary: 'All environments; the same as signalbox status.',
        examples: [['signalbox env list', 'all']],
      }),
    )
      .option('--label <labels>', 'only those that carry these', repeated)
      .action((flags) => statusOf(undefined, flags)),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'show',
        summary: 'All about one; the same as signalbox status ENV.',
        examples: [['signalbox env show uat', 'with its queue']],
      }),
    )
      .argument('<environment>')
      .action(statusOf),
  );
  made.addCommand(
    settings(
      command({
        name: 'create',
        summary: 'Declare an environment.',
        examples: [['signalbox env create uat --label kind=uat,site=eu', 'with labels']],
      }),
    ).action(envCreate),
  );
  made.addCommand(
    settings(
      command({
        name: 'set',
        summary: 'Change settings of an environment; the others stay.',
        examples: [['signalbox env set uat --capacity 2 --unlabel site', 'holders are not touched']],
      }),
    )
      .option('--unlabel <name>', 'take a label off', repeated)
      .action(envSet),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'delete',
        summary: 'Delete an environment.',
        examples: [['signalbox env delete uat-7', 'refused while somebody holds it or waits for it']],
      }),
    )
      .argument('<environment>')
      .option('--force', 'end the leases of those who hold it or wait for it')
      .option('--reason <text>', 'shown to them; required with --force')
      .action(envDelete),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'clean',
        summary: 'Free the slots that a lost holder left dirty (--on-expire hold).',
        examples: [['signalbox env clean uat --reason "schema is fine"', 'the next in line is let in']],
      }),
    )
      .argument('<environment>')
      .option('--reason <text>', 'what was found; kept in the history')
      .action(envClean),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'drain',
        summary: 'Let nobody new in, refuse who asks; the holder finishes.',
        examples: [['signalbox env drain uat --reason "rebuilt tonight" --until 22:00', 'until signalbox env open']],
      }),
    )
      .argument('<environment>')
      .option('--reason <text>', 'shown to everyone who asks; required')
      .option('--until <when>', 'opens by itself: 2h, 18:00, "Mon 08:00"')
      .action(envDrain),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'open',
        summary: 'End a drain or a freeze by name.',
        examples: [['signalbox env open uat', 'the first in line is let in at once']],
      }),
    )
      .argument('<environment>')
      .action(envOpen),
  );
  return made;
}

function settings(made: ReturnType<typeof command>) {
  return withConnection(made)
    .argument('<environment>')
    .option('--capacity <number>', 'how many may hold it at a time (default 1)')
    .option('--label <labels>', 'like kind=uat,site=eu', repeated)
    .option('--description <text>', 'for people')
    .option('--on-expire <what>', 'when a holder is lost: free, or hold until it is cleaned')
    .option('--ttl <duration>', 'time to live of leases that do not say; none: until released')
    .option('--max-hold <duration>', 'longest time of a lease, renewed or not; none: no limit');
}
