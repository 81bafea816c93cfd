// The server and the workers of a world with machines: each lives on a clock of its own, and may die or be stalled at any moment.
// A worker reaches the server over a network that loses asks and answers; what it runs is the real Worker over a real LocalDesk.

import { stateFaults, Watch } from '../../src/core/invariants.ts';
import { workerKinds } from '../../src/core/machines/job.ts';
import type { Settings, State } from '../../src/core/state.ts';
import type { Turn } from '../../src/core/turn.ts';
import type { Draft } from '../../src/log/log.ts';
import { type Desk, LocalDesk } from '../../src/provision/desk.ts';
import { PoolKeeper } from '../../src/provision/pool-keeper.ts';
import { Worker } from '../../src/provision/worker.ts';
import type { Happened } from '../../src/replica/learned.ts';
import { Replica } from '../../src/replica/replica.ts';
import { Disk, FaultyLog, type LogFaults } from './faulty-log.ts';
import type { Cloud } from './machines-cloud.ts';
import { type Timeline, VirtualClock } from './virtual-clock.ts';

export interface YardFaults {
  readonly log: LogFaults;
  /** Per call of a worker to its server. */
  readonly askLost: number;
  readonly answerLost: number;
}

interface Life {
  readonly clock: VirtualClock;
  readonly log: FaultyLog;
  readonly replica: Replica;
  readonly state: State;
  readonly desk: LocalDesk;
  /** Ends whatever is under way with it. */
  readonly cuts: Set<() => void>;
}

export interface YardOptions {
  readonly timeline: Timeline;
  readonly cloud: Cloud;
  readonly settings: Settings;
  readonly faults: () => YardFaults;
  readonly onFault: (fault: string) => void;
  readonly onCount: (what: string) => void;
  readonly onTurn: (happened: Happened, state: State) => void;
  readonly onKept: (draft: Draft) => void;
}

const holdMs = 15_000;

export class Yard {
  readonly disk = new Disk();
  readonly #options: YardOptions;
  readonly #watch = new Watch();
  readonly #onWork = new Set<() => void>();
  readonly workers = new Map<
    string,
    { readonly clock: VirtualClock; readonly worker: Worker; readonly end: () => void }
  >();
  life: Life | null = null;
  #opening: VirtualClock | null = null;
  #openingLog: FaultyLog | null = null;
  #ids = 0;

  constructor(options: YardOptions) {
    this.#options = options;
    this.disk.onKept = ({ draft }) => options.onKept(draft);
  }

  newId(kind: string): string {
    return `${kind}_${++this.#ids}`;
  }

  start(): void {
    const { timeline, settings, faults, onFault } = this.#options;
    const clock = new VirtualClock(timeline);
    const log = new FaultyLog(this.disk, clock, timeline, () => faults().log);
    log.onBroken = onFault;
    this.#opening = clock;
    this.#openingLog = log;
    const ids = { lease: () => this.newId('ls'), turn: () => this.newId('turn') };
    Replica.open({ log, clock, ids, settings, historyMs: 1e12, startFacts: {} }).then(
      async (replica) => this.#isUp(clock, log, replica, await replica.look((state) => state)),
      () => {
        if (!clock.isDead) this.die('it could not start');
      },
    );
  }

  #isUp(clock: VirtualClock, log: FaultyLog, replica: Replica, state: State): void {
    if (clock.isDead) return;
    const { cloud, onTurn, onFault } = this.#options;
    this.#opening = null;
    const newId = (): string => this.newId('in');
    const desk = new LocalDesk({ replica, tag: cloud.tag, newId, userDataFor: () => '#include' });
    this.life = { clock, log, replica, state, desk, cuts: new Set() };
    replica.onTurn((happened) => {
      for (const fault of this.#watch.faults(happened as Turn)) onFault(fault);
      onTurn(happened, state);
    });
    desk.onWork(() => {
      for (const listener of this.#onWork) listener();
    });
    new PoolKeeper({
      ...{ replica, clock, onTrouble: (message, error) => this.#trouble(message, error) },
      newIds: {
        build: () => this.newId('bd'),
        instance: () => ({ id: this.newId('in'), token: this.newId('token') }),
        job: () => this.newId('jb'),
      },
    });
  }

  die(why: string): void {
    const clock = this.life?.clock ?? this.#opening;
    const log = this.life?.log ?? this.#openingLog;
    if (clock === null || log === null) return;
    this.#options.onCount(`server dies: ${why}`);
    clock.isDead = true;
    log.die();
    const cuts = this.life?.cuts ?? [];
    this.life = null;
    this.#opening = null;
    for (const cut of [...cuts]) cut();
    const { timeline } = this.#options;
    timeline.after(timeline.random.between(10, 8_000), () => this.start());
  }

  hire(): void {
    const { timeline, cloud } = this.#options;
    const name = this.newId('worker');
    const clock = new VirtualClock(timeline);
    const listeners = new Set<() => void>();
    const told = (): void => {
      for (const listener of listeners) clock.after(timeline.random.between(1, 30), listener);
    };
    this.#onWork.add(told);
    const desk: Desk = {
      claim: (worker, ms) => this.#call(clock, ({ desk }) => desk.claim(worker, ms)),
      tell: (task, command) => this.#call(clock, ({ desk }) => desk.tell(task, command)),
      onWork: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    const worker = new Worker({
      ...{ desk, driver: cloud.driver(clock), clock, worker: name, holdMs },
      onTrouble: (message, error) => this.#trouble(message, error),
    });
    this.workers.set(name, { clock, worker, end: () => this.#onWork.delete(told) });
  }

  /** It is there no more, whatever it was at: what it has asked for is on its way. */
  fire(name: string, isOrderly: boolean): void {
    const found = this.workers.get(name);
    if (found === undefined) return;
    this.#options.onCount(isOrderly ? 'worker stops' : 'worker dies');
    this.workers.delete(name);
    found.end();
    if (!isOrderly) found.clock.isDead = true;
    else found.worker.stop().catch((error: Error) => this.#options.onFault(`thrown by stop: ${error.stack}`));
  }

  /** Somebody asks the server; null: it is not there, or was there no longer. */
  say<T>(command: (turn: Turn) => T): Promise<T | null> {
    return this.#asked(({ replica }) => replica.decide(command)).catch(() => null);
  }

  /** What is wrong with the state as it is now. */
  faults(): string[] {
    const { life } = this;
    if (life === null || life.log.isWriting) return [];
    // Whether leases are granted in time is seen elsewhere (simulation.ts).
    return stateFaults(life.state, 0, { deadlineMs: Number.POSITIVE_INFINITY }).filter(
      (fault) => !fault.startsWith('L8'),
    );
  }

  get isIdle(): boolean {
    const jobs = [...(this.life?.state.jobs.values() ?? [])];
    return jobs.every(({ kind, state }) => !workerKinds.includes(kind) || kind === 'reconcile' || state === 'dead');
  }

  #call<T>(clock: VirtualClock, act: (life: Life) => Promise<T>): Promise<T> {
    const { timeline, faults, onCount } = this.#options;
    const { random } = timeline;
    return new Promise((resolve, reject) => {
      const answer = (give: () => void): void => void clock.after(random.between(1, 20), give);
      const { askLost, answerLost } = faults();
      if (random.chance(askLost)) {
        onCount('desk ask lost');
        clock.after(2_000, () => reject(new Error('no answer')));
        return;
      }
      const isLost = random.chance(answerLost);
      timeline.after(random.between(1, 20), () => {
        this.#asked(act).then(
          (value) => {
            if (!isLost) return answer(() => resolve(value));
            onCount('desk answer lost');
            clock.after(2_000, () => reject(new Error('no answer')));
          },
          (error) => answer(() => reject(error)),
        );
      });
    });
  }

  #asked<T>(act: (life: Life) => Promise<T>): Promise<T> {
    const { life } = this;
    if (life === null) return Promise.reject(new Error('the server is not there'));
    return new Promise((resolve, reject) => {
      const cut = (): void => reject(new Error('the server has died'));
      life.cuts.add(cut);
      act(life)
        .then(resolve, (error: Error) => {
          if (isBug(error)) this.#options.onFault(`thrown: ${error.stack}`);
          reject(error);
        })
        .finally(() => life.cuts.delete(cut));
    });
  }

  #trouble(message: string, error: Error): void {
    this.#options.onCount(`trouble: ${message.replace(/\S*_\d+/g, '…')}`);
    if (isBug(error)) this.#options.onFault(`${message}: ${error.stack}`);
  }
}

function isBug(error: Error): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}
