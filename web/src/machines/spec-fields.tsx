// What machines are built from: the same fields for a build and for a pool.

import type { Build, BuildRequest } from '../../../src/client/types-machines.ts';
import { builds, images } from '../live/tables.ts';
import { Field, given } from './fields.tsx';

/** As it is typed; empty: not given. */
export interface Spec {
  readonly site: string;
  readonly env: string;
  readonly queue: string;
  readonly instanceType: string;
  readonly role: string;
  readonly image: string;
  readonly nameTemplate: string;
  readonly subnet: string;
  readonly securityGroup: string;
  readonly slackChannel: string;
}

const names = [
  ...['site', 'env', 'queue', 'instanceType', 'role', 'image'],
  ...['nameTemplate', 'subnet', 'securityGroup', 'slackChannel'],
] as readonly (keyof Spec)[];

export function specOf(from: Readonly<Record<string, unknown>> | Build | null): Spec {
  const known = (from ?? {}) as Readonly<Record<string, unknown>>;
  const entries = names.map((name) => [name, typeof known[name] === 'string' ? known[name] : '']);
  return { ...(Object.fromEntries(entries) as unknown as Spec), ...(from === null && { role: 'worker' }) };
}

export function requestOf(spec: Spec): Omit<BuildRequest, 'id' | 'count'> {
  const { site, env, queue, instanceType, ...rest } = spec;
  const optional = Object.entries(rest).flatMap(([name, value]) =>
    given(value) === undefined ? [] : [[name, given(value)]],
  );
  return {
    ...{ site: site.trim(), env: env.trim(), queue: queue.trim(), instanceType: instanceType.trim() },
    ...(Object.fromEntries(optional) as Partial<BuildRequest>),
  };
}

/** What the API calls a field in its list of faults. */
const faultNames: Readonly<Partial<Record<keyof Spec, RegExp>>> = {
  site: /"site"/,
  env: /"env"/,
  queue: /"queue"/,
  instanceType: /"instance_type"/,
  nameTemplate: /name_template/,
};

export function SpecFields(props: {
  spec: Spec;
  change: (spec: Spec) => void;
  faults: readonly string[];
  isFirst?: boolean;
}) {
  const { spec, change, faults, isFirst = false } = props;
  const set = (name: keyof Spec) => (value: string) => change({ ...spec, [name]: value });
  const isWrong = (name: keyof Spec) => faults.some((fault) => faultNames[name]?.test(fault) === true);
  const before = (name: keyof Build) =>
    [...new Set([...builds.all()].map((build) => String(build[name])))].slice(0, 50);
  const field = (name: keyof Spec, label: string, more: object = {}) => (
    <Field label={label} value={spec[name]} change={set(name)} isWrong={isWrong(name)} {...more} />
  );
  const isMore = [spec.nameTemplate, spec.subnet, spec.securityGroup, spec.slackChannel].some((text) => text !== '');
  return (
    <>
      <div class="m-fields">
        {field('site', 'Site', { isFirst, options: before('site') })}
        {field('env', 'Environment', { options: before('env') })}
        {field('queue', 'Queue', { options: before('queue') })}
        {field('instanceType', 'Instance type', { options: before('instanceType') })}
        {field('role', 'Role', { placeholder: 'worker', options: before('role') })}
        {field('image', 'Image', {
          placeholder: 'the newest active one of the role',
          options: [...images.all()].map(({ id }) => id),
        })}
      </div>
      <details open={isMore}>
        <summary>More</summary>
        <div class="m-fields">
          {field('nameTemplate', 'Name of its machines', { placeholder: '{{.Role}}-{{.Site}}-{{.Env}}-{{.Queue}}' })}
          {field('subnet', 'Subnet', { placeholder: 'the driver chooses' })}
          {field('securityGroup', 'Security group', { placeholder: 'the driver chooses' })}
          {field('slackChannel', 'Slack channel', { placeholder: 'nobody is told' })}
        </div>
      </details>
    </>
  );
}
