// Faults that are planted, to see that the simulation finds what it is there to find. Each takes the place of a method of the
// real code, or of what stands around it, for as long as it is planted; nothing of this is known to src/. Those of signals,
// barriers and waits are in plants-meet.ts.

import type { PlaceFacts, Ask as QueueAsk } from '../../src/core/queue/queue.ts';
import { Queue } from '../../src/core/queue/queue.ts';
import type { EnvironmentRow, Kind, LeaseRow, Rows } from '../../src/core/rows.ts';
import type { Presence } from '../../src/core/state.ts';
import { State } from '../../src/core/state.ts';
import { Turn } from '../../src/core/turn.ts';
import type { Draft, TurnOutcome } from '../../src/log/log.ts';
import { LogTime } from '../../src/replica/clock.ts';
import { Deadlines } from '../../src/replica/deadlines.ts';
import { Replica } from '../../src/replica/replica.ts';
import { Waiters } from '../../src/replica/waiters.ts';
import { Door } from './door.ts';
import { FaultyLog } from './faulty-log.ts';
import { Timeline } from './virtual-clock.ts';

/** Takes the fault out again. */
export type Uproot = () => void;

export interface PlantedFault {
  readonly name: string;
  readonly plant: () => Uproot;
}

/** Puts another method in place of one; it is given the real one. */
export function instead<T extends object, K extends keyof T>(
  of: { prototype: T },
  name: K,
  make: (real: T[K]) => T[K],
): Uproot {
  const real = of.prototype[name];
  of.prototype[name] = make(real);
  return () => {
    of.prototype[name] = real;
  };
}

/** Changes each row of one kind that a turn puts. */
export function eachRow<K extends Kind>(
  of: K,
  change: (after: Rows[K], before: Rows[K] | undefined, turn: Turn) => Rows[K],
): Uproot {
  return instead(
    Turn,
    'put',
    (real) =>
      function (this: Turn, kind, id, make) {
        const before = (kind as Kind) === of ? this.state.row(of, id) : undefined;
        const changed = (seq: number) => {
          const row = make(seq);
          return (kind as Kind) === of ? change(row as unknown as Rows[K], before, this) : row;
        };
        return real.call(this, kind, id, changed as typeof make) as never;
      } as Turn['put'],
  );
}

function eachLease(change: (after: LeaseRow, before: LeaseRow | undefined, turn: Turn) => LeaseRow): Uproot {
  return eachRow('lease', change);
}

/** Has a state remember presence in a map of another kind. */
function eachPresence(make: () => Map<string, Presence>): Uproot {
  return instead(
    State,
    'load',
    (real) =>
      function (this: State, ...args) {
        (this as { presence: Map<string, Presence> }).presence = make();
        real.apply(this, args);
      },
  );
}

class EveryoneIsThere extends Map<string, Presence> {
  override get(): Presence {
    return { open: true, sinceTick: 0 };
  }
}

class NobodyIsEverGone extends Map<string, Presence> {
  override set(id: string, presence: Presence): this {
    return super.set(id, { ...presence, sinceTick: Number.MAX_SAFE_INTEGER });
  }
}

/** Log time that is simply the time since the server began. */
function naiveLogTime(): Uproot {
  let now = 0;
  const begins = new WeakMap<LogTime, { tick: number; at: number }>();
  const uproots = [
    instead(
      Timeline,
      'step',
      (real) =>
        function (this: Timeline) {
          const stepped = real.call(this);
          now = this.now;
          return stepped;
        },
    ),
    instead(
      LogTime,
      'tick',
      (real) =>
        function (this: LogTime) {
          const begin = begins.get(this) ?? { tick: real.call(this), at: now };
          begins.set(this, begin);
          return Math.floor(begin.tick + now - begin.at);
        },
    ),
  ];
  return () => {
    for (const uproot of uproots) uproot();
  };
}

/** For how long a server was awake is simply the time since it began. */
function awakeAllTheTime(): Uproot {
  let timeline: Timeline | null = null;
  const uproots = [
    instead(
      Timeline,
      'step',
      (real) =>
        function (this: Timeline) {
          timeline = this;
          return real.call(this);
        },
    ),
    instead(LogTime, 'awake', () => () => timeline?.now ?? 0),
  ];
  return () => {
    for (const uproot of uproots) uproot();
  };
}

export const plantedFaults: readonly PlantedFault[] = [
  {
    name: 'a turn is answered before it is durable',
    plant: () =>
      instead(
        FaultyLog,
        'turn',
        (real) =>
          function (this: FaultyLog, have, decide) {
            let draft: Draft | null = null;
            const kept = real.call(this, have, (learned, clock) => {
              draft = decide(learned, clock);
              return draft;
            });
            // The first turn of a server is waited for, else no server would ever come up.
            if (draft === null || have === 0) return kept;
            kept.catch(() => undefined);
            return Promise.resolve<TurnOutcome>({ outcome: 'durable' });
          },
      ),
  },
  {
    name: 'the log time of a restart is later than that of the last turn',
    plant: () =>
      instead(
        FaultyLog,
        'load',
        (real) =>
          async function (this: FaultyLog) {
            const contents = await real.call(this);
            return { ...contents, tick: contents.tick + 2_000 };
          },
      ),
  },
  {
    name: 'a renewal does not move the end of the ttl',
    plant: () =>
      eachLease((after, before) => {
        const isRenewal = before?.state === 'held' && after.state === 'held' && after.renewal === after.seq;
        return isRenewal ? { ...after, ttlTick: before.ttlTick } : after;
      }),
  },
  {
    name: 'a restart gives holders no time to be heard again',
    plant: () =>
      eachLease((after, before) =>
        after.resumed && before?.resumed === false ? { ...after, ttlTick: before.ttlTick } : after,
      ),
  },
  {
    name: 'the fence is the time of the grant',
    plant: () =>
      eachLease((after, before, turn) =>
        before?.state === 'waiting' && after.fence !== null ? { ...after, fence: turn.moment.tick } : after,
      ),
  },
  {
    name: 'a slot that was left dirty is free at once',
    plant: () =>
      instead(
        Turn,
        'put',
        (real) =>
          function (this: Turn, kind, id, make) {
            const clean = (seq: number) =>
              kind === 'environment' ? { ...(make(seq) as EnvironmentRow), dirty: [] } : make(seq);
            return real.call(this, kind, id, clean as typeof make) as never;
          } as Turn['put'],
      ),
  },
  {
    name: 'what is taken back keeps its events',
    plant: () =>
      instead(
        Turn,
        'rollback',
        (real) =>
          function (this: Turn, mark) {
            const events = [...this.events];
            real.call(this, mark);
            this.events.push(...events.slice(mark.events));
          },
      ),
  },
  {
    name: 'a turn that could not be kept is not taken back',
    plant: () => instead(Turn, 'undo', () => () => undefined),
  },
  {
    name: 'everyone counts as present',
    plant: () => eachPresence(() => new EveryoneIsThere()),
  },
  {
    name: 'the grace never ends',
    plant: () => eachPresence(() => new NobodyIsEverGone()),
  },
  {
    name: 'a turn that is taken back forgets who was there',
    plant: () =>
      instead(
        State,
        'apply',
        (real) =>
          function (this: State, change) {
            real.call(this, change);
            if (change.kind === 'lease' && change.row?.end != null) this.forgetClient(change.id);
          },
      ),
  },
  {
    name: 'a client that comes back is there only after the next turn',
    plant: () => instead(Replica, 'onLine', () => () => undefined),
  },
  {
    name: 'hanging up is not noticed',
    plant: () => instead(Replica, 'hungUp', () => () => undefined),
  },
  {
    name: 'that a grant was not sent is not noticed',
    plant: () => instead(Replica, 'notSent', () => () => undefined),
  },
  {
    name: 'idempotency keys are forgotten at a restart',
    plant: () => {
      const loadedAt = new WeakMap<State, number>();
      const uproots = [
        instead(
          State,
          'load',
          (real) =>
            function (this: State, ...args) {
              real.apply(this, args);
              loadedAt.set(this, this.seq);
            },
        ),
        instead(
          State,
          'leaseOfIdempotencyKey',
          (real) =>
            function (this: State, ...args) {
              const lease = real.apply(this, args);
              return lease !== undefined && lease.order <= (loadedAt.get(this) ?? 0) ? undefined : lease;
            },
        ),
      ];
      return () => {
        for (const uproot of uproots) uproot();
      };
    },
  },
  {
    name: 'freezes by selector are ignored',
    plant: () => instead(State, 'frozenBy', () => () => []),
  },
  {
    name: 'the queue counts a slot too many',
    plant: () =>
      instead(
        Queue,
        'setPlace',
        (real) =>
          function (this: Queue, name: string, facts: PlaceFacts) {
            real.call(this, name, { ...facts, capacity: facts.capacity + 1 });
          },
      ),
  },
  {
    name: 'a lower priority goes first',
    plant: () =>
      instead(
        Queue,
        'arrive',
        (real) =>
          function (this: Queue, ask: QueueAsk) {
            return real.call(this, { ...ask, level: -ask.level });
          },
      ),
  },
  {
    name: 'holders are forgotten by the queue at a restart',
    plant: () => instead(Queue, 'occupy', () => () => undefined),
  },
  {
    name: 'a deadline is scheduled once and never again',
    plant: () => {
      const seen = new WeakMap<Deadlines, Set<string>>();
      return instead(
        Deadlines,
        'watch',
        (real) =>
          function (this: Deadlines, state, id) {
            const ids = seen.get(this) ?? new Set();
            seen.set(this, ids);
            if (ids.has(id)) return;
            const before = this.next();
            real.call(this, state, id);
            if (this.next() !== before) ids.add(id);
          },
      );
    },
  },
  {
    name: 'one turn in ten wakes nobody',
    plant: () => {
      let turns = 0;
      return instead(
        Waiters,
        'turned',
        (real) =>
          function (this: Waiters, turn) {
            if (++turns % 10 !== 0) real.call(this, turn);
          },
      );
    },
  },
  {
    name: 'stalls count as time',
    plant: naiveLogTime,
  },
  {
    name: 'a stall counts as time in which the store does not answer',
    plant: awakeAllTheTime,
  },
  {
    name: 'a full disk stops renewals and releases too',
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
    name: 'anybody may release',
    plant: () =>
      instead(
        Door,
        'release',
        (real) =>
          function (this: Door, id, actor) {
            return real.call(this, id, { ...actor, showsSecretOf: id });
          },
      ),
  },
];
