// Every system that can be measured, in the order of the table's columns.

import { etcd } from './etcd.ts';
import { redis } from './redis.ts';
import { signalbox, signalboxMemory } from './signalbox.ts';
import type { System, SystemName } from './system.ts';

export const systems: readonly System[] = [signalbox, signalboxMemory, redis, etcd];

export function systemNamed(name: SystemName): System {
  const found = systems.find((system) => system.name === name);
  if (found === undefined) throw new Error(`no system ${name}`);
  return found;
}
