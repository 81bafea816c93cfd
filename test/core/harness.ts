// A space in memory whose time is moved by hand: one turn for each command, as if each were alone. After every turn all
// invariants are looked at, so each example is also a test of them.

import { expect } from 'vitest';
import { type Actor, type Grant, parseGrant } from '../../src/core/access.ts';
import { configure, type EnvironmentChange } from '../../src/core/environment.ts';
import type { Outcome, RefusalCode } from '../../src/core/errors.ts';
import { resume, tidy } from '../../src/core/housekeeping.ts';
import { stateFaults, Watch } from '../../src/core/invariants.ts';
import { type Acquired, type Ask, acquire } from '../../src/core/lease/acquire.ts';
import { due, expire, release } from '../../src/core/lease/end.ts';
import { contact, leaveLine, renew } from '../../src/core/lease/hold.ts';
import { type Revocation, type Revoked, revoke } from '../../src/core/lease/revoke.ts';
import { type Standing, standing } from '../../src/core/lease/standing.ts';
import type { Change, EnvironmentRow, EventRecord, Labels, LeaseRow, Want } from '../../src/core/rows.ts';
import { defaultSettings, type Settings, State } from '../../src/core/state.ts';
import { Turn } from '../../src/core/turn.ts';

export const seconds = (count: number): number => count * 1000;
export const hours = (count: number): number => count * 3_600_000;

/** An actor with scopes as a key has them: `acquire`, `force:uat*`. */
export function actor(name: string, scopes: readonly string[] = ['acquire'], more: Partial<Actor> = {}): Actor {
  const grants = scopes.map((text) => parseGrant(text) as Grant);
  return { identity: name, name, grants, maxPriority: 0, ...more };
}

export const ann = actor('ann');
export const ben = actor('ben');
export const eve = actor('eve');
export const admin = actor('admin', ['admin'], { maxPriority: 100 });

export const named = (...names: string[]): Want[] => names.map((environment) => ({ environment }));
export const labelled = (labels: Labels, count = 1): Want[] => [{ labels, count }];

export class Space {
  state: State;
  tick = 0;
  at = Date.UTC(2026, 0, 1);
  readonly settings: Settings;
  readonly history: EventRecord[] = [];
  /** What the last turn changed. */
  changes: readonly Change[] = [];
  readonly #watch = new Watch();
  readonly #rows = new Map<string, Change>();
  #ids = 0;

  constructor(settings: Partial<Settings> = {}) {
    this.settings = { ...defaultSettings, ...settings };
    this.state = new State(this.settings);
  }

  /** One turn, kept. */
  turn<T>(command: (turn: Turn) => T): T {
    const turn = new Turn(this.state, { tick: this.tick, at: this.at });
    const value = command(turn);
    for (const change of turn.changes) this.#rows.set(`${change.kind} ${change.id}`, change);
    this.history.push(...turn.events);
    this.changes = turn.changes;
    const faults = [
      ...this.#watch.faults(turn),
      ...stateFaults(this.state, this.tick, { deadlineMs: Number.POSITIVE_INFINITY }),
    ];
    expect(faults).toEqual([]);
    return value;
  }

  /** Time passes; whatever is over by then ends, each thing at its own moment. */
  pass(milliseconds: number): void {
    const until = this.tick + milliseconds;
    for (;;) {
      const next = this.#nextDeadline();
      if (next === null || next.tick > until) break;
      this.#moveTo(next.tick);
      this.turn((turn) => expire(turn, next.lease.id, next.lease.renewal));
    }
    this.#moveTo(until);
  }

  /** The server stops at once and another starts on the same rows; wall time goes on meanwhile, log time does not. */
  restart(downMs = 0): void {
    const rows = [...this.#rows.values()].filter((change) => change.row !== null).sort((a, b) => a.seq - b.seq);
    const { seq } = this.state;
    this.state = new State(this.settings);
    this.state.load(JSON.parse(JSON.stringify(rows)), seq, 0);
    this.at += downMs;
    this.turn((turn) => resume(turn, {}));
  }

  tidy(): void {
    this.turn(tidy);
  }

  // --- shorthands; each is one command

  declare(name: string, change: EnvironmentChange = {}): EnvironmentRow {
    return done(this.turn((turn) => configure(turn, name, change, admin))).environment;
  }

  /** Asks and, unless told otherwise, stays on the line. */
  ask(wants: string | readonly Want[], more: Partial<Ask> = {}): Outcome<Acquired> {
    const ask: Ask = {
      id: more.id ?? `ls_${++this.#ids}`,
      ...{ actor: ann, holder: { name: more.actor?.name ?? 'ann', url: null, ref: null }, reason: null, priority: 0 },
      ...{ ttlMs: seconds(120), queueMs: undefined, maxHoldMs: undefined, polling: true, idempotency: null, via: 'v1' },
      wants: typeof wants === 'string' ? named(wants) : wants,
      ...more,
    };
    return this.turn((turn) => acquire(turn, ask));
  }

  /** As `ask`, where a lease is expected. */
  lease(wants: string | readonly Want[], more: Partial<Ask> = {}): LeaseRow {
    return done(this.ask(wants, more)).lease;
  }

  /** The lease as it is now. */
  now(lease: LeaseRow | string): LeaseRow {
    const id = typeof lease === 'string' ? lease : lease.id;
    const row = this.state.leases.get(id);
    if (row === undefined) throw new Error(`there is no lease ${id}`);
    return row;
  }

  renew(lease: LeaseRow, by: Actor = ann): Outcome<LeaseRow> {
    return this.turn((turn) => renew(turn, lease.id, by));
  }

  release(lease: LeaseRow, by: Actor = ann): Outcome<LeaseRow> {
    return this.turn((turn) => release(turn, lease.id, by));
  }

  revoke(lease: LeaseRow, more: Partial<Revocation> = {}): Outcome<Revoked> {
    const revocation: Revocation = { id: lease.id, actor: admin, reason: 'urgent', now: false, steal: null, ...more };
    return this.turn((turn) => revoke(turn, revocation));
  }

  /** What a thief asks with, for `revoke`. */
  thief(more: Partial<Ask> = {}): NonNullable<Revocation['steal']> {
    return {
      id: `ls_${++this.#ids}`,
      ...{ actor: admin, holder: { name: 'admin', url: null, ref: null }, reason: 'urgent', priority: 0, via: 'v1' },
      ...{ ttlMs: seconds(120), queueMs: undefined, maxHoldMs: undefined, polling: true, idempotency: null },
      ...more,
    };
  }

  comeBack(lease: LeaseRow): LeaseRow {
    return this.turn((turn) => contact(turn, this.now(lease)));
  }

  hangUp(lease: LeaseRow): void {
    leaveLine(this.state, lease.id, this.tick);
  }

  standing(lease: LeaseRow): Standing {
    return standing(this.state, this.now(lease), this.tick);
  }

  environment(name: string): EnvironmentRow {
    return this.state.environments.get(name) as EnvironmentRow;
  }

  #nextDeadline(): { tick: number; lease: LeaseRow } | null {
    let next: { tick: number; lease: LeaseRow } | null = null;
    for (const lease of this.state.leases.values()) {
      const deadline = due(this.state, lease);
      if (deadline !== null && (next === null || deadline.tick < next.tick)) next = { tick: deadline.tick, lease };
    }
    return next;
  }

  #moveTo(tick: number): void {
    this.at += Math.max(0, tick - this.tick);
    this.tick = Math.max(this.tick, tick);
  }
}

/** The value of an outcome that was expected to be good. */
export function done<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`refused: ${outcome.code}: ${outcome.message}`);
  return outcome.value;
}

/** The code of an outcome that was expected to be a refusal. */
export function refusal(outcome: Outcome<unknown>): RefusalCode | 'accepted' {
  return outcome.ok ? 'accepted' : outcome.code;
}
