// Jobs as Sidekiq writes them: ours, and what may be found in one that somebody else has pushed. Pure. What always holds: the same
// job has the same jid however often it is pushed; whatever is taken can be put back as something that a Sidekiq can read.

import { createHash } from 'node:crypto';
import type { BuildRow, BuildSpec, InstanceRow, JobRow } from '../core/rows.ts';
import type { QueueName } from './names.ts';

/** Times are seconds with a fraction. */
export interface Entry {
  readonly class: string;
  readonly queue: string;
  readonly args: readonly unknown[];
  readonly jid: string;
  readonly retry: unknown;
  readonly created_at: number;
  readonly [more: string]: unknown;
}

/** What an entry asks for. */
export type Meaning =
  /** A job of ours, by its id in the log of its space. `instance`: that it ends; null where it builds. */
  | { readonly kind: 'job'; readonly job: string; readonly space: string; readonly instance: string | null }
  /** Of somebody else; `space`: null where none is named. */
  | { readonly kind: 'build'; readonly id: string; readonly spec: BuildSpec; readonly space: string | null }
  | {
      readonly kind: 'end';
      readonly instance: string;
      readonly channel: string | null;
      readonly space: string | null;
    }
  | { readonly kind: 'fault'; readonly reason: string };

const classes: Readonly<Record<QueueName, string>> = {
  'instance-builds': 'InstanceBuild',
  'instance-terminations': 'InstanceTermination',
};
const usualRole = 'worker';
const longestText = 500;
const millisecondsAreAbove = 1e11;

export function jidOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 24);
}

/** A job of ours, without the time of its push. null: it is about nothing that is known. */
export function entryOf(
  job: JobRow,
  space: string,
  { builds, instances }: { builds: ReadonlyMap<string, BuildRow>; instances: ReadonlyMap<string, InstanceRow> },
): Entry | null {
  const machine = job.kind === 'terminate' ? instances.get(job.subject) : undefined;
  const build = builds.get(job.kind === 'build' ? job.subject : (machine?.build ?? ''));
  const common = { retry: true, jid: jidOf(`${space}/${job.id}`), created_at: job.createdAt / 1000 };
  if (job.kind === 'terminate') {
    if (machine === undefined) return null;
    const what = { instance_id: machine.cloudId ?? machine.id, slack_channel: build?.spec.slackChannel ?? '' };
    const args = [{ ...what, instance: machine.id, space, job: job.id }];
    return { ...common, class: classes['instance-terminations'], queue: 'instance-terminations', args };
  }
  if (build === undefined) return null;
  const args = [{ ...documentOf(build), space, job: job.id }];
  return { ...common, class: classes['instance-builds'], queue: 'instance-builds', args };
}

/** In the words of the older system. */
function documentOf({ id, spec }: BuildRow): Record<string, unknown> {
  const { site, env, queue, role, instanceType, count, image, nameTemplate, subnet, securityGroup, slackChannel } =
    spec;
  return {
    ...{ id, site, env, queue, role, instance_type: instanceType, count, slack_channel: slackChannel ?? '' },
    ...(image === null ? {} : { ami: image }),
    ...(nameTemplate === null ? {} : { name_template: nameTemplate }),
    ...(subnet === null ? {} : { subnet_id: subnet }),
    ...(securityGroup === null ? {} : { security_group_id: securityGroup }),
  };
}

/** Whatever lies in the queue, as an entry that can be put back, and what it asks for. */
export function read(raw: string, queue: QueueName): { readonly entry: Entry; readonly meaning: Meaning } {
  const found = parsed(raw);
  const whole = isObject(found) ? found : null;
  const jid = typeof whole?.jid === 'string' && whole.jid !== '' ? whole.jid : jidOf(raw);
  const { fields, args } =
    whole === null ? { fields: null, args: [raw.slice(0, longestText)] } : fieldsIn(whole, queue);
  const createdAt = [whole?.created_at, whole?.enqueued_at].find((each) => typeof each === 'number');
  const entry: Entry = {
    ...{ retry: true, class: classes[queue], created_at: secondsOf(createdAt ?? 0), ...whole },
    ...{ queue, jid, args },
  };
  if (fields === null) return { entry, meaning: fault('it is no JSON object, or has no object in its args') };
  return { entry, meaning: queue === 'instance-builds' ? asBuild(fields, jid) : asEnd(fields) };
}

/** Sidekiq 8 counts in milliseconds. */
function secondsOf(time: unknown): number {
  const number = typeof time === 'number' ? time : 0;
  return number > millisecondsAreAbove ? number / 1000 : number;
}

/** After another try that has failed, as Sidekiq writes it. */
export function failedEntry(entry: Entry, error: { name: string; message: string }, now: number): Entry {
  const { enqueued_at, ...rest } = entry;
  const before = typeof entry.retry_count === 'number' ? entry.retry_count : null;
  return {
    ...(rest as Entry),
    ...{ error_message: error.message.slice(0, longestText), error_class: error.name },
    ...(before === null ? { failed_at: now, retry_count: 0 } : { retried_at: now, retry_count: before + 1 }),
  };
}

export function withoutPush({ enqueued_at, ...rest }: Entry): Entry {
  return rest as Entry;
}

/** Where in it the fields are: args may be one object, hold one, or hold texts; the oldest jobs have no args at all. */
function fieldsIn(
  whole: Record<string, unknown>,
  queue: QueueName,
): { fields: Record<string, unknown> | null; args: readonly unknown[] } {
  const given = typeof whole.args === 'string' ? (parsed(whole.args) ?? [whole.args]) : whole.args;
  if (given === undefined || given === null) {
    const { retry, jid, class: name, queue: _, created_at, enqueued_at, at, ...bare } = whole;
    // The field of a build that is called as the queue of Sidekiq.
    const fields =
      queue === 'instance-builds' && typeof whole.site === 'string' ? { ...bare, queue: whole.queue } : bare;
    return { fields: Object.keys(fields).length === 0 ? null : unwrapped(fields), args: [fields] };
  }
  const args = Array.isArray(given) ? given : [given];
  const [first, second] = args;
  const object = typeof first === 'string' ? parsed(first) : first;
  if (isObject(object)) {
    const channel = typeof second === 'string' ? { slack_channel: second } : {};
    return { fields: { ...channel, ...pick(whole, 'slack_channel'), ...unwrapped(object) }, args };
  }
  if (queue === 'instance-terminations' && typeof first === 'string' && first.trim() !== '')
    return { fields: { instance_id: first, slack_channel: typeof second === 'string' ? second : '' }, args };
  return { fields: null, args };
}

function unwrapped(fields: Record<string, unknown>): Record<string, unknown> {
  for (const name of ['instance_builds', 'instance_build', 'instance']) {
    const inside = Array.isArray(fields[name]) ? fields[name][0] : fields[name];
    if (isObject(inside)) return { ...pick(fields, 'slack_channel'), ...inside };
  }
  return fields;
}

function asBuild(fields: Record<string, unknown>, jid: string): Meaning {
  const ours = jobIn(fields, null);
  if (ours !== null) return ours;
  const wrong: string[] = [];
  const text = (name: string): string => {
    const value = fields[name] ?? '';
    if (typeof value !== 'string') wrong.push(`"${name}" must be a string`);
    else if (value.length > longestText) wrong.push(`"${name}" is too long`);
    return typeof value === 'string' ? value : '';
  };
  const optional = (name: string): string | null => text(name) || null;
  const count = Number(fields.count ?? 1);
  const spec: BuildSpec = {
    ...{ site: text('site'), env: text('env'), queue: text('queue'), role: optional('role') ?? usualRole },
    ...{ instanceType: text('instance_type'), count, image: optional('ami'), nameTemplate: optional('name_template') },
    ...{ subnet: optional('subnet_id'), securityGroup: optional('security_group_id') },
    slackChannel: optional('slack_channel'),
  };
  const id = optional('id') ?? jid;
  if (!/^[\w.-]{1,100}$/.test(id)) wrong.push('id must have letters, digits, . _ and -, at most 100');
  return wrong.length > 0 ? fault(wrong.join(', ')) : { kind: 'build', id, spec, space: optional('space') };
}

function asEnd(fields: Record<string, unknown>): Meaning {
  const { instance_id: id, slack_channel: channel } = fields;
  if (typeof id !== 'string' || id.trim() === '' || id.length > longestText) return fault('empty "instance_id" param');
  const ours = jobIn(fields, typeof fields.instance === 'string' ? fields.instance : id);
  const space = typeof fields.space === 'string' && fields.space !== '' ? fields.space : null;
  return (
    ours ?? {
      kind: 'end',
      instance: id,
      channel: typeof channel === 'string' && channel !== '' ? channel : null,
      space,
    }
  );
}

function jobIn({ job, space }: Record<string, unknown>, instance: string | null): Meaning | null {
  return typeof job === 'string' && typeof space === 'string' ? { kind: 'job', job, space, instance } : null;
}

function fault(reason: string): Meaning {
  return { kind: 'fault', reason };
}

function pick(from: Record<string, unknown>, name: string): Record<string, unknown> {
  return from[name] === undefined ? {} : { [name]: from[name] };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
