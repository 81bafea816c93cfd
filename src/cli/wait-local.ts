// `signalbox wait --local`: probes from where the command runs, without any server. Whoever asks could connect from here anyway,
// so every address is allowed.
//
// Must always hold: when it has ended nothing of it is left, neither a connection nor a timer; what only a server knows (signals,
// barriers, environments, leases) is refused.

import type { Conditions } from '../client/conditions.ts';
import { pause } from '../client/pause.ts';
import type { ConditionReply, WaitCondition } from '../client/types.ts';
import type { WaitEvent, WaitingEnd } from '../client/waiting.ts';
import { variable, variables } from '../config.ts';
import type { Refusal } from '../core/errors.ts';
import { parseTarget } from '../core/meet/target.ts';
import { Allowed } from '../probes/allowed.ts';
import { postgresServer } from '../probes/postgres-server.ts';
import type { Question, Standing } from '../probes/probe.ts';
import { type PostgresServer, Prober } from '../probes/prober.ts';
import { questionOf } from '../probes/question.ts';
import { shownTarget } from './meet/targets.ts';
import { Failure, usage } from './text/errors.ts';
import { foreign } from './text/sanitize.ts';

export interface LocalAsk {
  readonly conditions: readonly WaitCondition[];
  /** null = as long as it takes; 0 = one try of each. */
  readonly timeoutMs: number | null;
  /** As given with --postgresURL. */
  readonly postgresURL: string | undefined;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: WaitEvent) => void;
}

export async function waitLocally(ask: LocalAsk, standing: Conditions): Promise<WaitingEnd> {
  const startedAt = performance.now();
  const since = new Date().toISOString();
  const postgres = postgresOf(ask.postgresURL);
  const questions = ask.conditions.map((condition) => questionHere(condition, postgres));
  const allowed = new Allowed({ allow: [], loopback: () => true, always: postgres, everything: true });
  const prober = new Prober({ allowed, postgres });
  const over = new AbortController();
  const isLook = ask.timeoutMs === 0;
  const stops = questions.map((question, index) =>
    prober.watch(question, (found) => {
      const isSettled = standing.note(index, replyOf(question, found, since), performance.now(), 0);
      ask.onEvent({ kind: 'heard', settled: isSettled ? [index] : [] });
      if (standing.outcome !== null || (isLook && standing.found.every((each) => each !== null))) over.abort();
    }),
  );
  // A try ends by itself, after --connect-timeout at the latest.
  const longestMs = isLook ? FOR_EVER_MS : Math.min(ask.timeoutMs ?? FOR_EVER_MS, FOR_EVER_MS);
  await pause(longestMs, AbortSignal.any([ask.signal, over.signal]));
  for (const stop of stops) stop();
  await prober.close();
  if (ask.signal.aborted) return { kind: 'stopped' };
  const waitedMs = performance.now() - startedAt;
  return { kind: 'over', reply: standing.reply(standing.outcome ?? 'timed_out', waitedMs) };
}

/** The longest that a timer can be set to: 24 days. */
const FOR_EVER_MS = 2 ** 31 - 1;

function questionHere({ target: written, generation: _, ...options }: WaitCondition, postgres: PostgresServer | null) {
  const parsed = parseTarget(written);
  if (!parsed.ok) throw refused(parsed, written);
  const target = parsed.value;
  if (target.kind !== 'probe')
    throw new Failure({
      what: `${foreign(target.text)} is known to a server only, and --local asks none.`,
      code: 'invalid_target',
      more: ['Without --local a server is asked. With it: tcp: http:// https:// postgres: redis: mysql: dns: grpc:'],
    });
  if (target.probe.host === null && postgres === null)
    throw usage(
      `${foreign(target.text)}: which PostgreSQL server?`,
      'Give --postgresURL or POSTGRES_URL, or write postgres://HOST/NAME.',
    );
  const question = questionOf(target.probe, options);
  if (!question.ok) throw refused(question, written);
  return question.value;
}

function postgresOf(written: string | undefined): PostgresServer | null {
  const from = written === undefined ? 'POSTGRES_URL' : '--postgresURL';
  const url = written ?? variable(variables(), 'POSTGRES_URL');
  if (url === null) return null;
  const server = postgresServer(url);
  // It holds a password, so it is not shown.
  if (server === null)
    throw usage(`${from} is not the address of a PostgreSQL server.`, 'Like postgres://USER@HOST:5432/');
  return server;
}

function replyOf({ target }: Question, { state, detail, tries, triedAt }: Standing, since: string): ConditionReply {
  const at = new Date(triedAt).toISOString();
  return {
    ...{ target: target.text, state, detail, by: null, data: null, since, nearest: null },
    ...{ settledAt: state === 'pending' ? null : at, tries, triedAt: at },
  };
}

function refused({ code, message }: Refusal, target: string): Failure {
  const shown = shownTarget(target);
  return new Failure({
    what: foreign(message, 500),
    code,
    more: message.includes(target) ? [] : [`it is about: ${shown}`],
  });
}
