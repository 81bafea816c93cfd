// The past of an environment, as the client sees it. Times are RFC 3339 UTC strings.

import type { Holder } from './types.ts';

interface Told {
  readonly environment: string;
  readonly since: string;
  readonly until: string;
  /** From when on it is told: later than `since` where the history does not reach back so far. */
  readonly from: string;
  /** There was more than is read at once. */
  readonly truncated: boolean;
  readonly asOf: { readonly seq: number; readonly at: string };
}

export interface LaneBlock {
  readonly slot: number;
  readonly state: 'held' | 'dirty';
  readonly from: string;
  /** null: it still is, or it is not known. */
  readonly to: string | null;
  /** null: a band of several, or not known. */
  readonly lease: string | null;
  readonly holder: Holder | null;
  readonly by: string | null;
  readonly how: string | null;
  readonly endedBy: string | null;
  readonly reason: string | null;
  readonly waitedSeconds: number | null;
  /** How many blocks it stands for. */
  readonly merged: number;
}

export interface ClosedPeriod {
  readonly from: string;
  readonly to: string | null;
  readonly state: 'frozen' | 'draining';
  readonly reason: string | null;
  readonly by: string | null;
  /** The freeze by labels; null: the environment itself was closed. */
  readonly freeze: string | null;
  readonly merged: number;
}

export interface Lanes extends Told {
  readonly slots: number;
  readonly slotsLeftOut: number;
  /** 0: it was not there. */
  readonly capacity: readonly { readonly at: string; readonly capacity: number }[];
  readonly blocks: readonly LaneBlock[];
  readonly mergedWithinSeconds: number | null;
  readonly closed: readonly ClosedPeriod[];
  readonly waiting: readonly { readonly at: string; readonly waiting: number }[];
}

interface HolderFigures {
  readonly leases: number;
  readonly heldSeconds: number;
  /** Of all time that it was held, 0 to 1. */
  readonly share: number;
}

export interface EnvironmentStats extends Told {
  readonly leases: number;
  /** Of capacity and time, 0 to 1; null: it was not there. */
  readonly heldShare: number | null;
  readonly heldSeconds: number;
  readonly closedSeconds: number;
  readonly waits: {
    readonly count: number;
    readonly p50Seconds: number | null;
    readonly p95Seconds: number | null;
    readonly sumSeconds: number;
    readonly timedOut: number;
    readonly cancelled: number;
  };
  /** Without the numbers of their runs; the longest first. */
  readonly byHolder: readonly (HolderFigures & { readonly name: string | null })[];
  readonly others: HolderFigures & { readonly holders: number };
  /** The same requests with one more slot. */
  readonly oneMore: {
    readonly p50Seconds: number | null;
    readonly p95Seconds: number | null;
    readonly savedSeconds: number;
  };
}
