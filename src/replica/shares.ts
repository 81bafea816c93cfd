// How much of what all share one actor has: the conditions that it waits for, and the targets outside that are looked at for it.
// What always holds: nobody takes all of it, so a pipeline that goes wild stops itself and not the others; a target counts once
// for an actor, however many of its waits ask for it.

import { type Refusal, refuse } from '../core/errors.ts';

const conditionsAtLeast = 1_000;
const targetsEach = 100;
/** Whoever shows no key is one of many who cannot be told apart: all of them together have as much as three keys. */
const anonymous = 'anonymous';
const anonymousTimes = 3;

/** Who has a share. */
export interface Sharer {
  /** Stable, as of an actor. */
  readonly identity: string;
  /** For people. */
  readonly by: string;
}

interface Share {
  conditions: number;
  /** How many conditions ask for each target. */
  readonly targets: Map<string, number>;
}

export class Shares {
  readonly #conditionsEach: number;
  readonly #shares = new Map<string, Share>();

  /** `maxConditions` is what all have together. */
  constructor(maxConditions: number) {
    this.#conditionsEach = Math.max(conditionsAtLeast, Math.floor(maxConditions / 10));
  }

  /** How many actors have a share now. */
  get count(): number {
    return this.#shares.size;
  }

  /** Takes room for one condition each, null being one that looks at nothing outside. Refusal: too_many_waits. */
  take(sharer: Sharer, targets: readonly (string | null)[]): Refusal | null {
    const times = sharer.identity === anonymous ? anonymousTimes : 1;
    const share = this.#shares.get(sharer.identity) ?? { conditions: 0, targets: new Map() };
    if (share.conditions + targets.length > this.#conditionsEach * times)
      return full(sharer, `${this.#conditionsEach * times} conditions are waited for`);
    const added = new Set(targets.filter((target) => target !== null && !share.targets.has(target)));
    if (added.size > 0 && share.targets.size + added.size > targetsEach * times)
      return full(sharer, `${targetsEach * times} targets are tried`);
    this.#shares.set(sharer.identity, share);
    share.conditions += targets.length;
    for (const target of targets) if (target !== null) share.targets.set(target, (share.targets.get(target) ?? 0) + 1);
    return null;
  }

  /** Gives back what was taken with the same. */
  giveBack({ identity }: Sharer, targets: readonly (string | null)[]): void {
    const share = this.#shares.get(identity);
    if (share === undefined) return;
    share.conditions -= targets.length;
    for (const target of targets) {
      if (target === null) continue;
      const left = (share.targets.get(target) ?? 0) - 1;
      if (left > 0) share.targets.set(target, left);
      else share.targets.delete(target);
    }
    if (share.conditions <= 0) this.#shares.delete(identity);
  }
}

function full({ identity, by }: Sharer, what: string): Refusal {
  const whose =
    identity === anonymous
      ? 'for all together who show no key'
      : `for ${by} alone, which is the bound of one key or person`;
  return refuse('too_many_waits', `At most ${what} at once ${whose}. Wait until some of these have ended.`);
}
