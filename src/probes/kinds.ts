// The kinds of probes, each loaded when it is first asked for: a server that never looks at MySQL never reads how.

import type { ProbeKind } from '../core/meet/target.ts';
import type { Probe, ProbeOptions } from './probe.ts';

export type Kinds = Readonly<Record<ProbeKind, () => Promise<{ readonly probe: Probe }>>>;

export const kinds: Kinds = {
  tcp: () => import('./tcp.ts'),
  http: () => import('./http.ts'),
  postgres: () => import('./postgres.ts'),
  redis: () => import('./redis.ts'),
  mysql: () => import('./mysql.ts'),
  dns: () => import('./dns.ts'),
  grpc: () => import('./grpc.ts'),
};

/**
 * What holds where a question says nothing else. Only status `2xx` counts as ready: a redirect to a page for signing in (which
 * is not followed), or the 404 of a proxy that does not know its upstream yet, is an answer and no readiness.
 */
export function defaultOptions(kind: ProbeKind): ProbeOptions {
  return {
    connectTimeoutMs: kind === 'tcp' ? 2_000 : 5_000,
    intervalMs: kind === 'tcp' || kind === 'postgres' ? 200 : 500,
    ...{ status: '2xx', contains: null, insecure: false },
  };
}
