// Which spaces a store lists: rows of its `main`, which alone has any.

import { isSpaceName } from '../../core/space-name.ts';
import { openForReading } from './database.ts';
import { storeErrorOf } from './problems.ts';

/** Those beside `main`, by name. `file`: that of `main`. */
export function spacesListedIn(file: string, shown: string): string[] {
  const reading = openForReading(file);
  try {
    const rows = reading.prepare(`SELECT id FROM item WHERE space = 'main' AND kind = 'space' ORDER BY id`).all();
    return rows.map(({ id }) => String(id)).filter(isSpaceName);
  } catch (error) {
    throw storeErrorOf(error, shown);
  } finally {
    reading.close();
  }
}
