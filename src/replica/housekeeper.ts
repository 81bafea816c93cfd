// What a server does once a second without being asked: it says that it is there while somebody depends on it, tidies, drops what is old, and keeps log time.
// What always holds: one round at a time, and none once nothing can be decided any more.

import { dropUnused, needsTidying, tidy } from '../core/housekeeping.ts';
import { grantIfPresent } from '../core/lease/grant.ts';
import type { Moment } from '../core/rows.ts';
import { aliveEveryMs, isNeeded, leave, signIn } from '../core/servers.ts';
import type { State } from '../core/state.ts';
import { Turn } from '../core/turn.ts';
import { type Log, StoreAway } from '../log/log.ts';
import type { Clock, LogTime, Timer } from './clock.ts';
import { StoreFull } from './command.ts';
import type { Expiry } from './expiry.ts';

/** What it needs of a replica. */
interface Decider {
  readonly isWriting: boolean;
  decide(command: (turn: Turn) => unknown): Promise<unknown>;
  look<T>(reader: (state: State, moment: Moment) => T): T | Promise<T>;
}

export interface HousekeeperOptions {
  readonly replica: Decider;
  readonly log: Log;
  readonly clock: Clock;
  readonly time: LogTime;
  readonly expiry: Expiry;
  /** History older than this is dropped. */
  readonly historyMs: number;
  /** Asked once a second: whether there is nothing to be done, because nothing can be. */
  readonly isIdle: () => boolean;
  readonly isOver: () => boolean;
  readonly fail: (error: Error) => void;
}

const everyMs = 1_000;
const beatAtLeastEveryMs = 60_000;
/** Dropping unused environments and old history looks at a lot; now and then is enough. */
const sweepEveryMs = 60 * 60 * 1_000;
const eventsPrunedAtOnce = 10_000;

export class Housekeeper {
  readonly #options: HousekeeperOptions;
  #timer: Timer = null;
  #isBusy = false;
  #sweptTick: number;
  /** Log time of the last turn or beat that is durable. */
  writtenTick: number;
  /** A turn was taken back: full requests may have been left without their grant. */
  mustRegrant = false;

  constructor(options: HousekeeperOptions, tick: number) {
    this.#options = options;
    this.#sweptTick = tick;
    this.writtenTick = tick;
    this.#schedule();
  }

  stop(): void {
    this.#options.clock.cancel(this.#timer);
  }

  #schedule(): void {
    const { clock, isIdle, isOver } = this.#options;
    this.#timer = clock.after(everyMs, () => {
      if (isOver()) return;
      this.#schedule();
      // Asked also while a round hangs: the answer is what sets it free.
      if (isIdle() || this.#isBusy) return;
      this.#isBusy = true;
      this.#round().finally(() => {
        this.#isBusy = false;
      });
    });
  }

  async #round(): Promise<void> {
    const { replica, time, isOver, fail } = this.#options;
    try {
      const tick = time.tick();
      const due = await replica.look(({ server, servers }) => {
        const own = servers.get(server ?? '');
        return own !== undefined && own.aliveTick + aliveEveryMs <= tick ? own.id : null;
      });
      if (due !== null) await replica.decide((turn) => (isNeeded(turn.state) ? signIn(turn, due) : leave(turn, due)));
      if (this.mustRegrant) await this.regrant();
      if (await replica.look((state, moment) => needsTidying(new Turn(state, moment)))) await replica.decide(tidy);
      if (tick - this.#sweptTick >= sweepEveryMs) {
        this.#sweptTick = tick;
        await replica.decide(dropUnused);
        await this.#prune();
      }
      await this.#beat(tick);
    } catch (error) {
      if (error instanceof StoreFull || error instanceof StoreAway || isOver()) return;
      // As with a turn: a log that fails once is not trusted again.
      fail(error as Error);
    }
  }

  /**
   * Log time must survive a crash, else what has a deadline would be given more time than it had: to within a second, or a
   * sixtieth of the time to the next deadline (a signal of seven days is no reason to write each second).
   */
  async #beat(tick: number): Promise<void> {
    const { log, expiry, replica } = this.#options;
    const { next } = expiry;
    if (next === null || replica.isWriting) return;
    // Of several servers each signs in often enough; and a beat of one that is ahead would take time from what others renew.
    if (await replica.look(({ server }) => server !== null)) return;
    const every = Math.min(beatAtLeastEveryMs, Math.max(everyMs, (next - tick) / 60));
    if (tick - this.writtenTick < every) return;
    await log.beat(tick);
    this.writtenTick = tick;
  }

  /** Drops old history, a piece at a time: turns go on between two pieces. */
  async #prune(): Promise<void> {
    const { log, time, historyMs, isOver } = this.#options;
    const before = time.wall() - historyMs;
    while ((await log.prune(before, eventsPrunedAtOnce)) >= eventsPrunedAtOnce && !isOver());
  }

  /** Grants what has come free for whoever is on the line here. */
  async regrant(): Promise<void> {
    this.mustRegrant = false;
    await this.#options.replica.decide((turn) => {
      for (const id of [...turn.state.waiting]) grantIfPresent(turn, id);
    });
  }
}
