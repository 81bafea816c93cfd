// A process that serves a store, to be killed: `node server-child.ts PATH`. It takes one turn after the other and writes the
// number of each to stdout once it is durable. Turn n puts ten rows that say n, of which the last takes the place of the one
// before, and one event.

import { writeSync } from 'node:fs';
import { Hand } from './drafts.ts';
import { openLog } from './opened.ts';

const log = await openLog(`sqlite:${process.argv[2]}`);
const { rows, seq, tick } = await log.load();
const hand = new Hand(log, { seq, tick });
const latest = rows.find(({ id }) => id === 'latest')?.row as { n?: number } | undefined;
writeSync(1, 'open\n');
for (let n = (latest?.n ?? 0) + 1; ; n++) {
  const puts = Array.from({ length: 9 }, (_, k) => ({ id: `turn-${n}-${k}`, row: { n, filler: 'x'.repeat(2_000) } }));
  const { outcome } = await hand.take(
    [...puts, { id: 'latest', row: { n } }],
    [{ subject: `env-${n % 5}`, data: { n } }],
  );
  if (outcome !== 'durable') throw new Error(outcome);
  writeSync(1, `${n}\n`);
}
