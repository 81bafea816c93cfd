// /metrics, for Prometheus. Counters are plain numbers on the way of a request and are read when somebody asks; names of
// environments and people are no labels, so that the number of series has a bound.

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { isThere } from '../core/machines/instance.ts';
import type { Moment } from '../core/rows.ts';
import type { State } from '../core/state.ts';
import type { Prober } from '../probes/prober.ts';
import type { Space, Spaces } from '../replica/spaces.ts';

export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Map<string, number>();
  streams = 0;
  connections = 0;
  readonly #problems = new Map<string, number>();
  readonly #notices = new Map<string, number>();

  constructor(prober: Prober) {
    collectDefaultMetrics({ register: this.#registry });
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name: `signalbox_${name}`,
        help,
        registers: [this.#registry],
        collect() {
          this.set(read());
        },
      });
    };
    gauge('probed_targets', 'Targets that are being tried', () => prober.count);
    gauge('streams', 'Open event streams', () => this.streams);
    gauge('connections', 'Open connections', () => this.connections);
    this.#labelled('probe_tries', 'Tries of probes by kind and finding', ['kind', 'state'], () =>
      prober.figures.map(({ kind, state, tries }) => [`${kind}\n${state}`, tries]),
    );
    this.#labelled('requests', 'Requests by route and status', ['route', 'status'], () => this.#requests);
    this.#labelled('problems', 'Errors by code', ['code'], () => this.#problems);
    const sinkLabels = ['sink', 'outcome'];
    this.#labelled('notifications', 'Tries to tell a sink by outcome', sinkLabels, () => this.#notices);
  }

  /** Counts a request; `route` is the pattern, never the path itself. */
  count(method: string, route: string, status: number): void {
    const key = `${method} ${route}\n${status}`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
  }

  countProblem(code: string): void {
    this.#problems.set(code, (this.#problems.get(code) ?? 0) + 1);
  }

  /** `sink`: one of those that were set. */
  countNotice(sink: string, outcome: string): void {
    const key = `${sink}\n${outcome}`;
    this.#notices.set(key, (this.#notices.get(key) ?? 0) + 1);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Figures of the server, and of all its spaces. */
  async everything(spaces: Spaces): Promise<string> {
    const notOpen = Array.from(spaces.notOpen(), ([name]) => name);
    return `${await this.#registry.metrics()}\n${await this.ofSpaces(spaces, notOpen)}`;
  }

  /** Figures of some spaces: those of a team are nobody else's business. */
  async ofSpaces(spaces: Iterable<Space>, notOpen: readonly string[] = []): Promise<string> {
    const registry = new Registry();
    const registers = [registry];
    const measures = Object.entries(ofSpace).map(([name, { help, read, grows, ofClosed }]) => {
      const labelNames = ['space'];
      const measure = grows
        ? new Counter({ name: `signalbox_${name}_total`, help, labelNames, registers })
        : new Gauge({ name: `signalbox_${name}`, help, labelNames, registers });
      if (ofClosed !== undefined) for (const space of notOpen) measure.inc({ space }, ofClosed);
      return { measure, read };
    });
    const labelNames = ['space', 'outcome'];
    const waitsEnded = new Counter({
      name: 'signalbox_waits_ended_total',
      help: 'Waits by how they ended',
      labelNames,
      registers,
    });
    for (const space of spaces) {
      // All of one moment.
      await space.replica.look((state, moment) => {
        for (const { measure, read } of measures) measure.inc({ space: space.name }, read({ space, state, moment }));
      });
      for (const [outcome, count] of Object.entries(space.waits.figures))
        waitsEnded.inc({ space: space.name, outcome }, count);
    }
    return registry.metrics();
  }

  /** `counts`: the values of the labels, one in a line each, and how often. */
  #labelled(name: string, help: string, labelNames: string[], counts: () => Iterable<readonly [string, number]>): void {
    new Counter({
      name: `signalbox_${name}_total`,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [key, count] of counts()) {
          const values = key.split('\n');
          this.inc(Object.fromEntries(labelNames.map((label, i) => [label, values[i] ?? ''])), count);
        }
      },
    });
  }
}

interface Looked {
  readonly space: Space;
  readonly state: State;
  readonly moment: Moment;
}

interface Measure {
  readonly help: string;
  readonly read: (looked: Looked) => number;
  /** What is said of a space that is not open. */
  readonly ofClosed?: number;
  /** A total since the start. */
  readonly grows?: true;
}

const total = (help: string, read: Measure['read']): Measure => ({ help, read, grows: true });

const ofSpace: Readonly<Record<string, Measure>> = {
  environments: { help: 'Environments', read: ({ state }) => state.environments.size },
  leases_held: {
    help: 'Leases that are held',
    read: ({ state }) => state.leases.size - state.ended.size - state.waiting.size,
  },
  leases_waiting: { help: 'Leases that wait in a queue', read: ({ state }) => state.waiting.size },
  oldest_wait_seconds: {
    help: 'How long the oldest waiting lease waits',
    read: ({ state, moment }) => {
      const [first] = state.waiting;
      const lease = first === undefined ? undefined : state.leases.get(first);
      return lease === undefined ? 0 : (moment.tick - lease.queuedTick) / 1000;
    },
  },
  polls: { help: 'Clients on the line for a lease', read: ({ space }) => space.polls.count },
  signals: { help: 'Signals that are set', read: ({ state }) => state.signals.size },
  barriers: { help: 'Barriers, those that are over included', read: ({ state }) => state.barriers.size },
  waits: {
    help: 'Clients that wait for signals, barriers, environments, leases or probes',
    read: ({ space }) => space.waits.count,
  },
  instances: {
    help: 'Machines that are there or may be: what costs money',
    read: ({ state }) => count(state.instances.values(), isThere),
  },
  pools: { help: 'Pools that build their own machines', read: ({ state }) => state.pools.size },
  builds_under_way: {
    help: 'Builds that are not over',
    read: ({ state }) =>
      count(state.builds.values(), (build) => build.state === 'pending' || build.state === 'building'),
  },
  jobs: { help: 'Jobs of workers, those that were given up included', read: ({ state }) => state.jobs.size },
  jobs_dead: {
    help: 'Jobs that were given up',
    read: ({ state }) => count(state.jobs.values(), (job) => job.state === 'dead'),
  },
  driver_look_age_seconds: {
    help: 'How long ago the machines at the driver were last held against what is known; 0 where nobody looks',
    read: ({ state, moment }) => {
      const look = state.jobs.values().find(({ kind }) => kind === 'reconcile');
      return look === undefined ? 0 : Math.max(0, (moment.at - (look.report?.at ?? look.createdAt)) / 1000);
    },
  },
  store_full: { help: '1 while the disk of the store is full', read: ({ space }) => (space.replica.log.full ? 1 : 0) },
  store_away: {
    help: '1 while the store cannot be reached',
    read: ({ space }) => (space.replica.isAway ? 1 : 0),
    ofClosed: 1,
  },
  turns: total('Turns of the replica', ({ space }) => space.replica.figures.turns),
  commands: total('Commands decided', ({ space }) => space.replica.figures.commands),
  changes: total('Rows changed', ({ space }) => space.replica.figures.changes),
  events: total('Events written', ({ space }) => space.replica.figures.events),
  full_turns: total('Turns that found the disk full', ({ space }) => space.replica.figures.fullTurns),
};

function count<T>(rows: Iterable<T>, is: (row: T) => boolean): number {
  let found = 0;
  for (const row of rows) if (is(row)) found++;
  return found;
}
