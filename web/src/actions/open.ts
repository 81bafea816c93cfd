// What can be done to environments, leases and freezes, for every screen: `openX(…)` shows the dialog of an action,
// `actionsOn…(…)` lists what this person may do to a thing as it is now, for a menu or a row of buttons.
//
// Must always hold: nothing is listed that the key may not do; a dialog acts on what it was opened for, by its id.

import type { Environment, Lease } from '../../../src/client/types.ts';
import { freezes } from '../live/tables.ts';
import type { MenuItem } from '../ui/menu.tsx';
import { openDrain, openFreeze, openOpen } from './closing.tsx';
import { openEndFreeze, openFreezeAll } from './freeze-all.tsx';
import { mayFreezeAll, mayNow, mayTake } from './may.ts';
import { isMine as isMineById } from './mine.ts';
import { openCancel, openRelease } from './release.tsx';
import { openReserve } from './reserve.tsx';
import { openRevoke } from './revoke.tsx';
import { openClean, openDelete } from './upkeep.tsx';

export {
  mayFreezeAll,
  openCancel,
  openClean,
  openDelete,
  openDrain,
  openEndFreeze,
  openFreeze,
  openFreezeAll,
  openOpen,
  openRelease,
  openReserve,
  openRevoke,
};

/** Whether it was asked for from this browser: then it is released, not taken away. */
export function isMine(lease: Lease): boolean {
  return isMineById(lease.id);
}

/** So many holders are in a menu by name; the others are on the page of the environment. */
const namedHolders = 4;

/** What this person may do to an environment now, what is most wanted first. */
export function actionsOnEnvironment(row: Environment): readonly MenuItem[] {
  const { name, state, held, dirty } = row;
  const items: MenuItem[] = [];
  const force = mayNow('force', name);
  const isOne = held.length === 1;
  for (const lease of held.slice(0, namedHolders)) {
    const who = isOne ? '' : ` ${isolated(lease.holder.name ?? lease.id)}`;
    if (isMine(lease)) items.push({ label: `Release${who}…`, run: () => openRelease(lease, name) });
    else if (mayTake(lease))
      items.push({
        label: isOne ? 'Take it away…' : `Take it away from${who}…`,
        run: () => openRevoke(lease, name),
      });
  }
  const isDraining = state === 'draining' || state === 'drained';
  if (mayNow('acquire', name) && !isDraining) items.push({ label: 'Reserve for me…', run: () => openReserve(row) });
  if (dirty > 0 && force) items.push({ label: 'It is clean…', run: () => openClean(row) });
  if (force) {
    if (state === 'open') {
      items.push({ label: 'Freeze…', run: () => openFreeze(row) });
      items.push({ label: 'Drain…', run: () => openDrain(row) });
    } else if (isClosedItself(row)) items.push({ label: 'Open again…', run: () => openOpen(row) });
  }
  if (mayFreezeAll())
    for (const by of row.frozenBy ?? []) {
      const freeze = freezes.get(by);
      if (freeze !== null) items.push({ label: `End the freeze ${isolated(by)}…`, run: () => openEndFreeze(freeze) });
    }
  const [only] = held;
  if (isOne && only !== undefined && !isMine(only) && mayTake(only))
    items.push({ label: 'Release for its holder…', run: () => openRelease(only, name) });
  if (mayNow('admin', name)) items.push({ label: 'Delete…', run: () => openDelete(row) });
  return items;
}

/** A name of others within a text: as <bdi>, where there can be no element. */
function isolated(name: string): string {
  return `\u2068${name}\u2069`;
}

/** Not only by a freeze of labels, which ends by itself. */
function isClosedItself({ frozenBy = [], state, stateReason, stateBy }: Environment): boolean {
  const [first] = frozenBy;
  if (state !== 'frozen' || first === undefined) return true;
  const freeze = freezes.get(first);
  return freeze !== null && (freeze.reason !== stateReason || freeze.by !== stateBy);
}

/** What this person may do to one lease of an environment, held or waiting. */
export function actionsOnLease(lease: Lease, environment: string): readonly MenuItem[] {
  const may = isMine(lease) || mayTake(lease);
  if (lease.state === 'waiting' && may) return [{ label: 'Cancel…', run: () => openCancel(lease, environment) }];
  if (lease.state !== 'held' || !may) return [];
  const release = { label: 'Release…', run: () => openRelease(lease, environment) };
  if (isMine(lease)) return [release];
  return [{ label: 'Take it away…', run: () => openRevoke(lease, environment) }, release];
}
