// `signalbox instance`: the machines that are there, saying that one is ready, and ending one.

import { connect } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, group, withConnection } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { INSTANCE_HEAD, instancePipeRow, instanceRow } from './machines/rows.ts';
import { machineText } from './machines/words.ts';
import { foreign } from './text/sanitize.ts';
import { table } from './text/tables.ts';

interface EndFlags extends ConnectionFlags, OutputFlags {
  readonly reason?: string;
}

export function instanceCommand() {
  const made = group({
    name: 'instance',
    summary: 'Machines that were made for builds.',
    examples: [
      ['signalbox instance list', 'which there are, of which build and pool'],
      ['signalbox instance ready i-0aa1', 'its init script is done; in a pool it can be leased'],
      ['signalbox instance terminate i-0aa1 --reason "disk full"', 'end one, by its id here or at the cloud'],
    ],
    notes: ['To end all machines of a build: signalbox build cancel'],
  });
  made.addCommand(
    withConnection(
      command({
        name: 'list',
        summary: 'Machines that are there, or may be.',
        examples: [['signalbox instance list', 'which there are, of which build and pool']],
        notes: ['In a pipe: id, state, id at the cloud, build, since, by, facts, pool, environment that it is there.'],
      }),
    ).action(list),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'ready',
        summary: 'Say that a machine is ready: its init script is done. Again is the same.',
        examples: [['signalbox instance ready i-0aa1', 'by its id here or at the cloud']],
        notes: [
          'Once all machines of a build are, the build is finished. A machine of a pool can be leased from then on.',
        ],
      }),
    )
      .argument('<instance>', 'its id here or at the cloud')
      .action(ready),
  );
  made.addCommand(
    withConnection(
      command({
        name: 'terminate',
        summary: 'End a machine. Again: what could not be done is tried anew.',
        examples: [['signalbox instance terminate i-0aa1 --reason "disk full"', 'by its id here or at the cloud']],
      }),
    )
      .argument('<instance>', 'its id here or at the cloud')
      .option('--reason <text>', 'shown in the history')
      .action(terminate),
  );
  return made;
}

async function list(flags: ConnectionFlags & OutputFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const all = await gather((page) => client.instances(page), need);
  if (out.json) return out.object({ items: all.items, next: null, asOf: all.asOf });
  if (all.items.length === 0) return out.talk('there are no machines');
  const now = Date.parse(all.asOf.at);
  const { answersTerminal: terminal, width, colours } = out;
  const rows = all.items.map((each) => (terminal ? instanceRow(each, now, colours) : instancePipeRow(each)));
  out.answer(...table(INSTANCE_HEAD, rows, { terminal, width, paintHead: colours.dim, flexible: 5 }));
}

async function ready(id: string, flags: ConnectionFlags & OutputFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const machine = need(await client.instanceReady(id));
  if (out.json) return out.object(machine);
  const { environment, pool, state } = machine;
  const leased = environment === null ? '' : `; it is ${foreign(environment, 100)} of pool ${foreign(pool ?? '', 60)}`;
  if (state === 'ready') out.talk(`machine ${machineText(machine)} is ready${leased}`, '✓');
  else out.talk(`machine ${machineText(machine)} is ${foreign(state, 20)}; that it is ready changes nothing`, '!');
}

async function terminate(id: string, flags: EndFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const { reason } = flags;
  const machine = need(await client.terminateInstance(id, { ...(reason !== undefined && { reason }) }));
  if (out.json) return out.object(machine);
  out.talk(`machine ${machineText(machine)} is being ended`, '✓');
}
