// /metrics, for Prometheus. Counters are plain numbers on the way of a request and are read when somebody asks; names of
// environments and people are no labels, so that the number of series has a bound.

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Polls } from '../replica/polls.ts';
import type { Replica } from '../replica/replica.ts';

export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Map<string, number>();
  streams = 0;
  connections = 0;
  readonly #problems = new Map<string, number>();

  constructor(replica: Replica, polls: Polls) {
    collectDefaultMetrics({ register: this.#registry });
    const gauge = (name: string, help: string, read: () => number | Promise<number>): void => {
      new Gauge({
        name: `signalbox_${name}`,
        help,
        registers: [this.#registry],
        async collect() {
          this.set(await read());
        },
      });
    };
    const total = (name: string, help: string, read: () => number): void => {
      new Counter({
        name: `signalbox_${name}_total`,
        help,
        registers: [this.#registry],
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    };
    gauge('environments', 'Environments', () => replica.look((state) => state.environments.size));
    gauge('leases_held', 'Leases that are held', () =>
      replica.look((state) => state.leases.size - state.ended.size - state.waiting.size),
    );
    gauge('leases_waiting', 'Leases that wait in a queue', () => replica.look((state) => state.waiting.size));
    gauge('oldest_wait_seconds', 'How long the oldest waiting lease waits', () =>
      replica.look((state, moment) => {
        const [first] = state.waiting;
        const lease = first === undefined ? undefined : state.leases.get(first);
        return lease === undefined ? 0 : (moment.tick - lease.queuedTick) / 1000;
      }),
    );
    gauge('polls', 'Clients on the line for a lease', () => polls.count);
    gauge('streams', 'Open event streams', () => this.streams);
    gauge('connections', 'Open connections', () => this.connections);
    gauge('store_full', '1 while the disk of the store is full', () => (replica.log.full ? 1 : 0));
    total('turns', 'Turns of the replica', () => replica.figures.turns);
    total('commands', 'Commands decided', () => replica.figures.commands);
    total('changes', 'Rows changed', () => replica.figures.changes);
    total('events', 'Events written', () => replica.figures.events);
    total('full_turns', 'Turns that found the disk full', () => replica.figures.fullTurns);
    this.#labelled('requests', 'Requests by route and status', ['route', 'status'], this.#requests);
    this.#labelled('problems', 'Errors by code', ['code'], this.#problems);
  }

  /** Counts a request; `route` is the pattern, never the path itself. */
  count(method: string, route: string, status: number): void {
    const key = `${method} ${route}\n${status}`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
  }

  countProblem(code: string): void {
    this.#problems.set(code, (this.#problems.get(code) ?? 0) + 1);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #labelled(name: string, help: string, labelNames: string[], counts: ReadonlyMap<string, number>): void {
    new Counter({
      name: `signalbox_${name}_total`,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [key, count] of counts) {
          const values = key.split('\n');
          this.inc(Object.fromEntries(labelNames.map((label, i) => [label, values[i] ?? ''])), count);
        }
      },
    });
  }
}
