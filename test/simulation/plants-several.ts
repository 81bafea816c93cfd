// Faults of several servers on one store that are planted, to see that the simulation finds them.

import type { Change } from '../../src/core/rows.ts';
import type { Presence } from '../../src/core/state.ts';
import { State } from '../../src/core/state.ts';
import { Turn } from '../../src/core/turn.ts';
import { LogTime } from '../../src/replica/clock.ts';
import { Replica } from '../../src/replica/replica.ts';
import type { PlantedFault, Uproot } from './plants.ts';
import { instead } from './plants.ts';
import { SharedDisk, SharedLog } from './shared-log.ts';

/** Calls back after each change that comes from elsewhere. */
function eachLearned(told: (state: State, change: Change) => void): Uproot {
  let inTurn = 0;
  const within = <K extends 'put' | 'remove' | 'rollback'>(name: K): Uproot =>
    instead(
      Turn,
      name,
      (real) =>
        function (this: Turn, ...args: unknown[]) {
          inTurn++;
          try {
            return (real as (...all: unknown[]) => unknown).apply(this, args);
          } finally {
            inTurn--;
          }
        } as Turn[K],
    );
  const uproots = [
    ...(['put', 'remove', 'rollback'] as const).map(within),
    instead(
      State,
      'apply',
      (real) =>
        function (this: State, change) {
          real.call(this, change);
          if (inTurn === 0) told(this, change);
        },
    ),
  ];
  return () => {
    for (const uproot of uproots.reverse()) uproot();
  };
}

/** Has a state remember presence in a map of another kind. */
function eachPresence(make: (state: State) => Map<string, Presence>): Uproot {
  return instead(
    State,
    'load',
    (real) =>
      function (this: State, ...args) {
        (this as { presence: Map<string, Presence> }).presence = make(this);
        real.apply(this, args);
      },
  );
}

class JudgesForEver extends Map<string, Presence> {
  readonly #state: State;
  constructor(state: State) {
    super();
    this.#state = state;
  }
  override delete(id: string): boolean {
    return this.#state.leases.get(id)?.state !== 'waiting' && super.delete(id);
  }
}

class NobodyIsThereAtFirst extends Map<string, Presence> {
  override set(id: string, presence: Presence): this {
    const before = this.get(id);
    const justLoaded = before?.open === false && before.sinceTick === presence.sinceTick;
    return presence.open && justLoaded ? this : super.set(id, presence);
  }
}

export const plantedSeveralFaults: readonly PlantedFault[] = [
  {
    name: 'what another server has given back is granted to nobody',
    plant: () =>
      eachLearned((state, { kind, row }) => {
        if (kind === 'lease' && row?.end != null) state.queue.takeReady();
      }),
  },
  {
    name: 'a server judges clients that have gone to another',
    plant: () => eachPresence((state) => new JudgesForEver(state)),
  },
  {
    name: 'a server that has gone is never missed',
    plant: () =>
      instead(
        Turn,
        'remove',
        (real) =>
          function (this: Turn, kind, id) {
            if (kind !== 'server') real.call(this, kind, id);
          },
      ),
  },
  {
    name: 'a signal that was cleared in the turn that set it is not handed to others',
    plant: () =>
      instead(
        SharedDisk,
        'keep',
        (real) =>
          function (this: SharedDisk, decided) {
            const { draft } = decided;
            const last = new Map(draft.changes.map((change) => [`${change.kind} ${change.id}`, change]));
            const changes = draft.changes.filter((change) => last.get(`${change.kind} ${change.id}`) === change);
            real.call(this, { ...decided, draft: { ...draft, changes } });
          },
      ),
  },
  {
    name: 'a replica decides before it has learned',
    plant: () =>
      instead(
        SharedLog,
        'turn',
        (real) =>
          function (this: SharedLog, have, decide) {
            return real.call(this, have, (_, clock) => decide([], clock));
          },
      ),
  },
  {
    name: 'log time goes back when a slower server decides',
    plant: () => instead(LogTime, 'heard', () => () => 0),
  },
  {
    name: 'the clock of a server may be faster than that of the store',
    plant: () =>
      instead(
        LogTime,
        'turn',
        (real) =>
          function (this: LogTime, at) {
            real.call(this, at, null);
          },
      ),
  },
  {
    name: 'how long ago a turn was is believed of a clock that has jumped',
    plant: () =>
      instead(
        LogTime,
        'heard',
        (real) =>
          function (this: LogTime, moment) {
            const behind = real.call(this, moment);
            const ago = Math.max(0, this.wall() - moment.at);
            this.goOnFrom(moment.tick + ago);
            return behind;
          },
      ),
  },
  {
    name: 'log time waits for a clock of the store that has gone back',
    plant: () =>
      instead(
        LogTime,
        'turn',
        (real) =>
          function (this: LogTime, at, last) {
            real.call(this, at, last);
            if (last !== null && at < last.at) this.goOnFrom(last.tick);
          },
      ),
  },
  {
    name: 'a server that knows that the store is full goes on taking requests',
    plant: () =>
      instead(
        Replica,
        'decide',
        (real) =>
          function (this: Replica, command) {
            return real.call(this, command, { needsRoom: false });
          } as Replica['decide'],
      ),
  },
  {
    name: 'a store that several share stops renewals and releases too when it is full',
    plant: () =>
      instead(
        Replica,
        'decide',
        (real) =>
          function (this: Replica, command) {
            return real.call(this, command, { needsRoom: true });
          } as Replica['decide'],
      ),
  },
  {
    name: 'loading anew forgets who is on the line',
    plant: () => eachPresence(() => new NobodyIsThereAtFirst()),
  },
  {
    name: 'nobody looks again after loading anew',
    plant: () => {
      const heard = new WeakSet<Replica>();
      return instead(
        Replica,
        'onReload',
        (real) =>
          function (this: Replica, listener) {
            // The first is whoever watches.
            if (heard.has(this)) return () => undefined;
            heard.add(this);
            return real.call(this, listener);
          },
      );
    },
  },
  {
    name: 'a turn that was lost is answered',
    plant: () =>
      instead(
        SharedLog,
        'turn',
        (real) =>
          async function (this: SharedLog, have, decide) {
            const outcome = await real.call(this, have, decide);
            return outcome.outcome === 'lost' ? { outcome: 'durable' } : outcome;
          },
      ),
  },
  {
    name: 'time goes on while the store is away',
    plant: () => instead(LogTime, 'stand', () => () => undefined),
  },
];
