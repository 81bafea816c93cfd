// What the tests of signals, barriers and waits share: how many wait, and answers held against the shapes of the API.

import { type TSchema, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { expect } from 'vitest';
import { ListOf } from '../../src/api/schemas.ts';
import { Barrier, Signal, WaitList, WaitReply } from '../../src/api/schemas-meet.ts';
import { eventually } from '../eventually.ts';
import type { CallOptions, Reply, TestServer } from './server.ts';

/** Closed, so that a field which the schema does not tell of is seen too. */
function closed(schema: TSchema): TSchema {
  return JSON.parse(JSON.stringify(schema), (_key, value) =>
    value?.type === 'object' && value.properties !== undefined ? { ...value, additionalProperties: false } : value,
  );
}

const shapes = {
  signal: Compile(closed(Signal)),
  signals: Compile(closed(ListOf(Signal))),
  barrier: Compile(closed(Barrier)),
  barriers: Compile(closed(ListOf(Barrier))),
  wait: Compile(closed(WaitReply)),
  waits: Compile(closed(WaitList)),
  nothing: Compile(Type.Null()),
};

/** The answer has exactly the shape that the API promises. */
export function hasShape(reply: Reply, shape: keyof typeof shapes): void {
  expect(shapes[shape].Errors(reply.json)).toEqual([]);
}

/** Resolves when so many wait on this server, for signals, barriers and the rest. */
export async function openWaits(server: TestServer, count: number, options: CallOptions = {}): Promise<void> {
  await eventually(async () => {
    const { json } = await server.call('GET', '/v1/waits?limit=500', options);
    if (json.items.length !== count) throw new Error(`${json.items.length} wait, not ${count}`);
  });
}

/** One figure of /metrics: of the server, or of `main`. */
export async function figure(server: TestServer, name: string): Promise<number> {
  const { text } = await server.call('GET', '/metrics');
  const found = new RegExp(`^signalbox_${name}(?:\\{space="main"\\})? (.*)$`, 'm').exec(text);
  return Number(found?.[1]);
}

/** What somebody who has gone leaves behind: nothing. */
export async function nobodyWaits(server: TestServer, options: CallOptions = {}): Promise<void> {
  await openWaits(server, 0, options);
  await eventually(async () => expect(await figure(server, 'waits')).toBe(0));
}
