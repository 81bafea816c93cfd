// One try of a target: the name is resolved, each address is judged, and those that are allowed are asked. What always holds:
// the address that was judged is the one that is handed to the probe; a try ends soon after its signal has aborted, whatever
// the probe does; and it never throws.

import type { ProbeTarget } from '../core/meet/target.ts';
import type { Allowed, Place } from './allowed.ts';
import { noAnswer } from './connection.ts';
import type { Finding, Probe, ProbeOptions } from './probe.ts';
import type { Names } from './resolve.ts';

export interface Asked {
  readonly target: ProbeTarget;
  readonly options: ProbeOptions;
  /** Null: the probe connects to nothing. */
  readonly place: Place | null;
  readonly load: () => Promise<{ readonly probe: Probe }>;
}

/** The next address is asked when the one before it has ended, or after this time. */
const longestStaggerMs = 250;
/** How long a probe whose time is over may take to say itself what it waited for. */
const graceMs = 100;

export async function attempt(asked: Asked, names: Names, allowed: Allowed, signal: AbortSignal): Promise<Finding> {
  const { place } = asked;
  if (place === null) return ask(asked, '', signal);
  const resolved = await names.resolve(place.host, signal);
  if (!resolved.ok) return resolved.finding;
  const sorted = allowed.sort(place, resolved.addresses);
  if (sorted.refusal !== null) return { state: 'misconfigured', detail: sorted.refusal.message };
  return askAll(asked, sorted.allowed, signal);
}

/** Up as soon as one address is; the others are called off then. */
async function askAll(asked: Asked, addresses: readonly string[], signal: AbortSignal): Promise<Finding> {
  const enough = new AbortController();
  const either = AbortSignal.any([signal, enough.signal]);
  const staggerMs = Math.min(longestStaggerMs, asked.options.connectTimeoutMs / (addresses.length + 1));
  const found: Finding[] = [];
  const isUp = Promise.withResolvers<void>();
  const running: Promise<void>[] = [];
  for (const address of addresses) {
    if (signal.aborted || best(found).state === 'up') break;
    const one = ask(asked, address, either).then((finding) => {
      found.push(finding);
      if (finding.state === 'up') isUp.resolve();
    });
    running.push(one);
    await endOf(Promise.race([one, isUp.promise]), staggerMs);
  }
  await Promise.race([isUp.promise, Promise.all(running)]);
  enough.abort();
  await Promise.all(running);
  return best(found);
}

const order = ['down', 'unready', 'misconfigured', 'up'] as const;

/** Of several addresses: up if any is up; what will never be ready counts only when none is. */
function best(found: readonly Finding[]): Finding {
  const none: Finding = { state: 'down', detail: 'not tried' };
  return found.reduce((a, b) => (order.indexOf(b.state) > order.indexOf(a.state) || a === none ? b : a), none);
}

async function ask({ target, options, place, load }: Asked, address: string, signal: AbortSignal): Promise<Finding> {
  const endpoint = { address, port: place?.port ?? 0, host: place?.host ?? target.host ?? '' };
  const answer = load().then(({ probe }) => probe(target, endpoint, options, signal));
  const guarded = answer.catch((error): Finding => {
    // A probe that throws has a fault of its own. What it says may hold anything, a password too.
    const name = error instanceof Error ? error.name : 'unknown';
    return { state: 'misconfigured', detail: `the probe itself has failed (${name})` };
  });
  return Promise.race([guarded, overdue(signal, options.connectTimeoutMs, guarded)]);
}

/** What is found when a probe goes on after its time. */
function overdue(signal: AbortSignal, connectTimeoutMs: number, ended: Promise<unknown>): Promise<Finding> {
  return new Promise((resolve) => {
    const late: Finding = { state: 'unready', detail: noAnswer(connectTimeoutMs) };
    const wait = () => void endOf(ended, graceMs).then(() => resolve(late));
    if (signal.aborted) return wait();
    signal.addEventListener('abort', wait, { once: true });
    void ended.then(() => signal.removeEventListener('abort', wait));
    return undefined;
  });
}

/** Once the work has ended, or the time is over. */
function endOf(work: Promise<unknown>, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    void work.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
