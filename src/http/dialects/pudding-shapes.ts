// What clients of pudding send, and what they are shown: its words for builds, machines and images, and ours. What always holds:
// whatever is sent is read or refused, and all that is wrong with a build is said at once.

import type { FastifyRequest } from 'fastify';
import { machineName, specFaults } from '../../core/machines/build.ts';
import type { BuildRow, BuildSpec, ImageRow, InstanceRow } from '../../core/rows.ts';
import { machineIds } from '../../replica/ids.ts';
import { queryValue } from '../plain.ts';
import { Problem } from '../problem.ts';
import { time } from '../shapes.ts';

const longestText = 200;
const usualRole = 'worker';

/** Reads what is asked for. Throws 400 with all that is wrong with it, in the order of the older system. */
export function buildAsked({ body, url }: FastifyRequest): { id: string; spec: BuildSpec } {
  const asked = jsonOf(body)?.instance_builds;
  if (!isObject(asked))
    throw new Problem('invalid_request', 'The body is no JSON object with one object "instance_builds".');
  const instead = new Map<string, string>();
  const more: string[] = [];
  const text = (name: string): string => {
    const value = asked[name] ?? '';
    if (typeof value !== 'string') instead.set(`empty "${name}" param`, `"${name}" must be a string`);
    else if (value.length > longestText) more.push(`"${name}" must have at most ${longestText} characters`);
    return typeof value === 'string' ? value : '';
  };
  const optional = (name: string): string | null => {
    const value = text(name);
    const fault = instead.get(`empty "${name}" param`);
    if (fault !== undefined) more.push(fault);
    return value === '' ? null : value;
  };
  const { count = null } = asked;
  if (count !== null && !Number.isInteger(count))
    instead.set('count must be more than 0', 'count must be a whole number');
  const required = { site: text('site'), env: text('env'), queue: text('queue'), instanceType: text('instance_type') };
  const spec: BuildSpec = {
    ...{ ...required, role: optional('role') ?? usualRole, count: typeof count === 'number' ? count : 0 },
    ...{ image: optional('ami'), nameTemplate: optional('name_template'), subnet: optional('subnet_id') },
    securityGroup: optional('security_group_id'),
    slackChannel: channelOf(queryValue(url, 'slack-channel', 'first') || optional('slack_channel')),
  };
  const id = optional('id') ?? machineIds.build();
  if (!/^[\w.-]{1,100}$/.test(id)) more.push('id must have letters, digits, . _ and -, at most 100');
  const faults = specFaults(spec).map((fault) => instead.get(fault) ?? fault);
  const isKnown = [undefined, null, '', 'pending', 'started', 'finished'].includes(asked.state as string);
  const blank = Object.values(required).filter((value) => value.trim() === '').length;
  if (!isKnown) faults.splice(blank, 0, 'state must be pending, started, or finished');
  faults.push(...more);
  if (faults.length > 0) throw new Problem('invalid_request', faults.join(', '), { facts: { faults } });
  return { id, spec };
}

/** A field of a form, or of an object in JSON, or else of the query; empty where there is none. The first one counts. */
export function fieldsOf({ body, url }: FastifyRequest): (name: string) => string {
  const object = jsonOf(body);
  const form = new URLSearchParams(object === null ? textOf(body) : '');
  return (name) => {
    const value = object === null ? form.get(name) : object[name];
    return (typeof value === 'string' ? value : null) ?? queryValue(url, name, 'first') ?? '';
  };
}

export function channelOf(text: string | null): string | null {
  if (text === null || text === '') return null;
  if (text.length <= longestText && !/\p{Cc}/u.test(text)) return text;
  throw new Problem(
    'invalid_request',
    `slack-channel must have at most ${longestText} characters, none of them control characters`,
  );
}

/** null: whether active or not. */
export function activeOf(text: string | null): boolean | null {
  if (text === null) return null;
  if (/^(?:|1|t|true)$/i.test(text)) return true;
  if (/^(?:0|f|false)$/i.test(text)) return false;
  throw new Problem('invalid_request', 'active must be true or false');
}

/** Of a build that has begun and has no machine yet the older system had no word. */
export function buildShape({ id, state, spec }: BuildRow) {
  const { site, env, queue, role, instanceType, count, image, nameTemplate, subnet, securityGroup, slackChannel } =
    spec;
  return {
    ...{ id, href: `/instance-builds/${id}`, state: state === 'building' ? 'pending' : state },
    ...{ site, env, queue, role, instance_type: instanceType, count, slack_channel: slackChannel ?? '' },
    ...(image === null ? {} : { ami: image }),
    ...(nameTemplate === null ? {} : { name_template: nameTemplate }),
    ...(subnet === null ? {} : { subnet_id: subnet }),
    ...(securityGroup === null ? {} : { security_group_id: securityGroup }),
  };
}

export function instanceShape({ id: ours, facts, launchedAt }: InstanceRow, id: string, build: BuildRow | undefined) {
  const { queue = '', env = '', site = '', role = '', instanceType, image } = build?.spec ?? {};
  return {
    ...{ name: facts.name ?? (build === undefined ? '' : machineName(build, ours)), id },
    ...{ instance_type: facts.type ?? instanceType ?? '', image_id: facts.image ?? image ?? '' },
    ...{ ip: facts.ip ?? '', private_ip: facts.privateIp ?? '' },
    launch_time: facts.launchTime ?? (launchedAt === null ? '' : time(launchedAt)),
    ...{ queue, env, site, role },
  };
}

export function imageShape({ id, isActive, role, name, state }: ImageRow) {
  return { ami: id, image_id: id, active: isActive, role: role ?? '', name: name ?? '', state };
}

function jsonOf(body: unknown): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(textOf(body));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

const textOf = (body: unknown): string => (Buffer.isBuffer(body) ? body.toString() : '');

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
