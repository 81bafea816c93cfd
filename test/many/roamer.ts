// A client that goes to another server with each request: it asks, waits, holds, renews, looks and releases, again and again. What
// it has no answer to it asks again elsewhere, with the same Idempotency-Key, as a pipeline would. An answer that contradicts what
// it was told before is a fault, and ends it.

import type { Random } from '../simulation/random.ts';
import { type Ask, newAsk } from './promises.ts';

export interface RoamerOptions {
  readonly name: string;
  readonly urls: readonly string[];
  readonly environments: readonly string[];
  readonly random: Random;
  /** All that anybody has asked; it adds its own. */
  readonly asks: Ask[];
}

interface Reply {
  readonly status: number;
  readonly lease: { readonly id: string; readonly state: string; readonly fence: number | null };
  readonly text: string;
}

const ttlSeconds = 60;

export class Roamer {
  readonly #options: RoamerOptions;
  #asked = 0;
  #at = 0;
  #stopped = false;
  /** The one it is about. */
  ask: Ask | null = null;
  acknowledged = 0;

  constructor(options: RoamerOptions) {
    this.#options = options;
  }

  /** What is under way is brought to its end. */
  stop(): void {
    this.#stopped = true;
  }

  /** Null, or what was wrong. */
  async run(): Promise<string | null> {
    try {
      while (!this.#stopped) await this.#cycle();
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  async #cycle(): Promise<void> {
    const { name, environments, random, asks } = this.#options;
    const ask = newAsk(`${name}-${++this.#asked}`, random.pick(environments), random.chance(0.2) ? 5 : 0);
    asks.push(ask);
    this.ask = ask;
    await this.#acquire(ask);
    for (let step = random.below(4); step > 0; step--) {
      await pause(random.below(15));
      if (random.chance(0.5)) await this.#expect(ask, 'POST', `/v1/leases/${ask.id}/renew`, 'held');
      else await this.#expect(ask, 'GET', `/v1/leases/${ask.id}`, 'held');
    }
    ask.releaseSentAt = performance.now();
    await this.#expect(ask, 'DELETE', `/v1/leases/${ask.id}`, 'released');
    ask.releasedAt = performance.now();
    if (random.chance(0.2)) await this.#expect(ask, 'GET', `/v1/leases/${ask.id}`, 'released');
    await pause(random.below(10));
  }

  async #acquire(ask: Ask): Promise<void> {
    const { random } = this.#options;
    const body = {
      ...{ environment: ask.environment, priority: ask.priority, ttlSeconds, queueSeconds: null },
      holder: { name: ask.key },
    };
    while (ask.grantedAt === null) {
      const wait = random.pick([0, 1, 5]);
      const { status, lease, text } =
        ask.id === null || random.chance(0.3)
          ? await this.#insist('POST', `/v1/leases?wait=${wait}`, { 'idempotency-key': ask.key }, body)
          : await this.#insist('GET', `/v1/leases/${ask.id}?wait=${wait}`);
      const isOne = status >= 200 && status < 300 && (lease.state === 'waiting' || lease.state === 'held');
      if (!isOne || (ask.id !== null && lease.id !== ask.id))
        throw new Error(`lost: ${ask.key} waits as ${ask.id}, and was answered ${status}: ${text}`);
      ask.id = lease.id;
      ask.placedAt ??= performance.now();
      if (lease.state === 'held') {
        ask.fence = lease.fence;
        ask.grantedAt = performance.now();
      } else if (wait === 0) await pause(random.between(5, 30));
    }
  }

  /** Of a lease that was granted. */
  async #expect(ask: Ask, method: string, path: string, state: string): Promise<void> {
    const { status, lease, text } = await this.#insist(method, path);
    if (status !== 200 || lease.state !== state || lease.fence !== ask.fence)
      throw new Error(
        `lost: ${ask.key} was granted ${ask.id} with fence ${ask.fence}; ${method} was not answered ${state} but ${status}: ${text}`,
      );
  }

  /** Until there is an answer; a server that is starting or has no store says so with 503. */
  async #insist(method: string, path: string, headers: Record<string, string> = {}, body?: object): Promise<Reply> {
    const { urls, random } = this.#options;
    for (let tries = 0; ; tries++) {
      this.#at = (this.#at + 1 + random.below(Math.max(1, urls.length - 1))) % urls.length;
      try {
        const reply = await fetch(urls[this.#at] + path, {
          method,
          headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
          body: body === undefined ? null : JSON.stringify(body),
          signal: AbortSignal.timeout(20_000),
        });
        const text = await reply.text();
        if (reply.status !== 503) {
          this.acknowledged++;
          return { status: reply.status, lease: JSON.parse(text), text };
        }
      } catch {
        // Nobody there, or gone before the answer came: nobody knows what happened.
      }
      if (tries > 2_000) throw new Error(`away: ${method} ${path} was never answered`);
      await pause(random.between(2, 20));
    }
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
