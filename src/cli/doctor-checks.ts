// The checks of the doctor, in the order in which one rests on the other: settings, network, server, key, clock, queue, machines, CI.
// A check that cannot be made because an earlier one failed is left out.

import { randomUUID } from 'node:crypto';
import type { Client } from '../client/client.ts';
import type { Failure as ClientFailure } from '../client/outcome.ts';
import type { Me } from '../client/types.ts';
import { variable, variables } from '../config.ts';
import { type Connection, openConnection } from './connection/connect.ts';
import { failureOf, keyShown } from './connection/failures.ts';
import { proxyFor } from './connection/network.ts';
import { type ClientSettings, type ConnectionFlags, clientSettings } from './connection/settings.ts';
import { type Finding, failure, good, note } from './doctor-findings.ts';
import { machineFindings } from './doctor-machines.ts';
import { version } from './frame/version.ts';
import { identify, inCi } from './run/holder.ts';
import { asFailure } from './text/errors.ts';

/** Clocks that differ by less do not matter: nothing is decided by them, only shown. */
const CLOCK_MS = 5000;
const DOCTOR_TTL = 10;

export async function* diagnose(flags: ConnectionFlags, withQueue: boolean): AsyncGenerator<Finding> {
  const seen: Seen = { version: null, at: null };
  let connection: Connection;
  try {
    const settings = clientSettings(flags);
    connection = await openConnection(settings, variables(), watching(seen));
    yield* network(settings);
  } catch (thrown) {
    yield failure('settings', asFailure(thrown).message, null);
    return;
  }
  const { client, settings } = connection;
  const startedAt = performance.now();
  const health = await client.health();
  const tookMs = Math.round(performance.now() - startedAt);
  if (!health.ok) {
    yield failure('server', explained(health, settings), settings.url.from);
    return;
  }
  const versions = `${seen.version ?? 'unknown version'}; this CLI ${version()}`;
  yield good('server', `${settings.url.value} answers in ${tookMs}ms (${versions})`, settings.url.from);
  const me = await client.me();
  if (!me.ok && settings.space !== null) {
    // Is it the key, or the space?
    const { client: outside } = await openConnection({ ...settings, space: null }, variables(), watching(seen));
    const known = await outside.me();
    yield keyFinding(known.ok ? known.value : known, settings);
    if (known.ok) yield failure('space', explained(me, settings), settings.space.from);
  } else {
    yield keyFinding(me.ok ? me.value : me, settings);
    if (me.ok) yield* spaceFinding(me.value, settings);
  }
  yield* clock(seen);
  if (me.ok && withQueue) yield await queue(client, settings);
  if (me.ok) yield* machineFindings(connection);
  yield* ci();
}

interface Seen {
  version: string | null;
  /** Difference between the server's clock and ours, milliseconds. */
  at: number | null;
}

/** A fetch that remembers what the server said of itself. */
function watching(seen: Seen): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    seen.version = response.headers.get('signalbox-version') ?? seen.version;
    const date = Date.parse(response.headers.get('date') ?? '');
    if (!Number.isNaN(date)) seen.at = date + 500 - Date.now();
    return response;
  };
}

function* network(settings: ClientSettings): Generator<Finding> {
  const proxy = proxyFor(settings.url.value, variables());
  if (proxy !== null)
    yield note(
      'proxy',
      `${proxy.url} is used; its idle timeout should be 75s or more, or long polls are cut`,
      proxy.from,
    );
  if (settings.caFile !== null) yield good('ca', `${settings.caFile.value} is trusted too`, settings.caFile.from);
}

function keyFinding(me: Me | ClientFailure, settings: ClientSettings): Finding {
  const from = settings.key?.from ?? null;
  const key = settings.key === null ? 'no key' : keyShown(settings.key.value);
  if ('kind' in me) return failure('key', explained(me, settings), from);
  const may = me.scopes.length === 0 ? 'nothing' : me.scopes.join(', ');
  if (!me.keys)
    return settings.key === null
      ? good('key', 'none, and none is wanted: this machine only', null)
      : note('key', `${key} is sent, but this server asks nobody for a key`, from);
  if (me.anonymous) return note('key', `no key is sent; without one you may: ${may}`, from);
  return good('key', `${key} "${me.name}" may: ${may}`, from);
}

/** Nothing where there is nothing to say: in main, as on every server without spaces. */
function* spaceFinding(me: Me, { key, space }: ClientSettings): Generator<Finding> {
  if (space === null) {
    if (me.space !== 'main') yield good('space', `${me.space}, which the key is of`, key?.from ?? null);
  } else if (space.value === me.space) yield good('space', me.space, space.from);
  else yield failure('space', `${space.value} is asked for, and the server answers for ${me.space}`, space.from);
}

function* clock(seen: Seen): Generator<Finding> {
  if (seen.at === null) return;
  // The header is cut to whole seconds: less than one cannot be told.
  const seconds = Math.abs(Math.round(seen.at / 1000));
  const text =
    seconds === 0 ? 'the same as the server’s' : `${seconds}s ${seen.at > 0 ? 'behind' : 'ahead of'} the server`;
  const isNear = Math.abs(seen.at) < CLOCK_MS;
  yield isNear
    ? good('clock', text, null)
    : note('clock', `${text}: no lease is harmed, but times are shown wrong`, null);
}

async function queue(client: Client, settings: ClientSettings): Promise<Finding> {
  const startedAt = performance.now();
  const request = {
    environment: '_doctor',
    holder: { name: 'signalbox doctor' },
    ttlSeconds: DOCTOR_TTL,
    queueSeconds: 0,
  };
  const asked = await client.acquire(request, { idempotencyKey: `doctor:${randomUUID()}` });
  if (!asked.ok) return cannotTake(asked, settings);
  const secret = asked.value.secret ?? null;
  const renewed = await client.renew(asked.value.id, { secret });
  const released = await client.release(asked.value.id, { secret });
  // Made for this only: it need not stand in everybody's status for a week. Who may not delete it leaves it.
  if ((asked.value.created ?? []).length > 0) await client.deleteEnvironment('_doctor');
  const broken = [renewed, released].find((outcome) => !outcome.ok);
  if (broken !== undefined && !broken.ok) return failure('queue', explained(broken, settings), null);
  return good(
    'queue',
    `acquired, renewed and released _doctor in ${Math.round(performance.now() - startedAt)}ms`,
    null,
  );
}

/** What a key is not meant for, or somebody else is just trying, is no failure. */
function cannotTake(refused: ClientFailure, settings: ClientSettings): Finding {
  const code = refused.kind === 'problem' ? refused.problem.code : '';
  if (['forbidden', 'environment_unknown', 'unauthenticated'].includes(code)) {
    return note('queue', `not tried: ${explained(refused, settings)}`, null);
  }
  if (code === 'environment_busy') return note('queue', 'not tried: another doctor holds _doctor at this moment', null);
  return failure('queue', explained(refused, settings), null);
}

function* ci(): Generator<Finding> {
  const env = variables();
  if (!inCi(env)) return;
  const { ci: name, holder } = identify(env, { user: '', host: '' });
  if (name === null) yield note('ci', 'CI is set, but not by a CI that is known: give --holder and --holder-url', 'CI');
  else if (holder.url === null)
    yield note(
      'ci',
      `${name} seen, but the lease would be shown without a link: pass its variables into this container`,
      null,
    );
  else yield good('ci', `${name}: "${holder.name}" ${holder.url}`, null);
  if (variable(env, 'SIGNALBOX_LEASE') !== null)
    yield good('lease', `SIGNALBOX_LEASE is set to ${variable(env, 'SIGNALBOX_LEASE')}`, 'SIGNALBOX_LEASE');
}

function explained(failed: ClientFailure, settings: ClientSettings): string {
  const { message, more } = failureOf(failed, settings);
  return [message, ...more].join(' ');
}
