// What events about an environment say of how it was before: so the past can be told backwards from the present, however little
// of the history is kept.

import type { EnvironmentRow, EnvironmentState, Labels } from '../rows.ts';

/** As it stands in the data of an event, `was`. Only what has changed is there; who closed it and why, where it was closed. */
export interface FactsBefore {
  readonly capacity?: number;
  readonly labels?: Labels;
  readonly state?: EnvironmentState;
  readonly reason?: string | null;
  readonly by?: string | null;
  readonly sinceAt?: number | null;
}

/** Of what a change gives, how it was. */
export function factsBefore(
  row: EnvironmentRow,
  change: { readonly capacity?: number; readonly labels?: Labels; readonly state?: EnvironmentState },
): FactsBefore {
  return {
    ...(change.capacity !== undefined && { capacity: row.capacity }),
    ...(change.labels !== undefined && { labels: row.labels }),
    ...(change.state !== undefined && { state: row.state }),
    ...(change.state !== undefined &&
      row.state !== 'open' && { reason: row.stateReason, by: row.stateBy, sinceAt: row.stateAt }),
  };
}

export function allFacts(row: EnvironmentRow): FactsBefore {
  return factsBefore(row, row);
}
