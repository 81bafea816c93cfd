// How what we make is known again among all that an account has.

import type { ResourceType, Tag, TagSpecification } from '@aws-sdk/client-ec2';
import type { CreateAsk } from '../driver.ts';

/** Our id of a machine: what carries it is ours. */
export const instanceTag = 'signalbox:instance';
/** Our id of the build of a machine, or of a security group. */
export const buildTag = 'signalbox:build';

/** EC2 takes no longer value; a name comes from a template. */
const nameAtMost = 255;

export function machineTags(ask: CreateAsk): Record<string, string> {
  const { role, site, env, queue } = ask.spec;
  const name = ask.name.slice(0, nameAtMost).toWellFormed();
  return { role, Name: name, site, env, queue, [instanceTag]: ask.instance, [buildTag]: ask.build };
}

/** Tags at birth, so that there is no moment in which something of ours has none. Sorted: a repeated ask must be the same one. */
export function tagged(tags: Readonly<Record<string, string>>, ...types: ResourceType[]): TagSpecification[] {
  const list: Tag[] = Object.keys(tags)
    .sort()
    .map((key) => ({ Key: key, Value: tags[key] ?? '' }));
  return types.map((type) => ({ ResourceType: type, Tags: list }));
}

export function tagOf(tags: readonly Tag[] | undefined, key: string): string | null {
  return tags?.find((tag) => tag.Key === key)?.Value ?? null;
}
