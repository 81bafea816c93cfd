// Every driver there is, against what drivers promise: EC2 by the real SDK, and the examples in shell.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { CommandDriver } from '../../src/provision/command.ts';
import { openEc2Driver } from '../../src/provision/ec2/open.ts';
import { type DriverUnderTest, promisesOfDrivers, specOf } from './conformance.ts';
import { ec2Environment, startEc2Endpoint } from './ec2-endpoint.ts';

const examples = join(import.meta.dirname, '../../examples/machines');
const never = new AbortController().signal;
const hosts = [
  'build-1 10.0.0.11 small',
  '# one that is away',
  'build-1.b 10.0.0.12 small',
  '',
  'build-3 10.0.0.13 large',
];

promisesOfDrivers('ec2', async () => {
  const endpoint = await startEc2Endpoint();
  for (const [name, value] of Object.entries(ec2Environment(endpoint.url))) vi.stubEnv(name, value);
  // Small pages, and things that take their time.
  Object.assign(endpoint.switches, { pageSize: 1, shutdownLag: 2 });
  const options = { fallbackTypes: { 'm5.large': ['m5a.large'] }, subnets: ['subnet-0000000a', 'subnet-0000000b'] };
  return {
    driver: await openEc2Driver(options),
    again: () => openEc2Driver(options),
    spec: specOf({ instanceType: 'm5.large' }),
    image: 'ami-00000001',
    neverWas: { machine: 'i-00000000000000bad', shared: 'sg-00000000000000bad' },
    fill: async () => {
      for (const type of ['m5.large', 'm5a.large']) endpoint.switches.noRoom[type] = 'InsufficientInstanceCapacity';
    },
    close: async () => {
      await endpoint.close();
      vi.unstubAllEnvs();
    },
  };
});

promisesOfDrivers('command, with processes for machines', async () => {
  // The example always has room: this is what it looks like when it had none.
  return shell('processes.sh', (folder) => `if [ "$1" = create ] && [ -e ${folder}/full ]; then exit 69; fi`, {
    spec: specOf({}),
    fill: async (_, folder) => writeFileSync(join(folder, 'full'), ''),
  });
});

promisesOfDrivers('command, with an inventory of machines', async () => {
  return shell('inventory.sh', () => '', {
    spec: specOf({}),
    fill: async (driver) => {
      for (const name of ['full-1', 'full-2', 'full-3']) await driver.create(inventoryAsk(name), never);
    },
  });
});

const inventoryAsk = (name: string) => ({
  ...{ token: name, instance: `main-x/${name}`, build: 'main-x/bd_9', choice: 0, spec: specOf({}), name, image: null },
  ...{ prepared: {}, userData: null },
});

async function shell(
  example: string,
  before: (folder: string) => string,
  { spec, fill }: Pick<DriverUnderTest, 'spec'> & { fill: (driver: CommandDriver, folder: string) => Promise<void> },
): Promise<DriverUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-driver-'));
  const program = join(folder, 'driver.sh');
  writeFileSync(join(folder, 'inventory'), `${hosts.join('\n').replace('large', 'small')}\n`);
  const places = `MACHINES=${folder}/machines INVENTORY=${folder}/inventory LEASES=${folder}/leases`;
  writeFileSync(program, `#!/bin/sh\n${before(folder)}\n${places} exec ${examples}/${example} "$@"\n`);
  chmodSync(program, 0o755);
  const driver = new CommandDriver(program, 20_000);
  return {
    ...{ driver, again: async () => new CommandDriver(program, 20_000), spec, image: null },
    neverWas: { machine: example === 'processes.sh' ? 'p-0' : 'build-1@0', shared: 'none' },
    fill: () => fill(driver, folder),
    close: async () => {
      for (const { cloudId } of await driver.list(never)) await driver.delete(cloudId, never);
      rmSync(folder, { recursive: true });
    },
  };
}

test('an inventory gives out machines of the type that is wanted, whose lines may end without a newline', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-driver-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const program = join(folder, 'driver.sh');
  writeFileSync(join(folder, 'inventory'), 'build-1 10.0.0.11 small\nbuild-2 10.0.0.12 large');
  // Slow between looking for a free machine and taking it.
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/cksum'), '#!/bin/sh\nsleep 0.2\ncat\n', { mode: 0o755 });
  const places = `PATH=${folder}/bin:$PATH INVENTORY=${folder}/inventory LEASES=${folder}/leases`;
  writeFileSync(program, `#!/bin/sh\n${places} exec ${examples}/inventory.sh "$@"\n`);
  chmodSync(program, 0o755);
  const driver = new CommandDriver(program, 20_000);
  const large = { ...inventoryAsk('a'), spec: specOf({ instanceType: 'large' }) };
  expect((await driver.create(large, never)).facts).toEqual({ ip: '10.0.0.12', type: 'large', name: 'build-2' });
  const none = await driver.create({ ...large, token: 'b' }, never).catch((thrown) => thrown);
  expect(none).toMatchObject({
    verdict: 'next choice',
    message: expect.stringMatching(/no machine of type large is free/),
  });
  const small = { ...large, spec: specOf({}) };
  const asks = ['c', 'd', 'e', 'f'].map((token) => driver.create({ ...small, token }, never));
  const answers = await Promise.allSettled(asks);
  // Of many who ask at the same time one is given it.
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  rmSync(join(folder, 'inventory'));
  await expect(driver.list(never)).rejects.toMatchObject({
    verdict: 'again',
    message: expect.stringMatching(/inventory/),
  });
});
