// What makes machines: the contract of a driver. What always holds, for every driver (test/provision/conformance.ts):
//   - `create` with a token that was used before is the machine of the first time, never a second one;
//   - `delete` of what is gone, or never was, is no error;
//   - `list` shows only what carries our tag, and may be behind; `get` and `find` are asked of the source itself;
//   - what goes wrong is thrown as DriverError, whose verdict says what to do about it.

import type { BuildSpec } from '../core/rows.ts';

/** A machine as its driver knows it. */
export interface Made {
  readonly cloudId: string;
  /** Our id of it, from its tag. */
  readonly instance: string;
  /** For people and for `/instances`: `ip`, `privateIp`, `type`, `image`, `zone`, `launchTime`. */
  readonly facts: Readonly<Record<string, string>>;
}

export interface CreateAsk {
  readonly token: string;
  /** Our id of the machine: it is tagged with it. */
  readonly instance: string;
  readonly build: string;
  readonly spec: BuildSpec;
  /** 0 for the first choice of type and place, and so on. */
  readonly choice: number;
}

export type Verdict =
  /** It may pass: the same again, with the same token. */
  | 'again'
  /** Certain that nothing was made, and that this choice has no room: another one. */
  | 'next choice'
  /** Certain that nothing was made, and the same again will fail again. */
  | 'give up';

export class DriverError extends Error {
  readonly verdict: Verdict;

  constructor(verdict: Verdict, message: string, options?: ErrorOptions) {
    super(message, options);
    this.verdict = verdict;
  }
}

export interface Driver {
  /** For people: `command ./machines`. */
  readonly name: string;
  /** How many choices there are for this; at least 1. */
  choices(spec: BuildSpec): number;
  create(ask: CreateAsk, signal: AbortSignal): Promise<Made>;
  get(cloudId: string, signal: AbortSignal): Promise<Made | null>;
  /** By our id of it: what was made of an ask whose answer was lost. */
  find(instance: string, signal: AbortSignal): Promise<Made | null>;
  list(signal: AbortSignal): Promise<readonly Made[]>;
  delete(cloudId: string, signal: AbortSignal): Promise<void>;
}
