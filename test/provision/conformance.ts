// What every driver promises (src/provision/driver.ts), as tests. Whoever writes a driver runs them against it and its source.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { BuildSpec, Facts } from '../../src/core/rows.ts';
import { type CreateAsk, type Driver, DriverError } from '../../src/provision/driver.ts';
import { eventually } from '../eventually.ts';

export interface DriverUnderTest {
  readonly driver: Driver;
  /** As after a restart: another one, of the same source. */
  again(): Promise<Driver>;
  /** What it can make at least three machines of. */
  readonly spec: BuildSpec;
  readonly image: string | null;
  /** Ids that nobody ever had. */
  readonly neverWas: { readonly machine: string; readonly shared: string };
  /** Makes that there is no room for any more machine, in all choices. */
  fill(): Promise<void>;
  close(): Promise<void>;
}

const never = new AbortController().signal;
const plain: BuildSpec = {
  ...{ site: 'org', env: 'staging', queue: 'docker', role: 'worker', instanceType: 'small', count: 1 },
  ...{ image: null, nameTemplate: null, subnet: null, securityGroup: null, slackChannel: null },
};

export function specOf(change: Partial<BuildSpec>): BuildSpec {
  return { ...plain, ...change };
}

export function promisesOfDrivers(name: string, open: () => Promise<DriverUnderTest>): void {
  describe(`the driver ${name}`, () => {
    let it: DriverUnderTest;
    let prepared: Facts;
    beforeEach(async () => {
      it = await open();
      prepared = (await it.driver.shared?.prepare({ build: 'main-x/bd_1', spec: it.spec }, never)) ?? {};
    });
    afterEach(() => it.close());

    const askOf = (instance: string, change: Partial<CreateAsk> = {}): CreateAsk => ({
      ...{ token: `token-of-${instance}`, instance: `main-x/${instance}`, build: 'main-x/bd_1', choice: 0 },
      ...{ spec: it.spec, name: `worker-${instance}`, image: it.image, prepared, userData: null, ...change },
    });
    const create = (instance: string, change: Partial<CreateAsk> = {}, driver = it.driver) =>
      driver.create(askOf(instance, change), never);
    const listed = async (driver = it.driver) => (await driver.list(never)).map(({ cloudId }) => cloudId).sort();

    test('makes a machine, and says of it the same whichever way it is asked', async () => {
      expect(it.driver.name).toMatch(/\S/);
      expect(await it.driver.list(never)).toEqual([]);
      const a = await create('in_a');
      const b = await create('in_b');
      expect(a.cloudId).not.toBe(b.cloudId);
      expect(a.instance).toBe('main-x/in_a');
      for (const value of Object.values(a.facts)) expect(value).toEqual(expect.stringMatching(/./));
      expect(await listed()).toEqual([a.cloudId, b.cloudId].sort());
      const { cloudId, instance } = a;
      expect(await it.driver.get(cloudId, never)).toMatchObject({ cloudId, instance });
      expect(await it.driver.find(instance, never)).toMatchObject({ cloudId, instance });
      expect((await it.driver.list(never)).find((each) => each.cloudId === cloudId)).toMatchObject({ instance });
    });

    test('knows nothing of what is not there', async () => {
      expect(await it.driver.get(it.neverWas.machine, never)).toBeNull();
      expect(await it.driver.find('main-x/in_a', never)).toBeNull();
      await create('in_ab');
      // An id is no beginning of another one.
      expect(await it.driver.find('main-x/in_a', never)).toBeNull();
    });

    test('makes one machine for one token, however often and by whomever it is asked', async () => {
      const first = await create('in_a');
      expect((await create('in_a')).cloudId).toBe(first.cloudId);
      const asked = await Promise.all([create('in_b'), create('in_b'), create('in_b', {}, await it.again())]);
      expect(new Set(asked.map(({ cloudId }) => cloudId)).size).toBe(1);
      expect((await create('in_a', {}, await it.again())).cloudId).toBe(first.cloudId);
      expect(await listed()).toHaveLength(2);
    });

    test('makes another machine for another token', async () => {
      const first = await create('in_a', { token: 'one' });
      expect((await create('in_a', { token: 'two' })).cloudId).not.toBe(first.cloudId);
      expect(await listed()).toHaveLength(2);
    });

    test('is the same after a restart', async () => {
      const { cloudId, instance } = await create('in_a');
      const other = await it.again();
      expect(await listed(other)).toEqual([cloudId]);
      expect(await other.find(instance, never)).toMatchObject({ cloudId });
      await other.delete(cloudId, never);
      expect(await listed()).toEqual([]);
    });

    test('ends a machine, also one that is gone, and one that never was', async () => {
      const [a, b] = [await create('in_a'), await create('in_b')];
      await it.driver.delete(a.cloudId, never);
      await it.driver.delete(a.cloudId, never);
      await it.driver.delete(it.neverWas.machine, never);
      expect(await listed()).toEqual([b.cloudId]);
      expect(await it.driver.get(a.cloudId, never)).toBeNull();
      expect(await it.driver.find(a.instance, never)).toBeNull();
    });

    test('ends the machine that is meant, not the one that came after it', async () => {
      const old = await create('in_a');
      await it.driver.delete(old.cloudId, never);
      const [b, c] = [await create('in_b'), await create('in_c')];
      await it.driver.delete(old.cloudId, never);
      expect(await listed()).toEqual([b.cloudId, c.cloudId].sort());
    });

    test('takes any text, and lets none of it be a command', async () => {
      const odd = 'a "quoted" \'one\' $(touch /tmp/no) `no` \\ %s %d ü';
      const spec = { ...it.spec, site: odd, env: odd, queue: odd, role: odd, nameTemplate: odd };
      const made = await create('in_a', { spec, name: odd, userData: `#include https://x/?a=1&b=%2F\n${odd}\n` });
      expect(await it.driver.get(made.cloudId, never)).toMatchObject({ instance: 'main-x/in_a' });
    });

    test('has at least one choice, and where none has room says so and makes nothing', async () => {
      const choices = it.driver.choices(it.spec);
      expect(Number.isInteger(choices) && choices >= 1).toBe(true);
      await it.fill();
      const before = await listed();
      for (let choice = 0; choice < choices; choice++) {
        const error = await create('in_z', { token: `z-${choice}`, choice }).catch((thrown) => thrown);
        expect(error).toBeInstanceOf(DriverError);
        expect(error).toMatchObject({ verdict: 'next choice', message: expect.stringMatching(/\S/) });
      }
      expect(await listed()).toEqual(before);
      expect(await it.driver.find('main-x/in_z', never)).toBeNull();
    });

    test('leaves what it was about to do when the server stops, and says that nobody knows how far it was', async () => {
      const error = await it.driver.create(askOf('in_a'), AbortSignal.abort()).catch((thrown) => thrown);
      // Done already is as good.
      if (error instanceof Error) expect(error).toMatchObject({ verdict: 'again', constructor: DriverError });
      const made = await create('in_a');
      expect(await listed()).toEqual([made.cloudId]);
    });

    test('shows its images, where it has any', async () => {
      const { images } = it.driver;
      if (images === null) return expect(it.image).toBeNull();
      const shown = await images.list(never);
      for (const image of shown) expect(await images.get(image.id, never)).toEqual(image);
      expect(await images.get(it.image ?? '', never)).toMatchObject({ id: it.image });
      expect(await images.get('nonsense', never)).toBeNull();
    });

    test('makes what the machines of a build share once, and ends it once nothing uses it', async () => {
      const { shared } = it.driver;
      if (shared === null) return expect(prepared).toEqual({});
      const ask = { build: 'main-x/bd_1', spec: it.spec };
      expect(await shared.prepare(ask, never)).toEqual(prepared);
      expect(await (await it.again()).shared?.prepare(ask, never)).toEqual(prepared);
      const other = await shared.prepare({ ...ask, build: 'main-x/bd_10' }, never);
      expect(other).not.toEqual(prepared);
      const things = await shared.list(never);
      expect(things.map(({ build }) => build).sort()).toEqual(['main-x/bd_1', 'main-x/bd_10']);
      const { id } = things.find(({ build }) => build === 'main-x/bd_1') ?? { id: '' };
      const machine = await create('in_a');
      const inUse = await shared.delete(id, never).catch((thrown) => thrown);
      expect(inUse).toMatchObject({ verdict: 'again', constructor: DriverError });
      await it.driver.delete(machine.cloudId, never);
      await eventually(() => shared.delete(id, never));
      await shared.delete(id, never);
      await shared.delete(it.neverWas.shared, never);
      expect((await shared.list(never)).map(({ build }) => build)).toEqual(['main-x/bd_10']);
    });
  });
}
