// One seed of a world with machines: the real core, replica, workers and keeper of pools, with cloud, network, log, clock and deaths
// all made up. People ask for machines, cancel and end them, make and remove pools, and take turns on what these build. After every
// moment all invariants are looked at; then the faults stop, all comes to rest, and what the cloud has must be what is known.

import { configure, deleteEnvironment } from '../../src/core/environment.ts';
import { acquire } from '../../src/core/lease/acquire.ts';
import { release } from '../../src/core/lease/end.ts';
import { contact, renew } from '../../src/core/lease/hold.ts';
import { askBuild, cancelBuild, reportReady } from '../../src/core/machines/build.ts';
import { isThere, terminate } from '../../src/core/machines/instance.ts';
import { poolsNeed, removePool, setPool } from '../../src/core/machines/pool.ts';
import type { BuildSpec, InstanceRow, LeaseRow, PoolSpec } from '../../src/core/rows.ts';
import { defaultSettings, type State } from '../../src/core/state.ts';
import type { CreateAsk } from '../../src/provision/driver.ts';
import type { Happened } from '../../src/replica/learned.ts';
import { actor } from '../core/harness.ts';
import { noLogFaults } from './faulty-log.ts';
import { Cloud, type CloudFaults, type CloudMachine, noCloudFaults } from './machines-cloud.ts';
import { Yard, type YardFaults } from './machines-yard.ts';
import { Fingerprint, Random } from './random.ts';
import type { Result } from './simulation.ts';
import { microtasksDone, Timeline } from './virtual-clock.ts';

export interface MachinesOptions {
  readonly seed: number;
  /** Seconds of world time before the faults stop. */
  readonly seconds: number;
  readonly trace?: (line: string) => void;
}

const person = actor('ann', ['admin', 'build', 'terminate', 'acquire', 'force']);
const build: Omit<BuildSpec, 'count'> = {
  ...{ site: 'org', env: 'staging', queue: 'docker', role: 'worker', instanceType: 'small' },
  ...{ image: null, nameTemplate: null, subnet: null, securityGroup: null, slackChannel: null },
};
const seconds = (count: number): number => count * 1_000;
/** How long everything may take to come to rest once nothing goes wrong any more. */
const restMs = seconds(1_200);
/** A look finds what it finds in one period; what is behind, or was denied too early, takes it a few. */
const afterRestMs = seconds(150);

class Machines {
  readonly random: Random;
  readonly timeline: Timeline;
  readonly cloud: Cloud;
  readonly yard: Yard;
  readonly #options: MachinesOptions;
  readonly #fingerprint = new Fingerprint();
  readonly #counts = new Map<string, number>();
  readonly #faults: string[] = [];
  readonly #builds: string[] = [];
  /** Machines whose end has a reason that is known: by our id. */
  readonly #ended = new Set<string>();
  /** Machines that have served as ones that serve once. */
  readonly #served = new Set<string>();
  /** Of which pool a machine was built, whatever its row says later. */
  readonly #poolOf = new Map<string, string>();
  #isCalm = false;
  #yardFaults: YardFaults;
  #active = 0;
  #mustLook = true;
  #deaths: { server: number; worker: number; stall: number; vanish: number };

  constructor(options: MachinesOptions) {
    this.#options = options;
    const random = new Random(options.seed);
    this.random = random;
    const maybe = (most: number): number => (random.chance(0.5) ? 0 : random.next() * most);
    this.timeline = new Timeline(random);
    const faults: CloudFaults = {
      ...{ throttled: maybe(0.2), askLost: maybe(0.05), answerLost: maybe(0.2), late: maybe(0.1) },
      ...{ noRoom: maybe(0.4), refused: maybe(0.1), behindMs: maybe(20_000), leftOut: maybe(0.2) },
    };
    this.#yardFaults = {
      log: { ...noLogFaults, slow: maybe(0.03), answerLost: maybe(0.002), lost: maybe(0.002) },
      ...{ askLost: maybe(0.03), answerLost: maybe(0.05) },
    };
    this.#deaths = { server: maybe(0.02), worker: maybe(0.1), stall: maybe(0.03), vanish: maybe(0.02) };
    this.cloud = new Cloud(this.timeline, 'main-1', faults);
    for (const other of ['main-12/in_1', 'team-1/in_1']) this.cloud.addForeign(other);
    this.cloud.onFault = (fault) => this.#fault(fault);
    this.cloud.onCount = (what) => this.#count(what);
    this.cloud.onAsk = (what, of, ask) => this.#asked(what, of, ask);
    this.cloud.onMade = (machine) => this.#boots(machine);
    this.yard = new Yard({
      ...{ timeline: this.timeline, cloud: this.cloud, faults: () => this.#yardFaults },
      settings: { ...defaultSettings, graceMs: 30_000, lookEveryMs: random.between(5_000, 20_000) },
      onFault: (fault) => this.#fault(fault),
      onCount: (what) => this.#count(what),
      onTurn: (happened, state) => this.#happened(happened, state),
      onKept: ({ seq, events }) => {
        this.#fingerprint.number(seq);
        for (const { kind, data } of events) if (kind === 'instance.ending') this.#ended.add(data.instance as string);
      },
    });
  }

  async run(): Promise<Result> {
    const { yard, random } = this;
    let steps = 0;
    const until = async (isOver: () => boolean, what: string | null, ms: number): Promise<void> => {
      const end = this.timeline.now + ms;
      while (this.#faults.length === 0 && !isOver()) {
        if (this.timeline.now > end) {
          if (what !== null) this.#fault(`${what} ${ms / 1_000} s after the faults have stopped`);
          return;
        }
        await this.#step();
        steps++;
      }
    };
    const never = (): boolean => false;
    try {
      yard.start();
      for (let i = random.between(1, 3); i > 0; i--) yard.hire();
      this.#misfortunes();
      this.#alive(this.#builder());
      this.#alive(this.#administrator());
      for (let i = random.between(0, 4); i > 0; i--) this.#alive(this.#client(`client-${i}`));
      await until(never, null, seconds(this.#options.seconds));
      this.#calm();
      await until(() => this.#active === 0, 'somebody still waits', restMs);
      await until(() => this.#isAtRest(), 'there is still something to do', restMs);
      await until(never, null, afterRestMs);
      this.#restFaults();
      if (this.#faults.length === 0) await this.#end();
      await until(() => this.#isAtRest() && this.cloud.ours.length === 0, 'machines are there', restMs);
      await until(never, null, afterRestMs);
      this.#restFaults();
      this.#endFaults();
    } catch (error) {
      this.#fault(`thrown: ${(error as Error).stack}`);
    }
    this.#count('machines', this.cloud.machines.length);
    const { seed } = this.#options;
    const counts = Object.fromEntries(this.#counts);
    return { seed, faults: this.#faults, steps, fingerprint: this.#fingerprint.value, counts };
  }

  // --- the course of events

  async #step(): Promise<void> {
    if (!this.timeline.step()) throw new Error('nothing is left to happen');
    await microtasksDone();
    const { life } = this.yard;
    if (life !== null && life.replica.broken !== null) this.yard.die('the store has failed');
    if (!this.#mustLook || !this.timeline.isMomentOver || life?.log.isWriting === true) return;
    this.#mustLook = false;
    for (const fault of this.yard.faults()) this.#fault(fault);
  }

  #misfortunes(): void {
    const { timeline, random, yard } = this;
    const each = (perSecond: number, happen: () => void): void => {
      if (perSecond === 0) return;
      timeline.after((-Math.log(1 - random.next()) * 1_000) / perSecond, () => {
        if (this.#isCalm) return;
        happen();
        each(perSecond, happen);
      });
    };
    each(this.#deaths.server, () => yard.die('by chance'));
    each(this.#deaths.vanish, () => this.cloud.vanish());
    each(this.#deaths.worker, () => {
      const name = random.pick([...yard.workers.keys()]);
      if (name === undefined) return;
      yard.fire(name, random.chance(0.2));
      timeline.after(random.between(0, 20_000), () => yard.hire());
    });
    each(this.#deaths.stall, () => {
      const clocks = [...yard.workers.values()].map(({ clock }) => clock);
      const clock = random.pick([...clocks, ...(yard.life === null ? [] : [yard.life.clock])]);
      if (clock === undefined) return;
      this.#count('stalls');
      timeline.stall(clock, random.between(100, 40_000));
    });
  }

  #calm(): void {
    this.#trace('the faults stop');
    this.#isCalm = true;
    this.cloud.faults = noCloudFaults;
    this.#yardFaults = { log: noLogFaults, askLost: 0, answerLost: 0 };
    if (this.yard.workers.size === 0) this.yard.hire();
  }

  #isAtRest(): boolean {
    const { life, isIdle } = this.yard;
    if (life === null || !isIdle || life.log.isWriting) return false;
    const tick = life.replica.look((_, moment) => moment.tick) as number;
    return (
      !poolsNeed(life.state, tick) && life.state.pools.values().every((pool) => (pool.pausedUntilTick ?? 0) <= tick)
    );
  }

  // --- people

  async #alive(work: Promise<void>): Promise<void> {
    this.#active++;
    await work.catch((error: Error) => this.#fault(`thrown: ${error.stack}`));
    this.#active--;
  }

  #sleep(most: number): Promise<void> {
    return this.timeline.sleep(this.random.between(100, most));
  }

  async #builder(): Promise<void> {
    const { random, yard } = this;
    while (!this.#isCalm) {
      await this.#sleep(40_000);
      const what = random.weighted([
        [4, 'build'],
        [2, 'cancel'],
        [3, 'end'],
      ] as const);
      const state = yard.life?.state;
      if (what === 'build') {
        const id = yard.newId('bd');
        this.#builds.push(id);
        const spec = { ...build, count: random.between(1, 4) };
        // Whoever is not answered asks again, with the same id and other machines.
        for (let again = random.between(1, 3); again > 0; again--) {
          const instances = Array.from({ length: spec.count }, () => ({
            id: yard.newId('in'),
            token: yard.newId('token'),
          }));
          const job = yard.newId('jb');
          await yard.say((turn) => askBuild(turn, { id, spec, instances, job }, person));
        }
      } else if (what === 'cancel' && state !== undefined && state.builds.size > 0)
        await this.#cancel(random.pick([...state.builds.keys()]));
      else if (what === 'end' && state !== undefined && state.instances.size > 0)
        await this.#terminate(random.pick([...state.instances.keys()]));
    }
  }

  #cancel(id: string): Promise<unknown> {
    this.#count('cancels');
    const ask = { id, job: this.yard.newId('jb'), reason: 'client: no use' };
    return this.yard.say((turn) => cancelBuild(turn, ask, person));
  }

  #terminate(id: string): Promise<unknown> {
    const ask = { id, job: this.yard.newId('jb'), reason: 'client: old' };
    return this.yard.say((turn) => terminate(turn, ask, person));
  }

  async #administrator(): Promise<void> {
    const { random, yard } = this;
    const names = ['small', 'large'].slice(0, random.between(0, 2));
    while (!this.#isCalm && names.length > 0) {
      const name = random.pick(names);
      const environments = [...(yard.life?.state.environments.values() ?? [])];
      const environment = environments.length === 0 ? undefined : random.pick(environments);
      const what = random.weighted([
        [5, 'pool'],
        [1, 'remove'],
        [2, 'close'],
        [1, 'delete'],
      ] as const);
      if (what === 'pool' || yard.life?.state.pools.size === 0)
        await yard.say((turn) => setPool(turn, name, this.#poolSpec(name), person));
      else if (what === 'remove') await yard.say((turn) => removePool(turn, name, 'ann'));
      else if (what === 'close' && environment?.state === 'open')
        await yard.say((turn) =>
          configure(turn, environment.name, { state: 'frozen', reason: 'client: look' }, person),
        );
      else if (what === 'delete' && environment !== undefined) {
        const force = random.chance(0.5) ? { reason: 'client: gone' } : null;
        await yard.say((turn) => deleteEnvironment(turn, environment.name, person, force));
      }
      await this.#sleep(60_000);
    }
    // What somebody has closed somebody opens again, and who waits can be served.
    for (let isOpen = false; !isOpen; await this.#sleep(2_000)) {
      isOpen = true;
      for (const row of yard.life?.state.environments.values() ?? []) {
        if (row.state !== 'frozen') continue;
        isOpen = false;
        await yard.say((turn) => configure(turn, row.name, { state: 'open' }, person));
      }
      if (yard.life === null) isOpen = false;
    }
    // From now on machines only come and go as they are needed.
    for (const name of new Set(['large', ...(yard.life?.state.pools.keys() ?? [])])) {
      const spec = { ...this.#poolSpec(name), max: 6, maxAgeMs: null, readyWhen: 'started' as const };
      while ((await yard.say((turn) => setPool(turn, name, spec, person))) === null) await this.#sleep(2_000);
    }
  }

  #poolSpec(name: string): PoolSpec {
    const { random } = this;
    const max = random.between(2, 6);
    return {
      ...{ labels: { kind: 'vm', size: name }, max, min: random.between(0, 2), idle: random.between(0, 2), build },
      ...{
        idleForMs: random.between(0, 60_000),
        maxAgeMs: random.chance(0.3) ? random.between(60_000, 300_000) : null,
      },
      ...{ once: random.chance(0.4), readyWhen: random.pick(['finished', 'started'] as const) },
      readyWithinMs: random.between(30_000, 120_000),
    };
  }

  /** Takes turns on machines of pools, one after the other. */
  async #client(name: string): Promise<void> {
    const { random, yard } = this;
    const owner = actor(name, ['acquire']);
    while (!this.#isCalm) {
      await this.#sleep(20_000);
      const [id, key] = [yard.newId('ls'), yard.newId('key')];
      const ask = {
        ...{ id, actor: owner, holder: { name, url: null, ref: null }, reason: null, priority: 0, via: 'v1' as const },
        wants: [{ labels: { kind: 'vm' }, count: random.chance(0.2) ? 2 : 1 }],
        ...{ ttlMs: seconds(120), queueMs: null, maxHoldMs: null, polling: true },
        idempotency: { key, route: 'leases', hash: '' },
      };
      const asked = await yard.say((turn) => acquire(turn, ask));
      if (asked?.ok !== true) continue;
      let lease: LeaseRow | null = asked.value.lease;
      while (lease?.state === 'waiting') {
        await this.#sleep(4_000);
        const row: LeaseRow | null = await yard.say((turn) => {
          const now = turn.state.leases.get(id);
          return now === undefined ? null : contact(turn, now);
        });
        lease = row ?? yard.life?.state.leases.get(id) ?? lease;
      }
      this.#count(`lease ${lease?.state}`);
      for (let beats = random.between(0, 6); beats > 0; beats--) {
        await this.#sleep(8_000);
        await yard.say((turn) => renew(turn, id, owner));
      }
      while ((await yard.say((turn) => release(turn, id, owner))) === null) await this.#sleep(2_000);
    }
  }

  /** A machine says that it is ready: once, whoever hears it. */
  #boots(machine: CloudMachine): void {
    const { random, timeline } = this;
    timeline.after(random.between(1_000, 60_000), () => {
      if (!machine.isThere || random.chance(0.05)) return;
      void this.yard.say((turn) => reportReady(turn, machine.build, machine.cloudId));
    });
  }

  /** Everything is to go. */
  async #end(): Promise<void> {
    const { yard } = this;
    const state = yard.life?.state as State;
    for (const name of [...state.pools.keys()])
      await this.#untilSaid(() => yard.say((turn) => removePool(turn, name, 'ann') ?? true));
    for (const id of [...state.builds.keys()])
      if (this.random.chance(0.5)) await this.#untilSaid(() => this.#cancel(id));
    for (const id of [...state.instances.keys()]) await this.#untilSaid(() => this.#terminate(id));
  }

  async #untilSaid(say: () => Promise<unknown>): Promise<void> {
    let isSaid = false;
    void say().then(() => {
      isSaid = true;
    });
    while (!isSaid && this.#faults.length === 0) await this.#step();
  }

  // --- what must hold

  #row(instance: string): InstanceRow | null {
    return this.yard.disk.row('instance', instance.slice(instance.indexOf('/') + 1)) as InstanceRow | null;
  }

  /** By what is durable at the moment of the ask. */
  #asked(what: 'create' | 'delete' | 'delete group', of: string, ask: CreateAsk | null): void {
    this.#fingerprint.text(`${what} ${of}`);
    this.#trace(`${what} ${of} ${ask?.choice ?? ''}`);
    if (ask !== null) {
      const row = this.#row(of);
      const token = ask.choice === 0 ? row?.token : `${row?.token}-${ask.choice}`;
      if (row === null || row.state === 'planned') this.#fault(`B1: ${of} is asked for, and its row is ${row?.state}`);
      else if (ask.token !== token)
        this.#fault(`B1: ${of} is asked for with token ${ask.token}, its row has ${row.token}`);
      return;
    }
    if (what === 'delete') {
      const machine = this.cloud.machines.find(({ cloudId }) => cloudId === of);
      const row = machine === undefined ? null : this.#row(machine.instance);
      const isCancelled = this.yard.life?.state.builds.get(row?.build ?? '')?.cancelling != null;
      if (row?.cloudId === of && (row.state === 'running' || row.state === 'ready') && !isCancelled)
        this.#fault(`B4: ${of} is ended, and its row is ${row.state}`);
      return;
    }
    const built = this.cloud.groups.get(of)?.build.split('/')[1] ?? '';
    for (const { build: id, isThere: is, cloudId } of this.cloud.machines) {
      const row = is && id === built ? this.#known(cloudId) : null;
      if (row !== null && isThere(row))
        this.#fault(`B6: ${of} is to be removed, and ${row.id} of ${built} is ${row.state}`);
    }
  }

  #known(cloudId: string): InstanceRow | null {
    const machine = this.cloud.machines.find((each) => each.cloudId === cloudId);
    const row = machine === undefined ? null : this.#row(machine.instance);
    return row?.cloudId === cloudId ? row : null;
  }

  #happened({ changes, events }: Happened, state: State): void {
    this.#mustLook = true;
    for (const { kind, subject, data } of events) {
      this.#count(kind);
      this.#trace(`  ${kind} ${subject} ${data.reason ?? ''}`);
      const isMissed = kind === 'instance.gone' && data.reason === 'the driver has it no longer';
      const there = isMissed ? this.cloud.machines.find(({ cloudId }) => cloudId === subject) : undefined;
      if (there?.isThere === true) this.#fault(`B4: ${subject} counts as gone, and is there`);
      // By what its pool was before: that may be another one since this very turn.
      if (kind === 'lease.granted' && !changes.some((change) => change.kind === 'pool')) this.#granted(state, subject);
    }
    for (const { kind, id, row } of changes) {
      if (kind === 'instance' && row !== null && !this.#poolOf.has(id)) {
        this.#poolOf.set(id, row.pool ?? '');
        if (row.pool !== null && !changes.some((change) => change.kind === 'pool')) this.#isWithin(state, row.pool);
      }
      if (kind !== 'lease' || row?.end?.how !== 'environment_deleted' || row.grantedAt === null) continue;
      const { reason } = row.end;
      if (reason !== 'the driver has it no longer' && reason?.startsWith('client: ') !== true)
        this.#fault(`${row.id} has lost its machine: ${reason}`);
    }
  }

  #isWithin(state: State, name: string): void {
    const there = [...state.instances.values()].filter(
      (row) => this.#poolOf.get(row.id) === name && isThere(row),
    ).length;
    const max = state.pools.get(name)?.max ?? 0;
    if (there > max) this.#fault(`the pool ${name} has ${there} machines, and ${max} are allowed`);
  }

  #granted(state: State, name: string): void {
    const machine = state.environments.get(name)?.machine?.instance ?? '';
    const pool = state.pools.get(state.instances.get(machine)?.pool ?? '');
    if (pool?.once !== true) return;
    this.#count('once');
    if (this.#served.has(machine)) this.#fault(`${machine} of the pool ${pool.name} serves a second time`);
    this.#served.add(machine);
  }

  /** All is at rest, and the cloud has been looked at again and again: what it has is what is known. */
  #restFaults(): void {
    const state = this.yard.life?.state;
    if (this.#faults.length > 0 || state === undefined) return;
    const { cloud } = this;
    for (const { id, state: is, cancelling } of state.builds.values()) {
      if (is === 'pending' || is === 'building') this.#fault(`${id} is still ${is}`);
      if (cancelling !== null && is !== 'cancelled') this.#fault(`${id} was cancelled and is ${is}`);
    }
    for (const row of state.instances.values()) {
      const there = cloud.ours.filter(({ instance }) => instance === `${cloud.tag}/${row.id}`);
      if (row.state === 'running' || row.state === 'ready') {
        if (there.length !== 1) this.#fault(`B2: of ${row.id} there are ${there.length}`);
        if (there[0]?.cloudId !== row.cloudId) this.#fault(`B2: ${row.id} is ${there[0]?.cloudId}, not ${row.cloudId}`);
        continue;
      }
      if (row.state !== 'gone') this.#fault(`B3: ${row.id} is still ${row.state}`);
      if (there.length > 0) this.#fault(`B3: ${row.id} is ${row.state}, and ${there[0]?.cloudId} is there`);
      const is = state.builds.get(row.build ?? '')?.state;
      const vanished = cloud.machines.some(({ cloudId, vanished: has }) => has && cloudId === row.cloudId);
      if ((is === 'started' || is === 'finished') && !vanished && !this.#ended.has(row.id))
        this.#fault(`B2: ${row.id} of ${row.build} is gone, and nobody has ended it`);
    }
    for (const { instance, cloudId } of cloud.ours)
      if (this.#known(cloudId) === null) this.#fault(`B3: nobody knows ${cloudId}, tagged ${instance}`);
    for (const [id, { build: of }] of cloud.groups)
      if (!cloud.ours.some((machine) => `${cloud.tag}/${machine.build}` === of))
        this.#fault(`B6: ${id} of ${of} is left`);
    for (const job of state.jobs.values()) {
      const isOver = job.kind === 'build' && job.state === 'dead' && state.builds.get(job.subject)?.state === 'failed';
      if (job.kind !== 'reconcile' && !isOver)
        this.#fault(`B8: ${job.id} (${job.kind} ${job.subject}) is ${job.state}`);
    }
    for (const id of state.waiting) this.#fault(`${id} still waits`);
  }

  #endFaults(): void {
    const { cloud } = this;
    if (this.#faults.length > 0) return;
    if (cloud.ours.length > 0) this.#fault(`B3: ${cloud.ours.length} machines are left`);
    if (cloud.groups.size > 0) this.#fault(`B6: ${[...cloud.groups.keys()].join(', ')} are left`);
    if (cloud.machines.filter(({ isThere: is, instance }) => is && !instance.startsWith(`${cloud.tag}/`)).length !== 2)
      this.#fault('B3: machines of others are gone');
    for (const { name, machine } of this.yard.life?.state.environments.values() ?? [])
      if (machine !== undefined) this.#fault(`${name} is left, and its machine is gone`);
  }

  #fault(what: string): void {
    this.#trace(`FAULT ${what}`);
    this.#faults.push(what);
  }

  #count(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by);
  }

  #trace(line: string): void {
    this.#options.trace?.(`${(this.timeline.now / 1_000).toFixed(1).padStart(8)} ${line}`);
  }
}

export function simulateMachines(options: MachinesOptions): Promise<Result> {
  return new Machines(options).run();
}
