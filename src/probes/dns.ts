// Whether a name has a record. It connects to nothing but the name servers of this machine, so it needs no allowance and looks
// at no endpoint. `ANY` asks as every program here would (with /etc/hosts and search domains) for an address; a type asks DNS.

import { Resolver } from 'node:dns/promises';
import type { ProbeTarget } from '../core/meet/target.ts';
import { codeOf, noAnswer } from './connection.ts';
import type { Finding, Probe } from './probe.ts';
import { Names } from './resolve.ts';

/** `servers`: instead of those that this machine is set up with. */
export function dnsProbe(names: Names, servers: readonly string[] | null): Probe {
  return async (target, _endpoint, { connectTimeoutMs }, signal) => {
    const host = target.host ?? '';
    if (target.resource !== 'ANY') return records(target, host, servers, noAnswer(connectTimeoutMs), signal);
    const resolved = await names.resolve(host, signal);
    return resolved.ok ? { state: 'up', detail: `addresses: ${resolved.addresses.length}` } : resolved.finding;
  };
}

export const probe: Probe = dnsProbe(new Names(), null);

async function records(
  { resource: type }: ProbeTarget,
  host: string,
  servers: readonly string[] | null,
  late: string,
  signal: AbortSignal,
): Promise<Finding> {
  const resolver = new Resolver();
  if (servers !== null) resolver.setServers(servers);
  const stop = () => resolver.cancel();
  signal.addEventListener('abort', stop);
  try {
    if (signal.aborted) return { state: 'unready', detail: late };
    const found = (await resolver.resolve(host, type)) as readonly unknown[];
    return found.length === 0 ? none(type) : { state: 'up', detail: `${type} records: ${found.length}` };
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOTFOUND') return { state: 'down', detail: 'there is no such name' };
    if (code === 'ENODATA') return none(type);
    if (code === 'EBADNAME') return { state: 'misconfigured', detail: 'this cannot be a name' };
    if (code === 'ECANCELLED') return { state: 'unready', detail: late };
    return { state: 'unready', detail: `the name servers do not tell (${code})` };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function none(type: string): Finding {
  return { state: 'down', detail: `the name has no ${type} record` };
}
