// What somebody asks of a target, from what they wrote: every setting that they left out has its value afterwards, and one that
// means nothing for this kind of probe is refused instead of ignored.

import type { Outcome } from '../core/errors.ts';
import { accept, refuse } from '../core/errors.ts';
import type { ProbeKind, ProbeTarget } from '../core/meet/target.ts';
import { defaultOptions } from './kinds.ts';
import type { Question } from './probe.ts';
import { statusFault } from './status.ts';

/** As it is written in a request; what is undefined has a default. */
export interface ProbeAsk {
  readonly successes?: number | undefined;
  readonly invert?: boolean | undefined;
  readonly intervalSeconds?: number | undefined;
  readonly connectTimeoutSeconds?: number | undefined;
  readonly status?: string | undefined;
  readonly contains?: string | undefined;
  readonly insecure?: boolean | undefined;
}

const withTls: readonly ProbeKind[] = ['http', 'postgres', 'redis', 'mysql', 'grpc'];

/** The question, or why it makes no sense. */
export function questionOf(target: ProbeTarget, ask: ProbeAsk): Outcome<Question> {
  const { kind } = target;
  for (const field of ['status', 'contains'] as const)
    if (ask[field] !== undefined && kind !== 'http')
      return wrong(field, `${field} is of http targets, not of ${kind}.`);
  if (ask.insecure === true && !withTls.includes(kind)) return wrong('insecure', `A ${kind} target knows no TLS.`);
  const fault = ask.status === undefined ? null : statusFault(ask.status);
  if (fault !== null) return wrong('status', fault);
  const usual = defaultOptions(kind);
  const { intervalSeconds, connectTimeoutSeconds } = ask;
  return accept({
    target,
    successes: ask.successes ?? 1,
    invert: ask.invert ?? false,
    options: {
      intervalMs: intervalSeconds === undefined ? usual.intervalMs : intervalSeconds * 1000,
      connectTimeoutMs: connectTimeoutSeconds === undefined ? usual.connectTimeoutMs : connectTimeoutSeconds * 1000,
      status: ask.status ?? usual.status,
      contains: ask.contains ?? usual.contains,
      insecure: ask.insecure ?? usual.insecure,
    },
  });
}

function wrong(field: string, message: string): Outcome<never> {
  return refuse('invalid_request', message, { field });
}
