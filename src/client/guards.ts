// Whether a body is what a route promises: enough of it to tell another server's answer, or a proxy's, from ours.

import type {
  Barrier,
  Environment,
  FenceAnswer,
  Lease,
  OpenWait,
  Page,
  Signal,
  Space,
  WaitList,
  WaitReply,
} from './types.ts';
import type { Build, Image, Instance, Pool, Task } from './types-machines.ts';

export function isLease(body: unknown): body is Lease {
  const lease = body as Partial<Lease>;
  return typeof lease.id === 'string' && typeof lease.state === 'string' && Array.isArray(lease.granted);
}

export function isEnvironment(body: unknown): body is Environment {
  const environment = body as Partial<Environment>;
  return typeof environment.name === 'string' && typeof environment.capacity === 'number';
}

export function isFenceAnswer(body: unknown): body is FenceAnswer {
  return typeof (body as Partial<FenceAnswer>).current === 'boolean';
}

export function isPage<Item>(body: unknown): body is Page<Item> {
  return Array.isArray((body as Partial<Page<Item>>).items);
}

export function isSignal(body: unknown): body is Signal {
  const signal = body as Partial<Signal>;
  return typeof signal.name === 'string' && typeof signal.state === 'string' && 'data' in signal;
}

export function isBarrier(body: unknown): body is Barrier {
  const barrier = body as Partial<Barrier>;
  return typeof barrier.name === 'string' && typeof barrier.state === 'string' && Array.isArray(barrier.arrivals);
}

export function isBuild(body: unknown): body is Build {
  const build = body as Partial<Build>;
  return typeof build.id === 'string' && Array.isArray(build.steps) && Array.isArray(build.instances);
}

export function isInstance(body: unknown): body is Instance {
  const instance = body as Partial<Instance>;
  return typeof instance.id === 'string' && typeof instance.state === 'string' && 'cloudId' in instance;
}

export function isSpace(body: unknown): body is Space {
  const space = body as Partial<Space>;
  return typeof space.name === 'string' && typeof space.open === 'boolean';
}

export function isWaitReply(body: unknown): body is WaitReply {
  const reply = body as Partial<WaitReply>;
  return typeof reply.outcome === 'string' && Array.isArray(reply.conditions);
}

export function isWaitList(body: unknown): body is WaitList {
  return isPage<OpenWait>(body) && Array.isArray((body as Partial<WaitList>).probes);
}

export function isImage(body: unknown): body is Image {
  const image = body as Partial<Image>;
  return typeof image.id === 'string' && typeof image.active === 'boolean';
}

export function isPool(body: unknown): body is Pool {
  const pool = body as Partial<Pool>;
  return typeof pool.name === 'string' && typeof pool.machines === 'object';
}

export function isTask(body: unknown): body is Task {
  const task = body as Partial<Task>;
  return typeof task.job === 'string' && typeof task.number === 'number' && Array.isArray(task.machines);
}
