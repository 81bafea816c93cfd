// What makes machines: the contract of a driver. What always holds, for every driver (test/provision/conformance.ts):
//   - `create` with a token that was used before is the machine of the first time, never a second one;
//   - `delete` of what is gone, or never was, is no error;
//   - `list` shows only what carries a tag of ours and may still cost something, and may be behind; `get` and `find` are asked of
//     the source itself;
//   - what goes wrong is thrown as DriverError, whose verdict says what to do about it.
// What a driver cannot do it says by a null: `images`, `shared`.

import type { BuildSpec, Facts } from '../core/rows.ts';

/** A machine as its driver knows it. */
export interface Made {
  readonly cloudId: string;
  /** Our id of it, from its tag: `<installation>/<id>`. */
  readonly instance: string;
  /** For people and for `/instances`: `ip`, `privateIp`, `type`, `image`, `zone`, `launchTime`. */
  readonly facts: Facts;
}

export interface CreateAsk {
  readonly token: string;
  /** Our id of the machine, `<installation>/<id>`: it is tagged with it. */
  readonly instance: string;
  /** Our id of its build, `<installation>/<id>`. */
  readonly build: string;
  readonly spec: BuildSpec;
  /** 0 for the first choice of type and place, and so on. */
  readonly choice: number;
  /** What people call it. */
  readonly name: string;
  /** Id of the image; null where there is none to choose. */
  readonly image: string | null;
  /** What `shared.prepare` said. */
  readonly prepared: Facts;
  /** What the machine is to read when it starts, as text: `#include https://…`; null: nothing. */
  readonly userData: string | null;
}

export interface Image {
  readonly id: string;
  readonly role: string | null;
  readonly name: string | null;
  /** Whether a build that names no image may take it. */
  readonly isActive: boolean;
  /** As the driver says: `available`. */
  readonly state: string;
  /** RFC 3339; the newest one is taken. */
  readonly createdAt: string;
}

export interface Images {
  list(signal: AbortSignal): Promise<readonly Image[]>;
  /** Asked of the source, also of images that `list` does not show; null: there is none. */
  get(id: string, signal: AbortSignal): Promise<Image | null>;
}

/** Something that the machines of one build have in common: a security group. */
export interface SharedThing {
  readonly id: string;
  /** Our id of the build it was made for, from its tag: `<installation>/<id>`. */
  readonly build: string;
}

export interface SharedThings {
  /** Makes what the machines of a build will share, before the first of them. Again: the same. Says what `create` needs of it. */
  prepare(ask: { readonly build: string; readonly spec: BuildSpec }, signal: AbortSignal): Promise<Facts>;
  /** What it has made and what is still there, of every installation. */
  list(signal: AbortSignal): Promise<readonly SharedThing[]>;
  /** `again` while something uses it; no error where it is gone. */
  delete(id: string, signal: AbortSignal): Promise<void>;
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
  readonly images: Images | null;
  readonly shared: SharedThings | null;
  /** How many choices there are for this; at least 1. */
  choices(spec: BuildSpec): number;
  create(ask: CreateAsk, signal: AbortSignal): Promise<Made>;
  get(cloudId: string, signal: AbortSignal): Promise<Made | null>;
  /** By our id of it: what was made of an ask whose answer was lost. */
  find(instance: string, signal: AbortSignal): Promise<Made | null>;
  list(signal: AbortSignal): Promise<readonly Made[]>;
  delete(cloudId: string, signal: AbortSignal): Promise<void>;
}
