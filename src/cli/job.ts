// `signalbox job`: what is still to be done about machines, and what was given up.

import { connect } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, group, withConnection } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { JOB_HEAD, jobPipeRow, jobRow } from './machines/rows.ts';
import { table } from './text/tables.ts';

export function jobCommand() {
  const made = group({
    name: 'job',
    summary: 'What is still to be done about machines, and what was given up.',
    examples: [['signalbox job list', 'what is tried again, when, and why it failed']],
  });
  made.addCommand(
    withConnection(
      command({
        name: 'list',
        summary: 'Builds and machines that a server has still to do something about.',
        examples: [['signalbox job list', 'what is tried again, when, and why it failed']],
        notes: [
          'What was given up is taken up again by asking again: signalbox build cancel, signalbox instance terminate.',
          'In a pipe: id, build or terminate, of what, state, tries that failed, worker, due in seconds, since, last error.',
        ],
      }),
    ).action(list),
  );
  return made;
}

async function list(flags: ConnectionFlags & OutputFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  const all = await gather((page) => client.jobs(page), need);
  if (out.json) return out.object({ items: all.items, next: null, asOf: all.asOf });
  if (all.items.length === 0) return out.talk('nothing is to be done');
  const rows = all.items.map((job) => (out.answersTerminal ? jobRow(job, out.colours) : jobPipeRow(job)));
  const { answersTerminal: terminal, width, colours } = out;
  out.answer(...table(JOB_HEAD, rows, { terminal, width, paintHead: colours.dim }));
}
