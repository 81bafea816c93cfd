// Faults of machines that are planted, as in plants.ts: each takes the place of a method of the real code, or changes what it writes.

import type { InstanceRow } from '../../src/core/rows.ts';
import { Turn } from '../../src/core/turn.ts';
import { LocalDesk } from '../../src/provision/desk.ts';
import type { Driver } from '../../src/provision/driver.ts';
import { Cloud } from './machines-cloud.ts';
import { eachRow, instead, type PlantedFault, type Uproot } from './plants.ts';

type Tell = LocalDesk['tell'];

/** Tells something else than what the worker says, or answers something else. */
function eachTell(make: (tell: Tell, ...said: Parameters<Tell>) => ReturnType<Tell>): Uproot {
  return instead(
    LocalDesk,
    'tell',
    (real) =>
      function (this: LocalDesk, ...said) {
        return make(real.bind(this), ...said);
      },
  );
}

function eachDriver(change: (driver: Driver) => Partial<Driver>): Uproot {
  return instead(
    Cloud,
    'driver',
    (real) =>
      function (this: Cloud, clock) {
        const driver = real.call(this, clock);
        return { ...driver, ...change(driver) };
      },
  );
}

/** Machines of the list that nobody knows are not told of. */
function strangersLeftAlone(): Uproot {
  const rows = new Map<string, InstanceRow>();
  const uproots = [
    instead(
      Turn,
      'put',
      (real) =>
        function (this: Turn, kind, id, make) {
          const row = real.call(this, kind, id, make);
          if (kind === 'instance') rows.set(id, row as InstanceRow);
          return row as never;
        } as Turn['put'],
    ),
    eachTell((tell, task, command) => {
      if (command.do !== 'looked') return tell(task, command);
      const listed = command.listed.filter(({ instance, cloudId }) => {
        const row = rows.get(instance);
        return row?.state === 'launching' || (row?.cloudId === cloudId && row.state !== 'gone');
      });
      return tell(task, { ...command, listed });
    }),
  ];
  return () => {
    for (const uproot of uproots.reverse()) uproot();
  };
}

export const plantedMachineFaults: readonly PlantedFault[] = [
  {
    name: 'a machine has a new token at each try',
    plant: () =>
      eachRow('instance', (after, before) =>
        after.state === 'launching' && before !== undefined ? { ...after, token: `${after.token}'` } : after,
      ),
  },
  {
    name: 'each choice of the driver is asked for with the same token',
    plant: () =>
      instead(
        Cloud,
        'create',
        (real) =>
          function (this: Cloud, ask) {
            return real.call(this, { ...ask, token: ask.token.replace(/-\d+$/, '') });
          },
      ),
  },
  {
    name: 'it is not written down before a machine is asked for',
    plant: () =>
      eachTell(async (tell, task, command) => {
        if (command.do !== 'begin_launch') return tell(task, command);
        const kept = await tell(task, { do: 'keep', holdMs: 15_000 });
        if (!kept.ok) return kept;
        const { instance, choice } = command;
        const machines = kept.value.machines.map((each) => (each.id === instance ? { ...each, choice } : each));
        return { ok: true, value: { ...kept.value, machines } };
      }),
  },
  {
    name: 'a machine is gone once it was missed',
    plant: () =>
      eachRow('instance', (after, before) =>
        after.missed !== null && before?.missed === null ? { ...after, state: 'gone', environment: null } : after,
      ),
  },
  {
    name: 'a machine that is not listed is not asked for by its id',
    plant: () => eachDriver(() => ({ get: () => Promise.resolve(null) })),
  },
  {
    name: 'what nobody knows is adopted without a token',
    plant: () =>
      eachRow('instance', (after) =>
        after.build === null && after.state === 'ending' ? { ...after, state: 'running' } : after,
      ),
  },
  { name: 'what nobody knows is left alone', plant: strangersLeftAlone },
  {
    name: 'what machines share is removed while they are there',
    plant: () =>
      eachTell(async (tell, task, command) => {
        const outcome = await tell(task, command);
        if (command.do !== 'looked' || !outcome.ok) return outcome;
        return { ok: true, value: { ...outcome.value, unshared: command.shared.map(({ id }) => id) } };
      }),
  },
  {
    name: 'what machines have shared stays',
    plant: () =>
      eachTell(async (tell, task, command) => {
        const outcome = await tell(task, command);
        return outcome.ok ? { ok: true, value: { ...outcome.value, unshared: [] } } : outcome;
      }),
  },
  {
    name: 'the claim of a worker that has died never ends',
    plant: () =>
      eachRow('job', (after) =>
        after.claim === null ? after : { ...after, claim: { ...after.claim, untilTick: Number.MAX_SAFE_INTEGER } },
      ),
  },
  {
    name: 'a job that was given up is not taken up again',
    plant: () => eachRow('job', (after, before) => (before?.state === 'dead' ? { ...before, seq: after.seq } : after)),
  },
  {
    name: 'a look that has failed is the last one',
    plant: () =>
      eachRow('job', (after) =>
        after.kind === 'reconcile' && after.tries > 0 ? { ...after, dueTick: Number.MAX_SAFE_INTEGER } : after,
      ),
  },
  {
    name: 'a machine counts as gone before its driver was asked to end it',
    plant: () => eachDriver(() => ({ delete: () => Promise.resolve() })),
  },
  {
    name: 'a pool does not count machines that are being ended',
    plant: () => eachRow('instance', (after) => (after.state === 'ending' ? { ...after, pool: null } : after)),
  },
  {
    name: 'a machine that serves once is not known as one when it joins',
    plant: () =>
      eachRow('environment', (after, before) =>
        before === undefined && after.machine !== undefined
          ? { ...after, machine: { ...after.machine, once: false } }
          : after,
      ),
  },
  {
    name: 'a machine that is on its way out can be leased',
    plant: () =>
      eachRow('instance', (after, before) =>
        before?.environment != null && after.state === 'ending' ? { ...before, seq: after.seq } : after,
      ),
  },
];
