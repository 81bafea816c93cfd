// The ledger inside a server. Whoever can write into Redis may ask for machines and end them: Redis itself is the key.

import type { Actor } from '../core/access.ts';
import type { Refusal } from '../core/errors.ts';
import { askBuild, machinesPerBuild } from '../core/machines/build.ts';
import { findInstance, terminate } from '../core/machines/instance.ts';
import type { Desk } from '../provision/desk.ts';
import { randomText } from '../replica/ids.ts';
import type { Space } from '../replica/spaces.ts';
import type { Fate, Ledger } from './ledger.ts';

const whoever: Actor = {
  identity: 'redis',
  name: 'a job in Redis',
  grants: [
    { scope: 'build', globs: null },
    { scope: 'terminate', globs: null },
  ],
  maxPriority: 0,
};

export function localLedger({ replica }: Pick<Space, 'replica'>, desk: Desk): Ledger {
  return {
    desk,
    standing: async (job) => (await replica.look(({ jobs }) => jobs.get(job)?.state)) ?? null,
    askBuild: async (id, spec) => {
      const length = Math.min(Math.max(0, Number.isInteger(spec.count) ? spec.count : 0), machinesPerBuild);
      const instances = Array.from({ length }, () => ({ id: `in_${randomText(12)}`, token: randomText(32) }));
      const job = `jb_${randomText(12)}`;
      const ask = { id, spec, instances, job };
      const outcome = await replica.decide((turn) => askBuild(turn, ask, whoever), { needsRoom: true });
      return outcome.ok ? { ok: true } : fateOf(outcome, outcome.code === 'invalid_request');
    },
    terminate: async (id, channel) => {
      const ask = { id, job: `jb_${randomText(12)}`, reason: null, channel };
      const outcome = await replica.decide((turn) =>
        findInstance(turn, id)?.state === 'gone' ? null : terminate(turn, ask, whoever),
      );
      // One that is only being asked for may be ended later.
      return outcome === null || outcome.ok ? { ok: true } : fateOf(outcome, outcome.code === 'instance_unknown');
    },
  };
}

function fateOf({ message }: Refusal, isFinal: boolean): Fate {
  return { ok: false, reason: message, isFinal };
}
