import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { openSqliteLog } from '../../src/log/sqlite.ts';
import { durableConformance, logConformance, type Place } from './conformance.ts';

function newPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-log-'));
  return {
    open: () => openSqliteLog(join(folder, 'signalbox.db')),
    clear: async () => rmSync(folder, { recursive: true }),
  };
}

describe('sqlite:', () => {
  logConformance(newPlace);
  durableConformance(newPlace);
});
