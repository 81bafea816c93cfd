// The thread that writes a store, so that no wait for the disk holds up the main thread. It does what it is asked, one thing
// after the other (sqlite/writer.ts), and answers before it does what nobody has to wait for.

import { answerLine } from './sqlite/line.ts';
import type { WriterAsks } from './sqlite/messages.ts';
import { storeErrorOf } from './sqlite/problems.ts';
import { openStore } from './sqlite/store.ts';
import { Writer } from './sqlite/writer.ts';

let shown = '';
let writer: Writer | null = null;

function opened(): Writer {
  if (writer === null) throw new Error('the store is not open');
  return writer;
}

answerLine<WriterAsks>(
  {
    open: (options) => {
      shown = options.path;
      const store = openStore(options);
      writer = new Writer(store);
      return store.isNew;
    },
    state: () => opened().state(),
    rows: (after) => opened().rows(after),
    turn: ({ seq, tick, items, events }) => opened().turn(seq, tick, items, events),
    beat: (tick) => opened().beat(tick),
    prune: ({ beforeAt, limit }) => opened().prune(beforeAt, limit),
    takeBallast: () => opened().takeBallast(),
    close: () => {
      opened().close();
      return null;
    },
  },
  (error) => storeErrorOf(error, shown),
  () => writer?.afterwards(),
);
