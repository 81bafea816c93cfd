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

export interface Job {
  system: SystemName;
  endpoint: Endpoint;
  /** The server's processes, whose CPU and memory are read. */
  pids: number[];
  /** Distinguishes the names of this job from those of every other. */
  tag: string;
  work: CyclesJob | QueueJob;
}

/** Figures by the id of their row in rows.ts. */
export type Figures = Record<string, number>;

export type Answer = { outcome: 'measured'; figures: Figures } | { outcome: 'failed'; reason: string };
