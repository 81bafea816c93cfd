// The waiting of `acquire`. Modes: queued → ours (written and printed) | refused | too late | left, when somebody stopped us.
// Must always hold: whoever does not get a lease that is ours has left the queue and holds nothing, also when a file could not
// be written at the end.

import { randomUUID } from 'node:crypto';
import { leavePlace, newPlace, type PlaceEnd, takePlace } from '../client/place.ts';
import type { Lease, LeaseRequest } from '../client/types.ts';
import { variables } from '../config.ts';
import { makeMouth } from './acquire-voice.ts';
import { type Connection, connect, spaceInWhich } from './connection/connect.ts';
import { failureOf } from './connection/failures.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { Interruption } from './frame/interrupt.ts';
import { thisMachine } from './frame/machine.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { identify, inCi } from './run/holder.ts';
import { type AskedWant, wantsOf, wantWords } from './run/wants.ts';
import { createdWords } from './speech/words.ts';
import { checkWritable, leaseVariables, shellLine, stateOf, writeState } from './state-file.ts';
import { durationArgument, integerArgument, secondsArgument } from './text/arguments.ts';
import { formatDuration, formatExact } from './text/durations.ts';
import { Failure, usage } from './text/errors.ts';
import { blockerText, endText, environmentsText } from './text/leases.ts';

export interface AcquireFlags extends ConnectionFlags, OutputFlags {
  readonly label?: readonly string[];
  /** true: neither --wait nor --no-wait was given. */
  readonly wait: string | boolean;
  readonly ttl?: string;
  readonly maxHold?: string;
  readonly priority?: string;
  readonly reason?: string;
  readonly holder?: string;
  readonly holderUrl?: string;
  readonly format?: string;
  readonly state?: string;
  readonly idempotencyKey?: string;
  readonly serverWait: string;
  readonly progress: string;
}

const FORMATS = ['id', 'json', 'env', 'dotenv'] as const;
type Format = (typeof FORMATS)[number];

/** How long leaving the queue may take before we go all the same: the server's grace ends the place then. */
const LEAVE_MS = 5000;
const TICK_MS = 250;

export async function acquire(names: readonly string[], flags: AcquireFlags): Promise<void> {
  const out = new Output(flags);
  const wants = wantsOf(names, flags.label ?? []);
  if (wants.length === 0)
    throw usage('which environment?', 'Give its name, or --label kind=db for any one that carries it.');
  const order: Order = { wants, format: formatOf(flags), state: flags.state ?? null, request: requestOf(wants, flags) };
  const firstContactMs = durationArgument(flags.serverWait, '--server-wait');
  if (order.state !== null) checkWritable(order.state);
  const connection = await connect(flags);
  const idempotencyKey = flags.idempotencyKey ?? `acquire:${randomUUID()}`;

  const startedAt = performance.now();
  const what = wantWords(order.wants);
  const stop = new Interruption(inCi(variables()));
  const mouth = makeMouth(out, flags.progress, what);
  const timer = setInterval(() => mouth.tick(performance.now()), TICK_MS);
  const place = newPlace();
  const end = await takePlace(
    connection.client,
    {
      request: order.request,
      idempotencyKey,
      signal: stop.signal,
      firstContactMs,
      onEvent: (event) => mouth.hear(event, performance.now()),
    },
    place,
  );
  clearInterval(timer);
  mouth.close(performance.now());
  const waitedMs = performance.now() - startedAt;

  // Looked up before it is too late to stop: who names the lease in a later step, perhaps with another key, must find it.
  const isHandedOn = order.state !== null || order.format === 'env' || order.format === 'dotenv';
  const space = end.kind === 'granted' && isHandedOn ? await spaceInWhich(connection, stop.signal) : null;
  const leave = () => leavePlace(connection.client, place, LEAVE_MS);
  if (stop.exitCode !== null) throw left(what, stop.exitCode, waitedMs, await leave());
  if (end.kind !== 'granted') throw notGranted(end, what, connection);
  try {
    handOver(connection, out, end, { ...order, space }, waitedMs);
  } catch (error) {
    await leave();
    throw error;
  }
}

interface Order {
  readonly wants: readonly AskedWant[];
  readonly request: LeaseRequest;
  readonly format: Format;
  readonly state: string | null;
}

function handOver(
  { client }: Connection,
  out: Output,
  { lease, secret }: PlaceEnd & { kind: 'granted' },
  order: Order & { readonly space: string | null },
  waitedMs: number,
): void {
  const state = stateOf(lease, secret, client.url, order.space);
  if (order.state !== null) writeState(order.state, state);
  for (const { environment, nearest } of lease.created ?? []) out.talk(createdWords(environment, nearest), '!');
  const waited = waitedMs < 1000 ? 'at once' : `after ${formatDuration(waitedMs)}`;
  const verb = lease.granted.length > 1 ? 'are' : 'is';
  out.talk(`${environmentsText(lease)} ${verb} yours ${waited} · fence ${lease.fence} · ${endsText(lease)}`, '✓');
  if (order.format === 'json') out.object(lease);
  else if (order.format === 'id') out.answer(lease.id);
  else
    out.answer(
      ...leaseVariables(state).map(order.format === 'env' ? shellLine : ([name, value]) => `${name}=${value}`),
    );
}

function endsText(lease: Lease): string {
  if (lease.ttlSeconds === null) return 'yours until you release it; --ttl ends it by itself when the job is lost';
  return `ends in ${formatExact(lease.ttlSeconds * 1000)} unless renewed`;
}

function left(what: string, exitCode: number, waitedMs: number, confirmed: boolean): Failure {
  return new Failure({
    what: `stopped after ${formatDuration(waitedMs)}; left the queue of ${what}.`,
    code: 'not_granted',
    exitCode,
    more: confirmed ? [] : ['The server did not confirm it; the place ends by itself within a minute.'],
  });
}

function notGranted(end: Exclude<PlaceEnd, { kind: 'granted' }>, what: string, { settings }: Connection): Failure {
  switch (end.kind) {
    case 'refused':
      return failureOf(
        { ok: false, kind: 'problem', status: end.problem.status, problem: end.problem, retryAfterMs: null },
        settings,
      );
    case 'unreachable':
      return failureOf(
        { ok: false, kind: 'unreachable', reason: end.reason, aborted: false, retryAfterMs: null },
        settings,
        formatDuration(end.triedMs),
      );
    case 'stopped':
      return new Failure({ what: `stopped waiting for ${what}.`, code: 'not_granted' });
    case 'ended': {
      const { lease } = end;
      const isLate = lease.end?.how === 'queue_timeout';
      const limit = lease.queueSeconds === null ? '' : ` within ${formatExact(lease.queueSeconds * 1000)} (--wait)`;
      return new Failure({
        what: isLate
          ? `${what} was not yours${limit}.`
          : `${what} did not become yours: the request ${endText(lease)}.`,
        code: 'not_granted',
        more: [...lease.blockedBy.slice(0, 3).map(blockerText), 'Who holds it, who waits: signalbox queue'],
      });
    }
  }
}

function formatOf(flags: AcquireFlags): Format {
  const written = flags.format ?? (flags.json ? 'json' : 'id');
  const format = FORMATS.find((known) => known === written);
  if (format === undefined) throw usage(`--format: "${written}" is none of ${FORMATS.join(', ')}.`);
  if (flags.json && format !== 'json') throw usage('give --json or --format, not both.');
  return format;
}

function requestOf(wants: readonly AskedWant[], flags: AcquireFlags): LeaseRequest {
  const { holder } = identify(variables(), thisMachine(variables()));
  const ttlSeconds = secondsArgument(flags.ttl, '--ttl');
  const maxHoldSeconds = secondsArgument(flags.maxHold, '--max-hold');
  return {
    wants,
    holder: {
      ...holder,
      ...(flags.holder !== undefined && { name: flags.holder }),
      ...(flags.holderUrl !== undefined && { url: flags.holderUrl }),
    },
    queueSeconds: queueSecondsOf(flags.wait),
    ...(flags.reason !== undefined && { reason: flags.reason }),
    ...(flags.priority !== undefined && {
      priority: integerArgument(flags.priority, '--priority', -1_000_000, 1_000_000),
    }),
    ...(ttlSeconds !== undefined && { ttlSeconds }),
    ...(maxHoldSeconds !== undefined && { maxHoldSeconds }),
  };
}

/** null: as long as it takes. */
function queueSecondsOf(wait: string | boolean): number | null {
  if (wait === false) return 0;
  return typeof wait === 'string' ? Math.ceil(durationArgument(wait, '--wait') / 1000) : null;
}
