// What must hold of a whole history, found by sorting: n log n in the number of operations. A client holds for certain from the
// end of the reply that told it so until the start of whatever may have ended its lease: a release or revocation that was sent, its
// ttl since the start of the last renewal that was acknowledged. Each rule only speaks of what is certain, so a machine that stalls
// makes it say less, never something wrong. Rules, with their numbers in docs/architecture.md: no more holders than slots (L1),
// fences (L2), what ended stays ended (L3), one key is one lease (L4), nothing ends before its ttl (L5), order (L7).

import {
  type Acquire,
  clockGrainMs,
  type History,
  isEnded,
  leaseOf,
  type Operation,
  onlyEnvironment,
  type Seen,
  seenIn,
} from './history.ts';

/** All that the history tells of one lease. */
interface Life {
  readonly id: string;
  readonly ask: Acquire;
  /** It was asked for between these two. */
  readonly askedFrom: number;
  askedTo: number;
  /** It was granted between these two. */
  grantedFrom: number;
  grantedTo: number;
  fence: number | null;
  granted: readonly string[];
  /** Its client knew that it holds. */
  toldAt: number;
  /** Starts of the last acknowledged renewal, and of the last answer that showed it held. */
  renewedAt: number;
  heldAt: number;
  /** Start of the first request that may have ended it. */
  leftAt: number;
  /** End of the first answer that showed it ended, or that gave it back. */
  endedAt: number;
}

/** A hold that is certain. */
interface Hold {
  readonly lease: string;
  readonly fence: number;
  readonly from: number;
  readonly to: number;
}

/** Everything that is wrong with a history; empty when nothing is. */
export function faultsOf(history: History): string[] {
  const lives = livesOf(history.operations);
  const granted = lives.values().filter((life) => life.fence !== null);
  const byEnvironment = new Map<string, Life[]>();
  for (const life of granted)
    for (const name of life.granted) {
      const known = byEnvironment.get(name);
      if (known === undefined) byEnvironment.set(name, [life]);
      else known.push(life);
    }
  const faults = [...unexpected(history), ...keyFaults(history), ...fenceFaults(history)];
  for (const [name, here] of byEnvironment) {
    const capacity = history.capacities.get(name) ?? 1;
    faults.push(...overlaps(name, here.map(holdOf), capacity));
    faults.push(...fencesBack(name, here));
    if (capacity === 1) faults.push(...ordersSwapped(name, here));
  }
  faults.push(...stateFaults(history, lives), ...checkFaults(history, lives));
  return faults;
}

function livesOf(operations: readonly Operation[]): Map<string, Life> {
  const askedFrom = new Map<string, number>();
  const lives = new Map<string, Life>();
  for (const { asked, start } of operations)
    if (asked.kind === 'acquire') askedFrom.set(asked.key, Math.min(start, askedFrom.get(asked.key) ?? Infinity));
  for (const { asked, answer } of operations) {
    const seen = seenIn(answer);
    if (asked.kind !== 'acquire' || seen === null || lives.has(seen.id)) continue;
    const from = askedFrom.get(asked.key) as number;
    lives.set(seen.id, {
      ...{ id: seen.id, ask: asked, askedFrom: from, askedTo: Infinity, grantedFrom: from, grantedTo: Infinity },
      ...{ fence: null, granted: [], toldAt: Infinity, renewedAt: -Infinity, heldAt: -Infinity },
      ...{ leftAt: Infinity, endedAt: Infinity },
    });
  }
  for (const operation of operations) {
    const seen = seenIn(operation.answer);
    const life = lives.get(seen?.id ?? leaseOf(operation) ?? '');
    if (life === undefined) continue;
    noteAsked(life, operation);
    if (seen !== null) noteSeen(life, operation, seen);
  }
  return lives;
}

function noteAsked(life: Life, { asked, answer, start }: Operation): void {
  // Without a ttl there is nothing to wait for: a revocation passes it on at once.
  const mayEnd = asked.kind === 'release' || (asked.kind === 'revoke' && (asked.now || life.ask.ttlMs === null));
  if (mayEnd) life.leftAt = Math.min(life.leftAt, start);
  if (asked.kind === 'renew' && answer.kind === 'lease') life.renewedAt = Math.max(life.renewedAt, start);
}

function noteSeen(life: Life, { start, end }: Operation, seen: Seen): void {
  life.askedTo = Math.min(life.askedTo, end);
  if (seen.state === 'waiting') life.grantedFrom = Math.max(life.grantedFrom, start);
  if (seen.fence !== null) {
    life.grantedTo = Math.min(life.grantedTo, end);
    life.fence ??= seen.fence;
    life.granted = seen.granted;
  }
  if (seen.state === 'held') {
    life.toldAt = Math.min(life.toldAt, end);
    life.heldAt = Math.max(life.heldAt, start);
  }
  if (isEnded(seen.state)) life.endedAt = Math.min(life.endedAt, end);
}

function holdOf(life: Life): Hold {
  const { ttlMs } = life.ask;
  const timed =
    ttlMs === null
      ? Infinity
      : Math.max(Math.max(life.grantedFrom, life.renewedAt) + ttlMs - clockGrainMs, life.heldAt);
  return { lease: life.id, fence: life.fence as number, from: life.toldAt, to: Math.min(life.leftAt, timed) };
}

/** Moments at which more hold an environment for certain than it has slots (L1). */
function overlaps(name: string, holds: readonly Hold[], capacity: number): string[] {
  const certain = holds.filter(({ from, to }) => from < to);
  const edges = certain.flatMap((hold) => [
    { at: hold.from, hold, isEnd: false },
    { at: hold.to, hold, isEnd: true },
  ]);
  // Who leaves at a moment makes room for who comes at the same.
  edges.sort((a, b) => (a.at === b.at ? Number(b.isEnd) - Number(a.isEnd) : a.at < b.at ? -1 : 1));
  const inside = new Set<Hold>();
  const faults: string[] = [];
  for (const { at, hold, isEnd } of edges) {
    if (isEnd) {
      inside.delete(hold);
      continue;
    }
    inside.add(hold);
    if (inside.size > capacity) {
      const who = Array.from(inside, ({ lease, fence }) => `${lease} (fence ${fence})`).join(', ');
      faults.push(`overlap: ${name} has ${capacity} slots, and at ${at} it is held by ${who}`);
    }
  }
  return faults;
}

interface Ranged {
  readonly id: string;
  readonly from: number;
  readonly to: number;
  readonly fence: number;
}

/** Pairs of which the first was certainly over before the second began, and has the greater fence. */
function fencesOutOfOrder(all: readonly Ranged[]): [Ranged, Ranged][] {
  const byEnd = all.toSorted((a, b) => a.to - b.to);
  const pairs: [Ranged, Ranged][] = [];
  let greatest: Ranged | null = null;
  let i = 0;
  for (const later of all.toSorted((a, b) => a.from - b.from)) {
    for (let earlier = byEnd[i]; earlier !== undefined && earlier.to < later.from; earlier = byEnd[++i])
      if (greatest === null || earlier.fence > greatest.fence) greatest = earlier;
    if (greatest !== null && greatest.fence > later.fence) pairs.push([greatest, later]);
  }
  return pairs;
}

/** A later grant has the greater fence (L2). */
function fencesBack(name: string, lives: readonly Life[]): string[] {
  const ranged = lives.map((life) => ({
    ...{ id: life.id, fence: life.fence as number },
    ...{ from: life.grantedFrom, to: life.grantedTo },
  }));
  return fencesOutOfOrder(ranged).map(
    ([a, b]) => `fence back: ${name} was granted to ${a.id} with ${a.fence}, and later to ${b.id} with ${b.fence}`,
  );
}

/**
 * Who came first is served first, among those who ask for this environment alone and with equal priority (L7). Only where there is
 * one slot: of several one may be set aside for somebody who is not on the line, while the next takes another.
 */
function ordersSwapped(name: string, lives: readonly Life[]): string[] {
  const alone = lives.filter(({ ask }) => onlyEnvironment(ask) === name);
  return [...Map.groupBy(alone, ({ ask }) => ask.priority).values()].flatMap((equals) =>
    fencesOutOfOrder(
      equals.map((life) => ({ id: life.id, fence: life.fence as number, from: life.askedFrom, to: life.askedTo })),
    ).map(([a, b]) => `order: ${a.id} asked for ${name} before ${b.id} did, and was granted after it`),
  );
}

/** A fence belongs to one grant, a grant to one lease, and neither changes (L2). */
function fenceFaults({ operations }: History): string[] {
  const leaseOfFence = new Map<number, string>();
  const grantOfLease = new Map<string, string>();
  const faults = new Set<string>();
  for (const { answer } of operations) {
    const seen = seenIn(answer);
    if (seen === null || seen.fence === null) continue;
    const other = leaseOfFence.get(seen.fence);
    if (other === undefined) leaseOfFence.set(seen.fence, seen.id);
    else if (other !== seen.id) faults.add(`fence twice: ${seen.fence} was given to ${other} and to ${seen.id}`);
    const grant = `${seen.granted.toSorted().join(', ')} with fence ${seen.fence}`;
    const before = grantOfLease.get(seen.id);
    if (before === undefined) grantOfLease.set(seen.id, grant);
    else if (before !== grant) faults.add(`two grants: ${seen.id} was granted ${before}, and then ${grant}`);
  }
  return [...faults];
}

/** One Idempotency-Key is one lease, and one lease has one key (L4). */
function keyFaults({ operations }: History): string[] {
  const leaseOfKey = new Map<string, string>();
  const keyOfLease = new Map<string, string>();
  const faults = new Set<string>();
  for (const { asked, answer } of operations) {
    const seen = seenIn(answer);
    if (asked.kind !== 'acquire' || seen === null) continue;
    const lease = leaseOfKey.get(asked.key) ?? seen.id;
    const key = keyOfLease.get(seen.id) ?? asked.key;
    leaseOfKey.set(asked.key, lease);
    keyOfLease.set(seen.id, key);
    if (lease !== seen.id) faults.add(`key twice: ${asked.key} made ${lease} and ${seen.id}`);
    if (key !== asked.key) faults.add(`two keys: ${seen.id} was made by ${key} and by ${asked.key}`);
  }
  return [...faults];
}

/** A lease waits, is held, and has ended, and never goes back (L3); and it does not end while it is held for certain (L5). */
function stateFaults({ operations }: History, lives: ReadonlyMap<string, Life>): string[] {
  const faults: string[] = [];
  for (const operation of operations) {
    const { asked, answer, start, end } = operation;
    const seen = seenIn(answer);
    const id = seen?.id ?? leaseOf(operation);
    const life = id === null ? undefined : lives.get(id);
    if (life === undefined) {
      if (id !== null) faults.push(`nobody's: ${id} was never the answer to an ask`);
      continue;
    }
    const isHeld = seen?.state === 'held' || (asked.kind === 'renew' && answer.kind === 'lease');
    if (isHeld && start > life.endedAt)
      faults.push(`came back: ${id} had ended at ${life.endedAt}, and a ${asked.kind} at ${start} found it held`);
    if (seen?.state === 'waiting' && start > Math.min(life.toldAt, life.endedAt))
      faults.push(`came back: ${id} was granted or had ended, and a ${asked.kind} at ${start} found it waiting`);
    const isGone =
      (seen !== null && isEnded(seen.state)) || (answer.kind === 'refused' && answer.code === 'lease_unknown');
    if (isGone && life.fence !== null && end > life.toldAt && end <= holdOf(life).to)
      faults.push(
        `lost: ${id} is held until ${holdOf(life).to}, and a ${asked.kind} that ended at ${end} found it ended`,
      );
  }
  return faults;
}

/** A fence is current while it is held for certain, and no longer once its lease has ended. */
function checkFaults({ operations }: History, lives: ReadonlyMap<string, Life>): string[] {
  const faults: string[] = [];
  const byFence = new Map<number, Life>();
  for (const life of lives.values()) if (life.fence !== null) byFence.set(life.fence, life);
  for (const { asked, answer, start, end } of operations) {
    if (asked.kind !== 'check' || answer.kind !== 'fence') continue;
    const life = byFence.get(asked.fence);
    if (life === undefined || !life.granted.includes(asked.environment)) {
      if (answer.current) faults.push(`stale: fence ${asked.fence} of ${asked.environment} is current, and nobody's`);
      continue;
    }
    const { from, to } = holdOf(life);
    if (answer.current && start > life.endedAt)
      faults.push(`stale: fence ${asked.fence} was current at ${start}, and ${life.id} had ended at ${life.endedAt}`);
    if (!answer.current && start >= from && end <= to)
      faults.push(
        `lost: fence ${asked.fence} was not current at ${start}, and ${life.id} is held from ${from} to ${to}`,
      );
  }
  return faults;
}

function unexpected({ operations }: History): string[] {
  return operations.flatMap(({ asked, answer }) =>
    answer.kind === 'unexpected' ? [`unexpected: ${asked.kind} was answered ${answer.text}`] : [],
  );
}
