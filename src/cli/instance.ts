// `signalbox instance`: the machines that are there, and ending one.

import { connect } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, group, withConnection } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { INSTANCE_HEAD, instancePipeRow, instanceRow } from './machines/rows.ts';
import { machineText } from './machines/words.ts';
import { table } from './text/tables.ts';

interface EndFlags extends ConnectionFlags, OutputFlags {
  readonly reason?: string;
}

export function instanceCommand() {
  const made = group({
    name: 'instance',
    summary: 'Machines that were made for builds.',
    examples: [
      ['signalbox instance list', 'which there are, and of which build'],
      ['signalbox instance terminate i-0aa1 --reason "disk full"', 'end one, by its id here or at the cloud'],
    ],
    notes: ['To end all machines of a build: signalbox build cancel'],
  });
  made.addCommand(
    withConnection(
      command({
        name: 'list',
        summary: 'Machines that are there, or may be.',
        examples: [['signalbox instance list', 'which there are, and of which build']],
        notes: ['In a pipe: id, state, id at the cloud, build, since, by, facts.'],
      }),
    ).action(list),
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
  out.answer(...table(INSTANCE_HEAD, rows, { terminal, width, paintHead: colours.dim }));
}

async function terminate(id: string, flags: EndFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const { reason } = flags;
  const machine = need(await client.terminateInstance(id, { ...(reason !== undefined && { reason }) }));
  if (out.json) return out.object(machine);
  out.talk(`machine ${machineText(machine)} is being ended`, '✓');
}
