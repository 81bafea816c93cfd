// What `signalbox pool` changes. A pool is put as a whole: `set` reads it, changes what is given, and puts it, so that of two who
// change it in the same moment the later one counts.

import type { Pool, PoolRequest } from '../client/types-machines.ts';
import { connect } from './connection/connect.ts';
import type { ConnectionFlags } from './connection/settings.ts';
import { Output, type OutputFlags } from './frame/output.ts';
import { poolText } from './machines/pool-rows.ts';
import { findPool, knownPool } from './machines/pools.ts';
import { durationArgument, integerArgument, labelsArgument } from './text/arguments.ts';
import { Failure, usage } from './text/errors.ts';
import { foreign } from './text/sanitize.ts';

interface SettingFlags extends ConnectionFlags, OutputFlags, BuildFlags {
  readonly label?: readonly string[];
  readonly unlabel?: readonly string[];
  readonly max?: string;
  readonly min?: string;
  readonly idle?: string;
  readonly idleFor?: string;
  readonly maxAge?: string;
  readonly once?: boolean;
  readonly readyWhen?: string;
  readonly readyWithin?: string;
}

interface BuildFlags {
  readonly site?: string;
  readonly env?: string;
  readonly queue?: string;
  readonly type?: string;
  readonly role?: string;
  readonly image?: string;
  readonly nameTemplate?: string;
  readonly subnet?: string;
  readonly securityGroup?: string;
  readonly slackChannel?: string;
}

/** As many as a server takes in one pool. */
const machinesAtMost = 500;
const required = ['site', 'env', 'queue', 'instanceType'] as const;

export async function poolCreate(name: string, flags: SettingFlags): Promise<void> {
  const out = new Output(flags);
  const { labels = {}, max, build, ...more } = changeOf(flags);
  const [site, env, queue, instanceType] = required.map((field) => build[field] ?? '') as [string, ...string[]];
  const given = { '--label': flags.label, '--max': max, '--site': site, '--env': env, '--queue': queue };
  const missing = Object.entries({ ...given, '--type': instanceType })
    .filter(([, value]) => value === undefined || value === '')
    .map(([flag]) => flag);
  if (max === undefined || missing.length > 0)
    throw usage(
      `which machines? Missing: ${missing.join(', ')}.`,
      'Like: signalbox pool create docker --label pool=docker --max 5 --site org --env ci --queue docker --type small',
    );
  const connection = await connect(flags);
  if ((await findPool(connection, name)).pool !== undefined)
    throw new Failure({
      what: `pool ${foreign(name, 60)} exists already.`,
      code: 'usage',
      more: ['To change it: signalbox pool set. What it is: signalbox pool show'],
    });
  const whole = { ...withoutNull(build), site, env, queue: queue ?? '', instanceType: instanceType ?? '' };
  const made = connection.need(
    await connection.client.putPool(name, { ...more, labels, max, build: whole } as PoolRequest),
  );
  answer(out, made, 'is made');
}

export async function poolSet(name: string, flags: SettingFlags): Promise<void> {
  const out = new Output(flags);
  const { build, ...change } = changeOf(flags);
  if (Object.keys(change).length === 0 && Object.keys(build).length === 0 && flags.unlabel === undefined)
    throw usage('nothing to change.', 'What can be: signalbox pool set --help');
  const connection = await connect(flags);
  const known = await knownPool(connection, name);
  const labels: Record<string, string> = { ...known.labels, ...change.labels };
  for (const label of flags.unlabel ?? []) delete labels[label];
  const changed = connection.need(
    await connection.client.putPool(name, {
      ...{ min: known.min, max: known.max, idle: known.idle, idleForSeconds: known.idleForSeconds },
      ...{ maxAgeSeconds: known.maxAgeSeconds, once: known.once, readyWhen: known.readyWhen },
      ...{ readyWithinSeconds: known.readyWithinSeconds, ...change, labels },
      build: withoutNull({ ...known.build, ...build }) as unknown as PoolRequest['build'],
    }),
  );
  answer(out, changed, 'is changed');
  if (known.source === 'file' && !out.json)
    out.talk('it is declared in the file of the server, which counts again when the server is started again', '!');
}

export async function poolDelete(name: string, flags: ConnectionFlags & OutputFlags): Promise<void> {
  const out = new Output(flags);
  const connection = await connect(flags);
  // Only for what is said; one that is unknown is refused below.
  const there = (await findPool(connection, name)).pool?.machines.there ?? 0;
  connection.need(await connection.client.deletePool(name));
  const left =
    there === 1
      ? 'its machine is ended once nobody holds it'
      : `its ${there} machines are ended once nobody holds them`;
  out.talk(`pool ${foreign(name, 60)} is deleted${there === 0 ? '' : `; ${left}`}`, '✓');
}

function answer(out: Output, pool: Pool, verb: string): void {
  if (out.json) out.object(pool);
  else out.talk(`pool ${foreign(pool.name, 60)} ${verb}: ${poolText(pool)}`, '✓');
}

type Change = Partial<Omit<PoolRequest, 'build'>> & { readonly build: Readonly<Record<string, string | null>> };

/** What is given, and nothing else. */
function changeOf(flags: SettingFlags): Change {
  const { label, max, min, idle, idleFor, maxAge, once, readyWhen, readyWithin } = flags;
  if (readyWhen !== undefined && readyWhen !== 'started' && readyWhen !== 'finished')
    throw usage(`--ready-when: "${foreign(readyWhen, 40)}" is neither started nor finished.`);
  return {
    ...(label !== undefined && { labels: labelsArgument(label) }),
    ...(max !== undefined && { max: integerArgument(max, '--max', 1, machinesAtMost) }),
    ...(min !== undefined && { min: integerArgument(min, '--min', 0, machinesAtMost) }),
    ...(idle !== undefined && { idle: integerArgument(idle, '--idle', 0, machinesAtMost) }),
    ...(idleFor !== undefined && { idleForSeconds: durationArgument(idleFor, '--idle-for') / 1000 }),
    ...(maxAge !== undefined && {
      maxAgeSeconds: maxAge === 'none' ? null : durationArgument(maxAge, '--max-age') / 1000,
    }),
    ...(once !== undefined && { once }),
    ...(readyWhen !== undefined && { readyWhen }),
    ...(readyWithin !== undefined && { readyWithinSeconds: durationArgument(readyWithin, '--ready-within') / 1000 }),
    build: buildOf(flags),
  };
}

/** null: taken away. */
function buildOf(flags: BuildFlags): Record<string, string | null> {
  const { site, env, queue, type: instanceType } = flags;
  const whole = Object.entries({ site, env, queue, instanceType }).filter(([, value]) => value !== undefined);
  const { role, image, nameTemplate, subnet, securityGroup, slackChannel } = flags;
  const optional = Object.entries({ role, image, nameTemplate, subnet, securityGroup, slackChannel })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, value === 'none' ? null : value]);
  return Object.fromEntries([...whole, ...optional]);
}

function withoutNull(values: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null)) as Record<string, string>;
}
