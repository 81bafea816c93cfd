// A space in memory whose builds and machines tell; what happens to them is made to happen by hand.

import { onTestFinished } from 'vitest';
import { noticeEvents, notify } from '../../src/core/machines/notice.ts';
import type { BuildRow, BuildSpec, InstanceRow, JobRow } from '../../src/core/rows.ts';
import { defaultSettings, type State } from '../../src/core/state.ts';
import type { Log } from '../../src/log/log.ts';
import { MemoryLog } from '../../src/log/memory.ts';
import { Notifier, type NotifierOptions } from '../../src/notify/notifier.ts';
import type { Sink } from '../../src/notify/sink.ts';
import { Webhook } from '../../src/notify/webhook.ts';
import { type Clock, systemClock } from '../../src/replica/clock.ts';
import { randomIds, randomText } from '../../src/replica/ids.ts';
import { Replica } from '../../src/replica/replica.ts';

export type Event = (typeof noticeEvents)[number];

export const spec: BuildSpec = {
  ...{ site: 'org', env: 'staging', queue: 'docker', role: 'worker', instanceType: 'c3.2xlarge', count: 1 },
  ...{ image: null, nameTemplate: null, subnet: null, securityGroup: null, slackChannel: null },
};

export const buildRow = (change: Partial<BuildRow> = {}): BuildRow => ({
  ...{ id: 'bd_1', seq: 1, state: 'building', spec, steps: [], instances: ['in_1'], scriptUntilTick: null },
  ...{ cancelling: null, failure: null, pool: null, owner: 'ann', by: 'ann' },
  ...{ createdAt: 0, endedAt: null, endedTick: null },
  ...change,
});

const machineRow = (id: string): InstanceRow => ({
  ...{ id, seq: 1, build: 'bd_1', state: 'running', token: '', choice: 0, cloudId: `i-${id}`, facts: {}, missed: null },
  ...{ pool: null, environment: null, by: 'ann', launchedTick: 0, launchedAt: 0, endedAt: null, endedTick: null },
});

export class World {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly notes: string[] = [];
  readonly troubles: string[] = [];
  readonly outcomes: string[] = [];

  constructor(replica: Replica, clock: Clock) {
    this.replica = replica;
    this.clock = clock;
  }

  /** `sinks`: those that are written for. */
  static async open(
    sinks: readonly Pick<Sink, 'name' | 'events'>[],
    { clock = systemClock, log = new MemoryLog(), server }: { clock?: Clock; log?: Log; server?: string } = {},
  ): Promise<World> {
    const replica = await Replica.open({
      ...{ log, clock, ids: randomIds, settings: { ...defaultSettings, sinks } },
      ...{ historyMs: 1e9, startFacts: {}, ...(server === undefined ? {} : { server }) },
    });
    onTestFinished(() => replica.close());
    return new World(replica, clock);
  }

  notifier(sinks: readonly Sink[], more: Partial<NotifierOptions> = {}): Notifier {
    const made = new Notifier({
      ...{ replica: this.replica, space: 'main', sinks, clock: this.clock, worker: randomText(4) },
      onOutcome: (sink, outcome) => void this.outcomes.push(`${sink} ${outcome}`),
      onNote: (message) => void this.notes.push(message),
      onTrouble: (message, error) => void this.troubles.push(`${message}: ${error.message}`),
      ...more,
    });
    onTestFinished(() => made.stop());
    return made;
  }

  /** It has happened to this machine of build bd_1, or to the build. */
  async happens(event: Event, machine = '1'): Promise<void> {
    const about = event.startsWith('build.') ? {} : { machine: machineRow(machine) };
    await this.replica.decide((turn) => notify(turn, event, { build: buildRow(), ...about }));
  }

  look<T>(reader: (state: State) => T): T | Promise<T> {
    return this.replica.look(reader);
  }

  /** Those that tell. */
  async jobs(): Promise<JobRow[]> {
    return this.look(({ jobs }) => [...jobs.values()].filter(({ kind }) => kind === 'notify'));
  }

  /** The only one there is. */
  async job(): Promise<JobRow | undefined> {
    return (await this.jobs())[0];
  }
}

/** One that hears of everything. */
export function webhook(url: string, clock: Clock = systemClock, name = 'hook', secret: string | null = null): Webhook {
  return new Webhook({ name, url, secret, events: noticeEvents }, clock);
}
