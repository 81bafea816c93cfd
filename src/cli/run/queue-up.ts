// The first half of a run: ask for the lease and wait for it, telling what happens on the way.

import type { Client } from '../../client/client.ts';
import { leavePlace, newPlace, type PlaceEnd, type PlaceEvent, takePlace } from '../../client/place.ts';
import type { Lease } from '../../client/types.ts';
import type { Ahead, RunEvent } from '../speech/events.ts';
import type { Mouth } from '../speech/mouth.ts';
import type { RunPlan } from './plan.ts';

export interface QueueDeps {
  readonly client: Client;
  readonly mouth: Mouth;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  readonly tell: (event: RunEvent) => void;
}

export interface Queued {
  readonly end: PlaceEnd;
  readonly waitedMs: number;
  /** Who was waited for, for the summary. */
  readonly behind: string | null;
  /** After `stopped`: whether the server confirmed that the place is given up. */
  readonly left: boolean;
}

const tickMs = 250;
/** A cancelled job has about ten seconds in all. */
const leaveBudgetMs = 3000;
const aheadTimeoutMs = 1000;
const aheadShown = 5;

export async function queueUp(plan: RunPlan, deps: QueueDeps): Promise<Queued> {
  const { client, mouth, nowMs, signal } = deps;
  const startedAtMs = nowMs();
  const place = newPlace();
  const teller = new Teller(plan, deps);
  const ticking = setInterval(() => mouth.tick(nowMs()), tickMs);
  const { request, idempotencyKey, firstContactMs, maxAwayMs, pollSeconds } = plan;
  const ask = { request, idempotencyKey, firstContactMs, maxAwayMs, pollSeconds, signal };
  const end = await takePlace(client, { ...ask, onEvent: (event) => teller.hear(event) }, place);
  clearInterval(ticking);
  await teller.finished();
  if (end.kind === 'granted') teller.created(end.lease);
  const waitedMs = nowMs() - startedAtMs;
  // Granted in the moment in which we were stopped: the child has not started, so it goes back at once.
  const stopped = end.kind === 'stopped' || (end.kind === 'granted' && signal.aborted);
  const left = stopped ? await leavePlace(client, place, leaveBudgetMs) : true;
  return { end: stopped ? { kind: 'stopped' } : end, waitedMs, behind: teller.behind, left };
}

/** Turns what happens to the place into what is told, in order, though the list of those ahead takes a request of its own. */
class Teller {
  readonly #plan: RunPlan;
  readonly #deps: QueueDeps;
  readonly #said = new Set<string>();
  #order: Promise<void> = Promise.resolve();
  behind: string | null = null;

  constructor(plan: RunPlan, deps: QueueDeps) {
    this.#plan = plan;
    this.#deps = deps;
  }

  hear(event: PlaceEvent): void {
    this.#order = this.#order.then(() => this.#tell(event));
  }

  finished(): Promise<void> {
    return this.#order;
  }

  created(lease: Lease): void {
    for (const { environment, nearest } of lease.created ?? []) {
      if (this.#said.has(environment)) continue;
      this.#said.add(environment);
      this.#deps.tell({ kind: 'created', environment, nearest });
    }
  }

  async #tell(event: PlaceEvent): Promise<void> {
    if (event.kind !== 'queued') return this.#deps.tell(event);
    this.created(event.lease);
    this.behind = event.lease.blockedBy.find(({ holder }) => holder?.name)?.holder?.name ?? null;
    const ahead = await this.#ahead(event.lease);
    if (!this.#deps.signal.aborted) this.#deps.tell({ kind: 'queued', lease: event.lease, ahead });
  }

  /** A courtesy: without the right to read, or in time, it is left out. */
  async #ahead(lease: Lease): Promise<Ahead[]> {
    const [only, ...others] = lease.wants;
    if (!this.#plan.listAhead || only === undefined || !('environment' in only) || others.length > 0) return [];
    if ((lease.position ?? 1) < 2) return [];
    const { environment } = only;
    const options = { timeoutMs: aheadTimeoutMs, signal: this.#deps.signal };
    const waiting = await this.#deps.client.leases({ environment, state: 'waiting', limit: aheadShown }, options);
    if (!waiting.ok) return [];
    const holders = lease.blockedBy.flatMap(({ why, holder }) => (why === 'held' && holder ? [holder.name] : []));
    const own = waiting.value.items.findIndex(({ id }) => id === lease.id);
    const before = waiting.value.items.slice(0, own < 0 ? undefined : own).map(({ holder }) => holder.name);
    return [...holders.map((name) => ({ name, holds: true })), ...before.map((name) => ({ name, holds: false }))].map(
      ({ name, holds }) => ({ name: name ?? 'someone', holds }),
    );
  }
}
