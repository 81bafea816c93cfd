// `signalbox job`: what is to be done about machines, and what was given up.

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
    summary: 'What is to be done about machines, and what was given up.',
    examples: [['signalbox job list', 'what is tried again, when, and why it failed']],
  });
  made.addCommand(
    withConnection(
      command({
        name: 'list',
        summary: 'What is to be done about builds and machines, who is to be told, and the looks at the driver.',
        examples: [['signalbox job list', 'what is tried again, when, and why it failed']],
        notes: [
          'What was given up is taken up again by asking again: signalbox build cancel, signalbox instance terminate.',
          'With a driver there is always a look at it, every few seconds: it lists its machines, and what is not as it is',
          'known here is set right: machines are adopted, ended, or known to be gone.',
          'In a pipe: id, kind (build, terminate, reconcile, notify), of what, state, tries that failed, worker, due in seconds,',
          'since, last error, what is to be done in words, time of the last look, what it has found and set right.',
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
  const now = Date.parse(all.asOf.at);
  const rows = all.items.map((job) => (out.answersTerminal ? jobRow(job, now, out.colours) : jobPipeRow(job)));
  const { answersTerminal: terminal, width, colours } = out;
  out.answer(...table(JOB_HEAD, rows, { terminal, width, paintHead: colours.dim, flexible: 1 }));
}
