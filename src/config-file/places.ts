// Environments, pools and images as `signalbox.yaml` declares them.

import type { EnvironmentChange } from '../core/environment.ts';
import type { ImageChange } from '../core/machines/image.ts';
import { poolFault } from '../core/machines/pool.ts';
import { nameVariables, templateFaults } from '../core/machines/template.ts';
import { nameFault } from '../core/names.ts';
import type { Labels, PoolSpec } from '../core/rows.ts';
import type { Entry } from './entry.ts';

const year = 365 * 24 * 60 * 60 * 1000;
const usualRole = 'worker';
const minute = 60_000;

export function environment(name: string, entry: Entry): EnvironmentChange {
  const fault = nameFault(name);
  if (fault !== null) return entry.fault(`the name of the environment ${fault}`);
  const given = entry.fields(['capacity', 'labels', 'description', 'ttl', 'maxHold', 'onExpire']);
  return {
    capacity: given.capacity?.integer(1, 10_000),
    labels: given.labels && labels(given.labels),
    description: given.description?.text(1000, true),
    ttlMs: given.ttl?.duration(1000, year),
    maxHoldMs: given.maxHold?.duration(1000, year),
    onExpire: given.onExpire?.oneOf(['free', 'hold']),
  };
}

export function pool(name: string, entry: Entry): PoolSpec {
  const given = entry.fields([
    ...(['labels', 'min', 'max', 'idle', 'idleFor', 'maxAge', 'once', 'readyWhen', 'readyWithin', 'build'] as const),
  ]);
  const spec: PoolSpec = {
    labels: given.labels === undefined ? { pool: name } : labels(given.labels),
    min: given.min?.integer(0, 500) ?? 0,
    max: (given.max ?? entry.fault('max is missing: how many machines there may be')).integer(1, 500),
    idle: given.idle?.integer(0, 500) ?? 0,
    idleForMs: given.idleFor?.duration(0, year) ?? 10 * minute,
    maxAgeMs: given.maxAge?.duration(minute, year) ?? null,
    once: given.once?.boolean() ?? false,
    readyWhen: given.readyWhen?.oneOf(['finished', 'started']) ?? 'finished',
    readyWithinMs: given.readyWithin?.duration(minute, year) ?? 30 * minute,
    build: build(given.build ?? entry.fault('build is missing: what its machines are')),
  };
  const fault = poolFault(name, spec);
  return fault === null ? spec : entry.fault(fault);
}

function build(entry: Entry): PoolSpec['build'] {
  const given = entry.fields([
    ...(['site', 'env', 'queue', 'role', 'instanceType', 'image', 'nameTemplate'] as const),
    ...(['subnet', 'securityGroup', 'slackChannel'] as const),
  ]);
  const must = (name: 'site' | 'env' | 'queue' | 'instanceType'): string =>
    (given[name] ?? entry.fault(`${name} is missing`)).text(200);
  const [fault] = templateFaults(given.nameTemplate?.text(500) ?? '', nameVariables);
  if (fault !== undefined) given.nameTemplate?.fault(fault.replace(/^line \d+: /, ''));
  return {
    ...{ site: must('site'), env: must('env'), queue: must('queue'), instanceType: must('instanceType') },
    role: given.role?.text(200) ?? usualRole,
    image: given.image?.text(200) ?? null,
    nameTemplate: given.nameTemplate?.text(500) ?? null,
    subnet: given.subnet?.text(200) ?? null,
    securityGroup: given.securityGroup?.text(200) ?? null,
    slackChannel: given.slackChannel?.text(200) ?? null,
  };
}

export function image(id: string, entry: Entry): ImageChange {
  if (!/^[\x21-\x7e]{1,200}$/.test(id)) return entry.fault('the id of an image has 1 to 200 printable characters');
  const given = entry.fields(['role', 'active', 'name']);
  return {
    role: given.role?.text(200) ?? null,
    name: given.name?.text(200) ?? null,
    isActive: given.active?.boolean() ?? true,
  };
}

/** As the API takes them. */
function labels(entry: Entry): Labels {
  const pairs = entry.entries().map(([key, each]) => {
    if (!/^[\w./-]{1,63}$/.test(key)) return each.fault('the name of a label has up to 63 letters, digits and . _ / -');
    const value = each.isEmpty ? '' : each.text(200, true);
    // A selector is written k=v,k2=v2.
    if (/[\p{Cc},]/u.test(value)) return each.fault('the value of a label has no comma and no control character');
    return [key, value] as const;
  });
  return pairs.length > 32 ? entry.fault('there are more than 32 labels') : Object.fromEntries(pairs);
}
