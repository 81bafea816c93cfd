// Waiting for machines: one by its id here or at the driver, or all of a build. Met while it runs, or with `/ready` once it has said
// that it is ready; what has failed or is being ended will never be met, so it ends the wait.

import type { State } from '../state.ts';
import { findInstance } from './instance.ts';

export interface MachineStanding {
  readonly state: 'pending' | 'met' | 'failed';
  readonly detail: string;
}

/** `id`: of a build or of a machine. */
export function machineStanding(state: State, id: string, ready: boolean): MachineStanding {
  const build = state.builds.get(id);
  if (build !== undefined) {
    if (build.cancelling !== null) return { state: 'failed', detail: `cancelled by ${build.cancelling.by}` };
    if (build.state === 'failed') return { state: 'failed', detail: build.failure?.reason ?? 'failed' };
    const isMet = build.state === 'finished' || (build.state === 'started' && !ready);
    if (isMet) return { state: 'met', detail: build.state };
    const machines = build.instances.map((each) => state.instances.get(each)?.state);
    if (machines.includes('ending') || machines.includes('gone'))
      return { state: 'failed', detail: 'a machine of it is gone' };
    return { state: 'pending', detail: build.state };
  }
  const machine = findInstance({ state }, id);
  if (machine === undefined) return { state: 'failed', detail: 'gone' };
  if (machine.state === 'gone' || machine.state === 'ending') return { state: 'failed', detail: machine.state };
  const isMet = machine.state === 'ready' || (machine.state === 'running' && !ready);
  return { state: isMet ? 'met' : 'pending', detail: machine.state };
}

export function isMachineKnown(state: State, id: string): boolean {
  return state.builds.has(id) || findInstance({ state }, id) !== undefined;
}
