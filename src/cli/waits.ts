// `signalbox waits`: who waits for what since when, what was waited for in vain within the last hour, and what is being tried, of
// the server that answers. Three lists: below each other on a terminal, in a pipe told apart by the first column.

import type { WaitList } from '../client/types.ts';
import { connect } from './connection/connect.ts';
import { gather } from './connection/pages.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { command, withConnection } from './frame/command.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { type Cell, table } from './text/tables.ts';
import {
  PROBE_HEAD,
  probePipeRow,
  probeRow,
  TIMED_OUT_HEAD,
  timedOutPipeRow,
  timedOutRow,
  WAIT_HEAD,
  waitPipeRow,
  waitRow,
} from './text/waits.ts';

export function waitsCommand() {
  const made = command({
    name: 'waits',
    summary: 'Who waits for what since when, what was waited for in vain, and what is being tried.',
    examples: [
      ['signalbox waits', 'signals, barriers, environments and probes that somebody waits for'],
      ['signalbox waits | awk \'$1 == "timed_out"\'', 'only what did not come within the last hour'],
    ],
    notes: [
      'Of the server that answers. A wait is a request here: signalbox wait asks again every now and then.',
      'In a pipe: waits, timed_out or probe; who (of a probe how many); what; how it stands; since; until.',
      '           Of what timed out the last is when that was, and of a probe the last try.',
    ],
  });
  return withConnection(made).action(waits);
}

type Others = Pick<WaitList, 'timedOut' | 'timedOutCount' | 'probes' | 'probesCount'>;

function ofAll(shown: number, count: number): string {
  return shown < count ? ` (${shown} of ${count})` : '';
}

async function waits(flags: ConnectionFlags & OutputFlags): Promise<void> {
  const out = new Output(flags);
  const { client, need } = await connect(flags);
  // Each page comes with the other two lists, of which the server tells the first hundred.
  let others: Others = { timedOut: [], timedOutCount: 0, probes: [], probesCount: 0 };
  const { items, asOf } = await gather(async (page) => {
    const outcome = await client.waits(page);
    if (outcome.ok) others = outcome.value;
    return outcome;
  }, need);
  const { timedOut, timedOutCount, probes, probesCount } = others;
  if (out.json) return out.object({ ...others, items, next: null, asOf });
  if (items.length === 0) out.talk('nobody waits for anything on this server');
  if (!out.answersTerminal) {
    const rows = [...items.map(waitPipeRow), ...timedOut.map(timedOutPipeRow), ...probes.map(probePipeRow)];
    return out.answer(...table([], rows, { terminal: false, width: 0 }));
  }
  const now = Date.parse(asOf.at);
  const lists: readonly (readonly [title: string, head: readonly string[], rows: (Cell | string)[][]])[] = [
    ['', WAIT_HEAD, items.map((each) => waitRow(each, now))],
    [
      `Timed out within the last hour, and not there yet${ofAll(timedOut.length, timedOutCount)}:`,
      TIMED_OUT_HEAD,
      timedOut.map((each) => timedOutRow(each, now)),
    ],
    [
      `Being tried${ofAll(probes.length, probesCount)}:`,
      PROBE_HEAD,
      probes.map((each) => probeRow(each, now, out.colours)),
    ],
  ];
  let above = false;
  for (const [title, head, rows] of lists) {
    if (rows.length === 0) continue;
    if (above) out.answer('');
    above = true;
    if (title !== '') out.answer(title);
    out.answer(...table(head, rows, { terminal: true, width: out.width, paintHead: out.colours.dim, flexible: 1 }));
  }
}
