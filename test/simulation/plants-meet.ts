// Faults of signals, barriers and waits that are planted, to see that the simulation finds them.

import type { Awaited } from '../../src/core/meet/waiting.ts';
import type { BarrierRow, Change } from '../../src/core/rows.ts';
import { State } from '../../src/core/state.ts';
import type { Turn } from '../../src/core/turn.ts';
import { Deadlines } from '../../src/replica/deadlines.ts';
import { Replica } from '../../src/replica/replica.ts';
import { type WaitEnd, Waits } from '../../src/replica/waits.ts';
import { Connection, Door } from './door.ts';
import type { PlantedFault, Uproot } from './plants.ts';
import { eachRow, instead } from './plants.ts';

/** Whoever listens to turns sees only these changes of them. */
function eachTurnTells(see: (changes: readonly Change[]) => readonly Change[]): Uproot {
  return instead(
    Replica,
    'onTurn',
    (real) =>
      function (this: Replica, listener) {
        return real.call(this, (turn) => {
          const seen = see(turn.changes);
          const at = seen.map((change) => turn.changes.indexOf(change));
          const told = Object.create(turn, {
            changes: { value: seen },
            events: { value: turn.events },
            state: { value: turn.state },
            moment: { value: turn.moment },
            rowBefore: { value: (i: number) => turn.rowBefore(at[i] ?? -1) },
          }) as Turn;
          listener(told);
        });
      },
  );
}

/** Has a state keep its barriers in a map of another kind. */
function eachBarriers(make: () => Map<string, BarrierRow>): Uproot {
  return instead(
    State,
    'load',
    (real) =>
      function (this: State, ...args) {
        (this as { barriers: Map<string, BarrierRow> }).barriers = make();
        real.apply(this, args);
      },
  );
}

class NobodyHasCome<T> extends Array<T> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
  override some(): boolean {
    return false;
  }
}

class BrokenStillWait extends Map<string, BarrierRow> {
  override get(id: string): BarrierRow | undefined {
    const row = super.get(id);
    return row?.state === 'broken' ? { ...row, state: 'waiting', end: null } : row;
  }
}

class OneGeneration extends Map<string, BarrierRow> {
  override get(id: string): BarrierRow | undefined {
    return super.get(id.split('\t')[0] as string);
  }
}

export const plantedMeetFaults: readonly PlantedFault[] = [
  {
    name: 'a wait looks before it stands in line',
    plant: () => {
      let seen: unknown = null;
      const uproots = [
        instead(
          Replica,
          'look',
          (real) =>
            function (this: Replica, reader) {
              const stale = seen;
              seen = null;
              return stale ?? real.call(this, reader);
            } as Replica['look'],
        ),
        instead(
          Door,
          'wait',
          (real) =>
            async function (this: Door, mode, awaited, ...rest) {
              const looked = await Promise.all(awaited.map((one) => this.waits.look(one)));
              // Whatever is under way now is over before it stands.
              await this.replica.decide(() => null);
              if (looked.every(({ state }) => state === 'pending')) seen = looked;
              return real.call(this, mode, awaited, ...rest);
            },
        ),
      ];
      return () => {
        for (const uproot of uproots) uproot();
      };
    },
  },
  {
    name: 'a signal that is cleared in the turn that set it is not told',
    plant: () =>
      eachTurnTells((changes) =>
        changes.filter(
          ({ kind, id, seq, row }) =>
            kind !== 'signal' ||
            row === null ||
            !changes.some((later) => later.kind === kind && later.id === id && later.seq > seq && later.row === null),
        ),
      ),
  },
  {
    name: 'nobody is told that a barrier has opened',
    plant: () =>
      eachTurnTells((changes) =>
        changes.filter(({ kind, row }) => kind !== 'barrier' || (row as BarrierRow)?.state !== 'open'),
      ),
  },
  {
    name: 'nobody is told that a signal has failed',
    plant: () =>
      eachTurnTells((changes) => changes.filter((change) => change.kind !== 'signal' || change.row?.failure == null)),
  },
  {
    name: 'a repeat counts as an arrival',
    plant: () =>
      eachRow('barrier', (after) => ({
        ...after,
        arrivals: NobodyHasCome.from(after.arrivals) as BarrierRow['arrivals'],
      })),
  },
  {
    name: 'a barrier breaks when its time is over, though it opened',
    plant: () =>
      instead(
        Deadlines,
        'takeDue',
        (real) =>
          function (this: Deadlines, state, tick, limit) {
            const over = real.call(this, state, tick, limit);
            for (const [id, row] of state.barriers) {
              if (row.state !== 'open' || row.firstTick === null || row.firstTick + row.timeoutMs > tick) continue;
              state.barriers.set(id, { ...row, state: 'waiting', end: null });
              over.push(`barrier ${id}`);
            }
            return over;
          },
      ),
  },
  {
    name: 'the ttl of a signal counts from when it was first set',
    plant: () =>
      eachRow('signal', (after, before) =>
        before?.ttlTick == null || after.ttlTick === null ? after : { ...after, ttlTick: before.ttlTick },
      ),
  },
  {
    name: 'a signal that expires takes the one with it that was set since',
    plant: () => {
      const ttls = new WeakMap<State, Map<string, number>>();
      return instead(
        Deadlines,
        'takeDue',
        (real) =>
          function (this: Deadlines, state, tick, limit) {
            const first = ttls.get(state) ?? new Map<string, number>();
            ttls.set(state, first);
            for (const [name, row] of state.signals)
              if (row.ttlTick !== null && !first.has(name)) first.set(name, row.ttlTick);
            const over = real.call(this, state, tick, limit);
            for (const [name, end] of first) {
              if (end > tick) continue;
              first.delete(name);
              const row = state.signals.get(name);
              if (row === undefined || (row.ttlTick ?? tick + 1) <= tick) continue;
              state.signals.set(name, { ...row, ttlTick: tick });
              over.push(`signal ${name}`);
            }
            return over;
          },
      );
    },
  },
  {
    name: 'whoever looks does not wait for the turn that is being written',
    plant: () => {
      const states = new WeakMap<Replica, State>();
      return instead(
        Replica,
        'look',
        (real) =>
          function (this: Replica, reader) {
            const known = states.get(this);
            if (known !== undefined)
              return real.call(this, (_, moment) => moment) instanceof Promise
                ? reader(known, { tick: 0, at: 0 })
                : real.call(this, reader);
            return real.call(this, (state, moment) => {
              states.set(this, state);
              return reader(state, moment);
            });
          } as Replica['look'],
      );
    },
  },
  {
    name: 'a wait goes on when its client has gone',
    plant: () =>
      instead(
        Waits,
        'wait',
        (real) =>
          function (this: Waits, ask) {
            return real.call(this, { ...ask, signal: new Connection().signal });
          },
      ),
  },
  {
    name: 'a restart forgets who has come',
    plant: () =>
      instead(
        State,
        'load',
        (real) =>
          function (this: State, rows, ...rest) {
            const forgetful = rows.map((change) =>
              change.kind === 'barrier' && change.row?.state === 'waiting'
                ? { ...change, row: { ...change.row, arrivals: [], firstTick: null } }
                : change,
            );
            real.call(this, forgetful, ...rest);
          },
      ),
  },
  {
    name: 'all forgets what was met before',
    plant: () =>
      instead(
        Waits,
        'wait',
        (real) =>
          async function (this: Waits, ask) {
            if (ask.mode === 'any') return real.call(this, ask);
            const end = (await real.call(this, ask)) as WaitEnd;
            if (end.outcome !== 'met') return end;
            const conditions = await Promise.all(
              end.conditions.map(async (seen, i) => {
                const condition = ask.conditions[i] as { awaited: Awaited };
                return { ...seen, standing: await this.look(condition.awaited) };
              }),
            );
            const isMet = conditions.every(({ standing }) => standing.state === 'met');
            return { ...end, conditions, outcome: isMet ? 'met' : 'timed_out' };
          },
      ),
  },
  {
    name: 'a broken barrier goes on',
    plant: () => eachBarriers(() => new BrokenStillWait()),
  },
  {
    name: 'generations are all the same',
    plant: () => eachBarriers(() => new OneGeneration()),
  },
  {
    name: 'the timeout of a barrier counts from its declaration',
    plant: () =>
      eachRow('barrier', (after, before) =>
        before !== undefined && before.firstTick === null && after.firstTick !== null
          ? { ...after, firstTick: before.idleTick }
          : after,
      ),
  },
  {
    name: 'the payload of a signal that was cleared is still counted',
    plant: () =>
      instead(
        State,
        'apply',
        (real) =>
          function (this: State, change) {
            const { signalBytes } = this;
            real.call(this, change);
            if (change.kind === 'signal' && change.row === null) this.signalBytes = signalBytes;
          },
      ),
  },
  {
    name: 'the parties of a barrier that was forgotten are still counted',
    plant: () =>
      instead(
        State,
        'apply',
        (real) =>
          function (this: State, change) {
            const { parties } = this;
            real.call(this, change);
            if (change.kind === 'barrier' && change.row === null) this.parties = parties;
          },
      ),
  },
  {
    name: 'a wait is over before its time',
    plant: () =>
      instead(
        Waits,
        'wait',
        (real) =>
          function (this: Waits, ask) {
            return real.call(this, { ...ask, milliseconds: ask.milliseconds * 0.9 });
          },
      ),
  },
];
