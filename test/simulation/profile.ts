// What a seed is like: how large its world is, which faults it has and how often. Every kind of fault is missing from about
// half of the seeds, so that each is also met alone, and by its absence.

import type { Settings } from '../../src/core/state.ts';
import { defaultSettings } from '../../src/core/state.ts';
import type { LogFaults } from './faulty-log.ts';
import { noLogFaults } from './faulty-log.ts';
import type { Random } from './random.ts';
import type { SharedFaults } from './shared-log.ts';

export interface Faults {
  readonly log: LogFaults;
  /** Per second of world time. */
  readonly deaths: number;
  readonly stalls: number;
  readonly wallJumps: number;
  /** Per request. */
  readonly requestLost: number;
  readonly replyLost: number;
  readonly requestTwice: number;
  readonly slowNetwork: number;
  /** Per poll: the client hangs up before it is answered. */
  readonly hangUp: number;
}

export const noFaults: Faults = {
  log: noLogFaults,
  ...{ deaths: 0, stalls: 0, wallJumps: 0, requestLost: 0, replyLost: 0, requestTwice: 0, slowNetwork: 0, hangUp: 0 },
};

export interface Profile {
  readonly clients: number;
  readonly environments: number;
  readonly settings: Settings;
  readonly faults: Faults;
  /** How likely a job is about labels, several wants, ttl null, and so on. */
  readonly labels: number;
  readonly severalWants: number;
  readonly noTtl: number;
  readonly administration: number;
  /** How likely a job is about signals, barriers and waits, and not about a lease. */
  readonly meeting: number;
  /** Conditions that one server has waited for at once. */
  readonly maxConditions: number;
  readonly misbehaviour: number;
  /** Milliseconds between two jobs of one client, and the length of a job, on average. */
  readonly thinkMs: number;
  readonly workMs: number;
  /** Whether searches of the queue are never cut short, so that who is set aside follows from the rows alone. */
  readonly exactQueue: boolean;
}

export function drawProfile(random: Random): Profile {
  const maybe = (most: number): number => (random.chance(0.5) ? 0 : random.next() * most);
  const exactQueue = !random.chance(0.1);
  const narrow = random.chance(0.15);
  return {
    clients: random.between(2, 9),
    environments: random.between(1, 6),
    settings: {
      ...defaultSettings,
      declaredOnly: random.chance(0.1),
      graceMs: random.between(300, 3_000),
      retentionMs: random.between(5_000, 15_000),
      unusedMs: random.between(3_000, 10_000),
      ...(narrow
        ? {
            maxWaitingPerLine: random.between(1, 3),
            maxWaiting: random.between(2, 6),
            maxEnvironments: random.between(3, 8),
            maxSignals: random.between(1, 4),
            maxSignalBytes: random.between(20, 400),
            maxBarriers: random.between(1, 4),
          }
        : {}),
      searchBound: exactQueue ? 256 : random.between(1, 4),
    },
    faults: {
      log: {
        slow: maybe(0.06),
        answerLost: maybe(0.004),
        lost: maybe(0.004),
        full: maybe(0.04),
        ballastGone: maybe(0.2),
        beatLost: maybe(0.02),
        // Only a log for several servers does these.
        ...{ undone: 0, away: 0 },
      },
      deaths: maybe(0.15),
      stalls: maybe(0.3),
      wallJumps: maybe(0.2),
      requestLost: maybe(0.1),
      replyLost: maybe(0.15),
      requestTwice: maybe(0.1),
      slowNetwork: maybe(0.1),
      hangUp: maybe(0.5),
    },
    labels: maybe(0.7),
    severalWants: maybe(0.5),
    noTtl: maybe(0.5),
    administration: maybe(0.3),
    meeting: random.pick([0, 0, 0.2, 0.5, 0.9]),
    maxConditions: narrow ? random.between(2, 6) : 1_000,
    misbehaviour: maybe(0.4),
    thinkMs: random.between(5, 300),
    workMs: random.between(20, 1_500),
    exactQueue,
  };
}

/** What a seed with several servers is like besides. */
export interface SeveralProfile extends Profile {
  readonly servers: number;
  readonly shared: SharedFaults;
  /** Per second of world time: a server cannot reach the store, or none can. */
  readonly cuts: number;
  /** Per second of world time: the clock of the store jumps; its disk is full for a while. */
  readonly jumps: number;
  readonly fulls: number;
  /** By which part the clock of a server may be faster or slower than that of the store, and by how much its wall clock is wrong. */
  readonly drift: number;
  readonly wrongMs: number;
  /** Turns that the store keeps for those who are behind. */
  readonly turnsKept: number;
}

export function drawSeveral(random: Random): SeveralProfile {
  const maybe = (most: number): number => (random.chance(0.5) ? 0 : random.next() * most);
  const profile = drawProfile(random);
  return {
    ...profile,
    // Longer than it takes a server to hear that its client was heard of elsewhere.
    settings: {
      ...profile.settings,
      graceMs: random.between(4_000, 8_000),
      retentionMs: random.between(25_000, 40_000),
    },
    servers: random.pick([1, 2, 2, 3, 3]),
    shared: {
      ...{ slow: maybe(0.05), hangs: maybe(0.003), undone: maybe(0.05), answerLate: maybe(0.03) },
      ...{ broken: maybe(0.003), wakeLost: maybe(0.5) },
    },
    cuts: maybe(0.15),
    jumps: maybe(0.4),
    fulls: maybe(0.1),
    // Far more than clocks of computers differ by: a fault of this size shows within seconds.
    drift: random.chance(0.5) ? 0 : 0.001,
    wrongMs: random.chance(0.5) ? 0 : 3_600_000,
    turnsKept: random.chance(0.5) ? 1_000 : random.between(2, 12),
  };
}
