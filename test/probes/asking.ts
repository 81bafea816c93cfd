// How tests ask: a target as it is written, tried once on this machine.

import { type ProbeTarget, parseTarget } from '../../src/core/meet/target.ts';
import type { Finding, Probe, ProbeOptions } from '../../src/probes/probe.ts';

export const defaults: ProbeOptions = {
  ...{ connectTimeoutMs: 10_000, intervalMs: 100, status: '2xx', contains: null, insecure: false },
};

export interface Asking extends Partial<ProbeOptions> {
  /** The name that was asked for, where it is not the one in the target. */
  readonly host?: string;
  /** What the target's way of writing cannot say. */
  readonly target?: Partial<ProbeTarget>;
  readonly signal?: AbortSignal;
}

export function ask(probe: Probe, text: string, { host, target, signal, ...options }: Asking = {}): Promise<Finding> {
  const asked = { ...probeTarget(text), ...target };
  const endpoint = { address: '127.0.0.1', port: asked.port ?? 0, host: host ?? asked.host ?? '' };
  const all = { ...defaults, ...options };
  return probe(asked, endpoint, all, signal ?? AbortSignal.timeout(all.connectTimeoutMs));
}

export function probeTarget(text: string): ProbeTarget {
  const outcome = parseTarget(text);
  if (!outcome.ok || outcome.value.kind !== 'probe') throw new Error(`${text} is not the target of a probe`);
  return outcome.value.probe;
}

/** Kinds of sockets and timers that keep this process alive, and are more now than they were. */
export function more(before: readonly string[]): string[] {
  const left = [...before];
  return held().filter((kind) => {
    const at = left.indexOf(kind);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

export function held(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => /TCP|TLS|Timeout|HTTP|DNS/i.test(kind));
}
