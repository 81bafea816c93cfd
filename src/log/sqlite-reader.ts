// The thread that reads a store's history, on a connection of its own: in WAL mode a reader and the writer do not wait for
// one another, so a look far back holds up no turn.

import type { DatabaseSync } from 'node:sqlite';
import { openForReading } from './sqlite/database.ts';
import { filesOf } from './sqlite/files.ts';
import { History } from './sqlite/history.ts';
import { answerLine } from './sqlite/line.ts';
import type { HistoryAsks } from './sqlite/messages.ts';
import { storeErrorOf } from './sqlite/problems.ts';

let shown = '';
let database: DatabaseSync | null = null;
let history: History | null = null;

function opened(): History {
  if (history === null) throw new Error('the store is not open');
  return history;
}

answerLine<HistoryAsks>(
  {
    open: (path) => {
      shown = path;
      database = openForReading(filesOf(path).database);
      history = new History(database);
      return null;
    },
    events: (query) => opened().events(query),
    oldest: () => opened().oldest(),
    close: () => {
      database?.close();
      return null;
    },
  },
  (error) => storeErrorOf(error, shown),
);
