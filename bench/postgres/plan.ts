// How much is measured on PostgreSQL: every count and duration, for `--quick` and for the full run.

export interface StorePlan {
  name: 'quick' | 'full';
  repetitions: number;
  /** Once for each server, before anything is measured: its code is compiled while it runs. */
  trainSeconds: number;
  warmSeconds: number;
  /** Of each measurement of cycles, reads and hand-offs. */
  seconds: number;
  /** How often a server is halted in a turn, in each repetition. */
  halts: number;
  /** How many spaces are open at once, each measured with one and with three servers, and how often. */
  spaces: readonly { count: number; repetitions: number }[];
  /**
   * At rest, before the figures are read, and while they are. A server that has just started says in each space that it is there,
   * and takes it back 3 seconds later; of one that was killed the others find out within 12.
   */
  settleSeconds: number;
  restSeconds: number;
  /** After so long nothing new is begun. */
  limitSeconds: number;
}

export const CLIENTS = [1, 64, 256] as const;
export const SERVERS = 3;
/** Between two checkpoints, where little happens. */
export const SPARSE_CYCLES = [1, 10, 100] as const;

export function storePlanFor(quick: boolean, repetitions: number | null): StorePlan {
  return quick
    ? {
        ...{ name: 'quick', repetitions: repetitions ?? 3, halts: 2 },
        ...{ trainSeconds: 4, warmSeconds: 0.7, seconds: 1.5 },
        ...{
          spaces: [{ count: 100, repetitions: repetitions ?? 3 }],
          settleSeconds: 5,
          restSeconds: 4,
          limitSeconds: 300,
        },
      }
    : {
        ...{ name: 'full', repetitions: repetitions ?? 5, halts: 4 },
        ...{ trainSeconds: 15, warmSeconds: 2, seconds: 5 },
        spaces: [
          { count: 100, repetitions: 3 },
          { count: 1_000, repetitions: 1 },
        ],
        ...{ settleSeconds: 15, restSeconds: 10, limitSeconds: 2_400 },
      };
}
