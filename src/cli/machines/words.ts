// The sentences about builds and machines. Pure; every text of somebody else passes through `foreign` here, and none of them
// begins a line.

import type { Build, BuildStep, Facts, Instance } from '../../client/types-machines.ts';
import { formatDuration } from '../text/durations.ts';
import { foreign } from '../text/sanitize.ts';

/** In a sentence; `build show` has all of them. */
const mostNamed = 8;

/** `2 × c5.xlarge for org/staging, queue main, role worker`. */
export function wantedText({ count, instanceType, site, env, queue, role }: Build): string {
  const whose = `${foreign(site, 60)}/${foreign(env, 60)}`;
  return `${count} × ${foreign(instanceType, 60)} for ${whose}, queue ${foreign(queue, 60)}, role ${foreign(role, 60)}`;
}

/** `1 machine`, `2 machines`. */
export function machines(count: number): string {
  return count === 1 ? '1 machine' : `${count} machines`;
}

/** Those that the driver has made, and that nobody has ended. */
export function running({ instances }: Build): Instance[] {
  return instances.filter(({ state }) => state === 'running' || state === 'ready');
}

/** `i-0aa1 10.0.3.17 · i-0aa2 10.0.3.44`. */
export function namedText(all: readonly Instance[]): string {
  const named = all.slice(0, mostNamed).map(machineText);
  return [...named, ...(all.length > mostNamed ? [`and ${all.length - mostNamed} more`] : [])].join(' · ');
}

export function machineText({ id, cloudId, facts }: Instance): string {
  const address = facts.ip ?? facts.privateIp;
  return `${foreign(cloudId ?? id, 60)}${address === undefined ? '' : ` ${foreign(address, 60)}`}`;
}

/** `ip=127.0.0.1 zone=1a`, sorted by name. */
export function factsText(facts: Facts): string {
  return foreign(
    Object.entries(facts)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
    300,
  );
}

/** `launch 1/2: i-0aa1 after 3s`. */
export function doneText({ name, begunAt, doneAt, facts }: BuildStep): string {
  const values = foreign(Object.values(facts).join(' '));
  const tookMs = doneAt === null ? 0 : Date.parse(doneAt) - Date.parse(begunAt);
  const took = tookMs < 1000 ? '' : ` after ${formatDuration(tookMs)}`;
  return `${foreign(name, 60)}: ${values === '' ? 'done' : values}${took}`;
}

export function triesText(tries: number): string {
  return tries === 1 ? '1 try' : `${tries} tries`;
}

/** `at "launch 2/2" after 5 tries: no room`; a failure of our own is at no step. */
export function failureText({ step, reason, tries }: NonNullable<Build['failure']>): string {
  return `${step === '' ? '' : `at "${foreign(step, 60)}" `}after ${triesText(tries)}: ${foreign(reason, 300)}`;
}

/** `by anna: "wrong branch"`. */
export function cancelledText({ by, reason }: NonNullable<Build['cancelling']>): string {
  return `by ${foreign(by, 60)}${reason === null ? '' : `: "${foreign(reason, 300)}"`}`;
}

/** One word for how it stands, as the state does not tell that its machines are being ended. */
export function stateText({ state, cancelling }: Build): string {
  return cancelling !== null && state !== 'cancelled' ? 'cancelling' : foreign(state, 20);
}

/** An id as it is typed after a command. */
export function typed(id: string): string {
  return foreign(id, 100);
}
