// What main.ts asks of the load generator, and what it answers. Both sides of the message channel use these types.

import type { Endpoint, SystemName } from '../systems/system.ts';

/** Acquire and release, each client on a name of its own, as fast as the server answers. */
export interface CyclesJob {
  kind: 'cycles';
  clients: number;
  warmSeconds: number;
  seconds: number;
}

/** Clients queued on one name: what each costs in memory, and how fast a turn passes on. */
export interface QueueJob {
  kind: 'queue';
  waiters: number;
  /** At most so many, 0 for none, and for at most so long. */
  handoffs: number;
  handoffSeconds: number;
  /** Pause before each hand-off, in which the former holder gets into the queue again. */
  gapMs: number;
  /** Measure the server's memory; only meaningful on a server that has done little else. */
  memory: boolean;
  /** Quiet before each reading of the memory. */
  settleMs: number;
  /** Leave an empty queue behind; not needed when the server is stopped next. */
  emptyAfter: boolean;
}

/** Clients that wait for one thing, which one of them brings about: how long until all of them know. */
export interface WakeJob {
  kind: 'wake';
  waiters: number;
  rounds: number;
}

export type Work = CyclesJob | QueueJob | WakeJob;

export interface Job {
  system: SystemName;
  endpoint: Endpoint;
  /** The server's processes, whose CPU and memory are read. */
  pids: number[];
  /** Distinguishes the names of this job from those of every other. */
  tag: string;
  work: Work;
}

/** Where a client of servers on PostgreSQL goes. */
export interface Place {
  port: number;
  space: string;
}

/** Cycles (or reads) of many clients that are spread over servers and spaces. */
export interface SpreadJob {
  kind: 'spread';
  /** The first client goes to the first, and so on round and round. */
  places: readonly Place[];
  clients: number;
  what: 'cycles' | 'reads';
  warmSeconds: number;
  seconds: number;
  /** Cycles a second of all together; null: as fast as they are answered. */
  perSecond: number | null;
}

/** What one server gives back, a client that waits at another one gets. */
export interface PassOnJob {
  kind: 'pass-on';
  places: readonly Place[];
  /** Names at the same time, each with its own holder and waiter. */
  lines: number;
  seconds: number;
  gapMs: number;
}

/** Measurements of servers on PostgreSQL; what they are called depends on where they are made. */
export interface StoreJob {
  key: string;
  servers: readonly ServerPlace[];
  cluster: ClusterPlace | null;
  tag: string;
  work: SpreadJob | PassOnJob;
}

export interface ServerPlace {
  port: number;
  pids: readonly number[];
}

export interface ClusterPlace {
  /** Its first process. */
  pid: number;
  /** For looking at how much it has written. */
  url: string;
}

export type AnyJob = Job | StoreJob;

/** Figures by the id of their row in rows.ts. */
export type Figures = Record<string, number>;

export type Answer = { outcome: 'measured'; figures: Figures } | { outcome: 'failed'; reason: string };
