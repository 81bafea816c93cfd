// A client that asks, holds, renews and releases, for ever, and remembers each answer that it was given. What it asks while the
// server dies it asks again, with the same Idempotency-Key, as a pipeline would.

export interface Interval {
  readonly environment: string;
  readonly fence: number;
  /** Monotonic times of this process: the grant was acknowledged; the release was sent (null: not yet). */
  readonly from: number;
  to: number | null;
}

/** Pairs of holders of one environment, each of whom had been told that it holds before the other was told to stop. */
export function overlaps(intervals: readonly Interval[]): string[] {
  const sorted = intervals.toSorted((a, b) => a.from - b.from);
  const found: string[] = [];
  sorted.forEach((next, i) => {
    const before = sorted[i - 1];
    if (before !== undefined && (before.to === null || before.to > next.from))
      found.push(`fence ${before.fence} and fence ${next.fence}`);
  });
  return found;
}

interface LeaseJson {
  readonly id: string;
  readonly state: string;
  readonly fence: number;
}

interface Reply {
  readonly status: number;
  readonly lease: LeaseJson;
  readonly text: string;
}

export class Worker {
  readonly #url: string;
  readonly #environment: string;
  readonly #name: string;
  readonly #paused: () => Promise<void>;
  #asked = 0;
  #stopped = false;
  /** The lease whose grant was acknowledged last, and whether its release was sent or acknowledged since. */
  held: { id: string; fence: number; release: 'none' | 'sent' | 'acknowledged' } | null = null;
  readonly intervals: Interval[] = [];
  acknowledged = 0;

  /** `paused` resolves once the server may be asked again. */
  constructor(url: string, environment: string, name: string, paused: () => Promise<void>) {
    this.#url = url;
    this.#environment = environment;
    this.#name = name;
    this.#paused = paused;
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      const lease = await this.#acquire();
      if (lease === null) return;
      const interval: Interval = {
        environment: this.#environment,
        fence: lease.fence,
        from: performance.now(),
        to: null,
      };
      this.intervals.push(interval);
      this.held = { id: lease.id, fence: lease.fence, release: 'none' };
      if (this.#asked % 3 === 0) await this.#until(() => this.#send('POST', `/v1/leases/${lease.id}/renew`, {}), 200);
      this.held.release = 'sent';
      interval.to = performance.now();
      await this.#until(() => this.#send('DELETE', `/v1/leases/${lease.id}`, {}), 200);
      this.held.release = 'acknowledged';
    }
  }

  async #acquire(): Promise<LeaseJson | null> {
    const key = `${this.#name}-${++this.#asked}`;
    const body = JSON.stringify({
      environment: this.#environment,
      ttlSeconds: 600,
      queueSeconds: null,
      holder: { name: this.#name },
    });
    while (!this.#stopped) {
      const reply = await this.#send('POST', '/v1/leases?wait=5', { 'idempotency-key': key }, body);
      if (reply === null) continue;
      if (reply.status === 201) return reply.lease;
      if (reply.status !== 202) throw new Error(`${this.#name}: asking was answered ${reply.status}: ${reply.text}`);
    }
    return null;
  }

  /** Repeats until the answer came; any other answer than the expected one is a fault. */
  async #until(send: () => Promise<Reply | null>, expected: number): Promise<void> {
    for (;;) {
      const reply = await send();
      if (reply?.status === expected) return;
      if (reply !== null)
        throw new Error(`${this.#name}: expected ${expected}, was answered ${reply.status}: ${reply.text}`);
    }
  }

  /** Null when the connection broke, so that nobody knows what happened. */
  async #send(method: string, path: string, headers: Record<string, string>, body?: string): Promise<Reply | null> {
    await this.#paused();
    try {
      const reply = await fetch(this.#url + path, {
        method,
        headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        body: body ?? null,
      });
      const text = await reply.text();
      if (reply.status === 503) return null;
      this.acknowledged++;
      return { status: reply.status, lease: JSON.parse(text), text };
    } catch {
      return null;
    }
  }
}
