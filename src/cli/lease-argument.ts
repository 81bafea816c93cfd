// Which lease renew, release and check are about: named, or from the file that acquire wrote, or from SIGNALBOX_LEASE.

import { type Variables, variable } from '../config.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { type HeldState, readState } from './state-file.ts';
import { Failure, usage } from './text/errors.ts';

export interface LeaseFlags extends ConnectionFlags {
  readonly state?: string;
}

export interface ChosenLease {
  readonly id: string;
  readonly secret: string | null;
  readonly fence: number | null;
  readonly environments: readonly string[];
  /** The flags with the server that granted it and the space that it is in, when no flag says another. */
  readonly connection: ConnectionFlags;
}

/** null: the state file does not exist (nothing was ever acquired, or it is released already). */
export function chosenLease(argument: string | undefined, flags: LeaseFlags, env: Variables): ChosenLease | null {
  if (argument !== undefined && flags.state !== undefined) throw usage(`give a lease or --state, not both.`);
  if (flags.state !== undefined) {
    const state = readState(flags.state);
    if (state === null) return null;
    return { ...state, id: state.lease, connection: whereItWasGranted(state, flags) };
  }
  const id = argument ?? variable(env, 'SIGNALBOX_LEASE');
  if (id === null)
    throw usage('which lease?', 'Name it, or give the --state FILE that acquire wrote, or set SIGNALBOX_LEASE.');
  return { id, secret: variable(env, 'SIGNALBOX_LEASE_SECRET'), fence: null, environments: [], connection: flags };
}

function whereItWasGranted({ url, space }: HeldState, flags: LeaseFlags): ConnectionFlags {
  if (flags.context !== undefined) return flags;
  return { ...flags, url: flags.url ?? url, space: flags.space ?? space };
}

export function stateMissing(file: string): Failure {
  return new Failure({
    what: `there is no ${file}: no lease was handed on in it.`,
    code: 'state_missing',
    more: ['signalbox acquire ENV --state FILE writes it.'],
  });
}
