// What can be done to environments, leases and freezes, for every screen: `openX(…)` shows the dialog of an action, `actionsOn…`
// lists what this person may do to a thing as it is now, for a menu or a row of buttons.
//
// Must always hold: nothing is listed that the key may not do; each dialog acts on what it was opened for, by its id.

import type { Environment, Freeze, Labels, Lease } from '../../../src/client/types.ts';
import type { MenuItem } from '../ui/menu.tsx';

/** Take it away from whoever holds it or waits for it, with a reason; with a tick, for oneself. Needs `force`. */
export function openRevoke(_lease: Lease, _environment: string): void {}

/** Give back what one holds oneself, or what somebody has forgotten (`force`). */
export function openRelease(_lease: Lease, _environment: string): void {}

/** Take a waiting request out of the queue: one's own, or with a reason somebody else's (`force`). */
export function openCancel(_lease: Lease, _environment: string): void {}

/** Take it for oneself, without a command. Needs `acquire`. */
export function openReserve(_environment: Environment): void {}

/** No new requests, and those that wait are sent away; whoever holds it goes on. Needs `force`. */
export function openDrain(_environment: Environment): void {}

/** Nothing is granted until the freeze ends; holders go on, requests wait. Needs `force`. */
export function openFreeze(_environment: Environment): void {}

/** Ends a drain, or its own freeze. Needs `force`. */
export function openOpen(_environment: Environment): void {}

/** Frees slots whose holder went without releasing. Needs `force`. */
export function openClean(_environment: Environment): void {}

/** Needs `admin`. */
export function openDelete(_environment: Environment): void {}

/** The release freeze: everything with these labels, and what is made later too; {} is everything. Needs `force` everywhere. */
export function openFreezeAll(_labels: Labels): void {}

export function openEndFreeze(_freeze: Freeze): void {}

/** Whether this browser has asked for it, or the person's key has: then it is theirs to release. */
export function isMine(_lease: Lease): boolean {
  return false;
}

/** What this person may do to an environment now, the most wanted first. */
export function actionsOnEnvironment(_environment: Environment): readonly MenuItem[] {
  return [];
}

/** What this person may do to one lease, held or waiting, of an environment. */
export function actionsOnLease(_lease: Lease, _environment: string): readonly MenuItem[] {
  return [];
}

/** Whether `openFreezeAll` and `openEndFreeze` may be offered. */
export function mayFreezeAll(): boolean {
  return false;
}
