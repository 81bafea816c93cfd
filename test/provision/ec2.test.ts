// The driver `ec2`, by the real SDK, against an endpoint that fails in every way that EC2 does: what is asked for, what is made of an
// answer that is lost, late or a refusal, and that nothing is ever made twice.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { type CreateAsk, type Driver, DriverError } from '../../src/provision/driver.ts';
import { driverError } from '../../src/provision/ec2/errors.ts';
import { groupName } from '../../src/provision/ec2/groups.ts';
import { openEc2Driver } from '../../src/provision/ec2/open.ts';
import type { Ec2Options } from '../../src/provision/ec2/options.ts';
import { eventually } from '../eventually.ts';
import { specOf } from './conformance.ts';
import { type Ec2Endpoint, ec2Environment, type Fault, startEc2Endpoint } from './ec2-endpoint.ts';

const never = new AbortController().signal;
const spec = specOf({ instanceType: 'm5.large' });
const [subnetA, subnetB, elsewhere] = ['subnet-0000000a', 'subnet-0000000b', 'subnet-0000000c'];
const image = 'ami-00000001';

let endpoint: Ec2Endpoint;
beforeEach(async () => {
  const started = await startEc2Endpoint();
  endpoint = started;
  for (const [name, value] of Object.entries(ec2Environment(started.url))) vi.stubEnv(name, value);
  return async () => {
    await started.close();
    vi.unstubAllEnvs();
  };
});

const open = (options: Ec2Options = {}, timeoutMs = 20_000): Promise<Driver> =>
  openEc2Driver(options, { timeoutMs, attempts: 1 });
const shared = async (options: Ec2Options = {}) => {
  const things = (await open(options)).shared;
  if (things === null) throw new Error('it makes groups');
  return things;
};
const images = async () => {
  const all = (await open()).images;
  if (all === null) throw new Error('it has images');
  return all;
};

function askOf(change: Partial<CreateAsk> = {}): CreateAsk {
  return {
    ...{ token: 'token-1', instance: 'main-x/in_a', build: 'main-x/bd_1', choice: 0, spec, name: 'worker-1', image },
    ...{ prepared: {}, userData: null, ...change },
  };
}

async function thrown(promise: Promise<unknown>): Promise<DriverError> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    (each) => each,
  );
  expect(error).toBeInstanceOf(DriverError);
  return error;
}

function switchOn(...faults: Fault[]): void {
  endpoint.switches.faults.push(...faults);
}

describe('a launch', () => {
  test('asks for one machine, with the token of the ask, by session tokens alone', async () => {
    const made = await (await open()).create(askOf(), never);
    expect(endpoint.asked('RunInstances')).toEqual([
      expect.objectContaining({
        MinCount: '1',
        MaxCount: '1',
        ClientToken: 'token-1',
        ImageId: image,
        InstanceType: 'm5.large',
      }),
    ]);
    const machine = endpoint.instances.get(made.cloudId);
    expect(machine?.metadata).toEqual({ HttpTokens: 'required', HttpEndpoint: 'enabled' });
    expect(machine).toMatchObject({ userData: null, groups: [], subnet: subnetA, keyName: null, profile: null });
  });

  test('tags the machine and its volumes as it is made, and never afterwards', async () => {
    const tags = { team: 'ci', Name: 'not this', 'signalbox:instance': 'nor this' };
    const odd = { ...spec, site: '', role: 'worker & <b>', env: 'ü\n"', queue: 'a+b c' };
    const made = await (await open({ tags })).create(askOf({ spec: odd }), never);
    const machine = endpoint.instances.get(made.cloudId);
    const wanted = {
      ...{ role: 'worker & <b>', Name: 'worker-1', site: '', env: 'ü\n"', queue: 'a+b c', team: 'ci' },
      ...{ 'signalbox:instance': 'main-x/in_a', 'signalbox:build': 'main-x/bd_1' },
    };
    expect(Object.fromEntries(machine?.tags ?? [])).toEqual(wanted);
    expect(Object.fromEntries(machine?.volumeTags ?? [])).toEqual(wanted);
    expect(endpoint.asked('CreateTags')).toEqual([]);
    const long = await (await open()).create(askOf({ token: 'b', name: `${'x'.repeat(254)}🚉` }), never);
    expect(endpoint.instances.get(long.cloudId)?.tags.get('Name')).toMatch(/^x{254}.$/);
    expect((await (await open()).get(made.cloudId, never))?.instance).toBe('main-x/in_a');
  });

  test('gives the machine its user data byte for byte', async () => {
    const userData = '#include https://s/init-scripts/1?a=%2F&b=+\n"ü" %s \\n \t€ 🚉\r\n\u0000';
    const made = await (await open()).create(askOf({ userData }), never);
    expect(endpoint.instances.get(made.cloudId)?.userData).toEqual(Buffer.from(userData));
  });

  test('puts it where, and lets it be, what is set', async () => {
    const options = { subnets: [subnetB ?? ''], keyName: 'ops', instanceProfile: 'worker' };
    const a = await (await open(options)).create(askOf(), never);
    expect(endpoint.instances.get(a.cloudId)).toMatchObject({ subnet: subnetB, keyName: 'ops', profile: 'worker' });
    const arn = 'arn:aws:iam::1:instance-profile/worker';
    const b = await (await open({ instanceProfile: arn })).create(askOf({ token: 'b' }), never);
    expect(endpoint.instances.get(b.cloudId)?.profile).toBe(arn);
    expect(endpoint.asked('RunInstances')[1]).toHaveProperty(['IamInstanceProfile.Arn'], arn);
  });

  test('takes subnet and security group from the build before all else', async () => {
    const driver = await open({ subnets: [subnetA ?? ''] });
    const prepared = await driver.shared?.prepare({ build: 'b', spec }, never);
    const [ours] = [...endpoint.groups.keys()];
    const a = await driver.create(askOf({ prepared: prepared ?? {} }), never);
    expect(endpoint.instances.get(a.cloudId)).toMatchObject({ subnet: subnetA, groups: [ours] });
    const other = await (await shared()).prepare({ build: 'other', spec }, never);
    const given = { ...spec, subnet: subnetB ?? '', securityGroup: other.group ?? '' };
    const b = await driver.create(askOf({ token: 'b', spec: given, prepared: prepared ?? {} }), never);
    expect(endpoint.instances.get(b.cloudId)).toMatchObject({ subnet: subnetB, groups: [other.group] });
  });

  test('says of a machine what people want to know, as soon as EC2 does', async () => {
    const driver = await open();
    const prepared = (await driver.shared?.prepare({ build: 'b', spec }, never)) ?? {};
    const made = await driver.create(askOf({ prepared }), never);
    const known = {
      ...{ privateIp: expect.stringMatching(/^10\./), type: 'm5.large', image, zone: 'eu-test-1a', subnet: subnetA },
      ...{ launchTime: endpoint.instances.get(made.cloudId)?.launchTime, group: prepared.group },
    };
    expect(made.facts).toEqual(known);
    const ip = expect.stringMatching(/^203\./);
    expect((await driver.get(made.cloudId, never))?.facts).toEqual({ ...known, ip });
  });

  test('is not asked for without an image, nor where there is no such choice', async () => {
    const driver = await open();
    expect(await thrown(driver.create(askOf({ image: null }), never))).toMatchObject({
      verdict: 'give up',
      message: expect.stringMatching(/needs an image/),
    });
    expect(await thrown(driver.create(askOf({ choice: 1 }), never))).toMatchObject({ verdict: 'give up' });
    expect(endpoint.requests).toEqual([]);
  });
});

describe('choices', () => {
  test('are the type that is wanted in each subnet, then the others; each once', async () => {
    const fallbackTypes = { 'm5.large': ['m5.large', 'm5a.large', 't3.large'] };
    const driver = await open({ fallbackTypes, subnets: [subnetA ?? '', subnetB ?? ''] });
    expect(driver.choices(spec)).toBe(6);
    expect(driver.choices({ ...spec, instanceType: 't3.large' })).toBe(2);
    // Names that every object has.
    expect(driver.choices({ ...spec, instanceType: 'constructor' })).toBe(2);
    expect(driver.choices({ ...spec, subnet: subnetB ?? '' })).toBe(3);
    for (let choice = 0; choice < 6; choice++) await driver.create(askOf({ choice, token: `t${choice}` }), never);
    const chosen = [...endpoint.instances.values()].map(({ type, subnet }) => `${type} ${subnet.at(-1)}`);
    expect(chosen).toEqual(['m5.large a', 'm5.large b', 'm5a.large a', 'm5a.large b', 't3.large a', 't3.large b']);
  });

  test('fall through to where there is room', async () => {
    endpoint.switches.noRoom = {
      'm5.large': 'InsufficientInstanceCapacity',
      [`m5a.large@${subnetA}`]: 'Unsupported',
    };
    const driver = await open({
      fallbackTypes: { 'm5.large': ['m5a.large'] },
      subnets: [subnetA ?? '', subnetB ?? ''],
    });
    const verdicts: string[] = [];
    for (let choice = 0; choice < 4; choice++) {
      const made = await driver.create(askOf({ choice, token: `t-${choice}` }), never).catch((error) => error.verdict);
      verdicts.push(typeof made === 'string' ? made : 'made');
    }
    expect(verdicts).toEqual(['next choice', 'next choice', 'next choice', 'made']);
    expect(endpoint.alive).toEqual([expect.objectContaining({ type: 'm5a.large', subnet: subnetB })]);
  });
});

describe('a refusal', () => {
  test.each([
    [500, 'InsufficientInstanceCapacity', 'next choice'],
    [400, 'InsufficientHostCapacity', 'next choice'],
    [400, 'InsufficientFreeAddressesInSubnet', 'next choice'],
    [400, 'Unsupported', 'next choice'],
    [400, 'MaxSpotInstanceCountExceeded', 'next choice'],
    [400, 'InstanceLimitExceeded', 'next choice'],
    [400, 'Client.InstanceLimitExceeded', 'next choice'],
    [400, 'VcpuLimitExceeded', 'next choice'],
    [503, 'RequestLimitExceeded', 'again'],
    [400, 'Throttling', 'again'],
    [429, 'SomethingNew', 'again'],
    [500, 'InternalError', 'again'],
    [503, 'Unavailable', 'again'],
    [502, 'SomethingNew', 'again'],
    [403, 'Unknown', 'again'],
    [400, 'PriorRequestNotComplete', 'again'],
    [400, 'RequestExpired', 'again'],
    [401, 'AuthFailure', 'give up'],
    [403, 'SignatureDoesNotMatch', 'give up'],
    [403, 'UnauthorizedOperation', 'give up'],
    [400, 'InvalidAMIID.NotFound', 'give up'],
    [400, 'InvalidParameterValue', 'give up'],
    [400, 'InvalidSubnetID.NotFound', 'give up'],
    [400, 'SomethingNew', 'give up'],
  ] as const)('of %i %s means: %s', async (status, code, verdict) => {
    switchOn({ action: 'RunInstances', how: { status, code, message: 'in words' }, times: 5 });
    // As it is for everyone: the SDK's own tries are not switched off here.
    const error = await thrown((await openEc2Driver()).create(askOf(), never));
    expect(error).toMatchObject({ verdict, message: expect.stringMatching(/in words/) });
    expect(error.message).toContain(code.replace('Client.', ''));
    expect(endpoint.asked('RunInstances')).toHaveLength(1);
    expect(endpoint.alive).toEqual([]);
  });

  test.each([
    ['an image that is not there', { image: 'ami-00000bad' }],
    ['an image of no such form', { image: 'debian' }],
    ['no such type', { spec: { ...spec, instanceType: 'huge' } }],
    ['a subnet that is not there', { spec: { ...spec, subnet: 'subnet-00000bad' } }],
    ['a group that is not there', { spec: { ...spec, securityGroup: 'sg-00000bad' } }],
    ['too much user data', { userData: 'x'.repeat(16_385) }],
  ])('of %s is for ever', async (_, change) => {
    expect(await thrown((await open()).create(askOf(change), never))).toMatchObject({ verdict: 'give up' });
  });

  test('says what to do about credentials that are wrong, or may not do this', async () => {
    endpoint.switches.accessKey = 'AKIAOTHER';
    expect((await thrown((await open()).create(askOf(), never))).message).toMatch(/^EC2 refuses the AWS credentials: /);
    endpoint.switches.accessKey = 'AKIATEST';
    switchOn({ action: 'DescribeInstances', how: { status: 403, code: 'UnauthorizedOperation' } });
    expect((await thrown((await open()).list(never))).message).toMatch(
      /^the AWS credentials do not allow DescribeInstances: /,
    );
  });

  test('of what is only asked is tried again by the SDK, but a launch is not', async () => {
    switchOn({ action: 'DescribeInstances', how: { status: 500, code: 'InternalError' }, times: 2 });
    expect(await (await openEc2Driver()).list(never)).toEqual([]);
    expect(endpoint.asked('DescribeInstances')).toHaveLength(3);
  });
});

describe('an answer that is lost', () => {
  const ways: Fault['how'][] = ['hang', 'cut', 'garbage', 'empty', { status: 503, code: 'Unavailable' }];

  test.each(ways)('(%j) after the machine was made: the same token brings that machine', async (how) => {
    switchOn({ action: 'RunInstances', when: 'after', how });
    const driver = await open({}, how === 'hang' ? 300 : 20_000);
    expect(await thrown(driver.create(askOf(), never))).toMatchObject({ verdict: 'again' });
    const [made] = endpoint.alive;
    expect(endpoint.alive).toHaveLength(1);
    expect(await driver.find('main-x/in_a', never)).toMatchObject({ cloudId: made?.id });
    expect(await (await open()).create(askOf(), never)).toMatchObject({ cloudId: made?.id, instance: 'main-x/in_a' });
    expect(endpoint.alive).toHaveLength(1);
  });

  test.each(ways)('(%j) before anything was made: nobody knows that, and it is asked again', async (how) => {
    switchOn({ action: 'RunInstances', how });
    const driver = await open({}, how === 'hang' ? 300 : 20_000);
    expect(await thrown(driver.create(askOf(), never))).toMatchObject({ verdict: 'again' });
    expect(await driver.find('main-x/in_a', never)).toBeNull();
    await driver.create(askOf(), never);
    expect(endpoint.alive).toHaveLength(1);
  });

  test('because the server is stopping', async () => {
    switchOn({ action: 'RunInstances', when: 'after', how: 'hang' });
    const stopping = new AbortController();
    const asked = thrown((await open()).create(askOf(), stopping.signal));
    await eventually(() => expect(endpoint.alive).toHaveLength(1));
    stopping.abort();
    expect(await asked).toMatchObject({ verdict: 'again', message: 'RunInstances: the server is stopping' });
  });

  test('because nobody answers there', async () => {
    const driver = await open();
    await endpoint.close();
    expect(await thrown(driver.create(askOf(), never))).toMatchObject({
      verdict: 'again',
      message: expect.stringMatching(/has not answered: .*ECONNREFUSED/),
    });
  });
});

describe('a token that was used for something else', () => {
  test('is that of the machine that was made then', async () => {
    const driver = await open();
    const first = await driver.create(askOf(), never);
    expect(await driver.create(askOf({ userData: 'another script' }), never)).toMatchObject({ cloudId: first.cloudId });
    // And of settings that have changed since.
    const changed = await open({ tags: { team: 'ci' } });
    expect(await changed.create(askOf(), never)).toMatchObject({ cloudId: first.cloudId, instance: 'main-x/in_a' });
    expect(endpoint.alive).toHaveLength(1);
  });

  test('is asked with again where that machine is not to be seen: nobody can say that nothing was made', async () => {
    endpoint.switches.instanceLag = 1;
    await (await open()).create(askOf(), never);
    const after = await open();
    const error = await thrown(after.create(askOf({ userData: 'another script' }), never));
    expect(error).toMatchObject({ verdict: 'again', message: expect.stringMatching(/token of main-x\/in_a/) });
    expect(await after.create(askOf({ userData: 'another script' }), never)).toMatchObject({ instance: 'main-x/in_a' });
    expect(endpoint.alive).toHaveLength(1);
  });
});

describe('EC2 that is behind itself', () => {
  test('shows a new machine late: until then it is as it was made', async () => {
    endpoint.switches.instanceLag = 3;
    const driver = await open();
    const made = await driver.create(askOf(), never);
    expect(await driver.list(never)).toEqual([]);
    expect(await driver.get(made.cloudId, never)).toEqual(made);
    expect(await driver.find('main-x/in_a', never)).toEqual(made);
    expect(await driver.list(never)).toHaveLength(1);
    // Once it was shown, EC2 is believed.
    endpoint.instances.clear();
    expect(await driver.get(made.cloudId, never)).toBeNull();
    expect(await driver.find('main-x/in_a', never)).toBeNull();
  });

  test('does not know what is to be ended: it is asked again, and nothing is left', async () => {
    endpoint.switches.instanceLag = 1;
    const driver = await open();
    const { cloudId } = await driver.create(askOf(), never);
    expect(await thrown(driver.delete(cloudId, never))).toMatchObject({ verdict: 'again' });
    await driver.delete(cloudId, never);
    expect(endpoint.alive).toEqual([]);
    expect(await driver.get(cloudId, never)).toBeNull();
  });

  test('does not know a group yet: of ours it is asked again, of one that was named it is refused', async () => {
    const driver = await open();
    const prepared = (await driver.shared?.prepare({ build: 'main-x/bd_1', spec }, never)) ?? {};
    const group = endpoint.groups.get(prepared.group ?? '');
    if (group !== undefined) group.unlisted = 2;
    expect(await thrown(driver.create(askOf({ prepared }), never))).toMatchObject({ verdict: 'again' });
    const named = { ...spec, securityGroup: prepared.group ?? '' };
    expect(await thrown(driver.create(askOf({ spec: named }), never))).toMatchObject({ verdict: 'give up' });
    await driver.create(askOf({ prepared }), never);
    expect(endpoint.alive).toHaveLength(1);
  });
});

describe('an answer that is none', () => {
  test.each(['garbage', 'empty'] as const)('(%s) never means that there is nothing', async (how) => {
    const driver = await open();
    const made = await driver.create(askOf(), never);
    await driver.list(never);
    const asks: [string, () => Promise<unknown> | undefined][] = [
      ['DescribeInstances', () => driver.list(never)],
      ['DescribeInstances', () => driver.get(made.cloudId, never)],
      ['DescribeInstances', () => driver.find('main-x/in_a', never)],
      ['DescribeImages', () => driver.images?.list(never)],
      ['DescribeImages', () => driver.images?.get(image, never)],
      ['DescribeSecurityGroups', () => driver.shared?.list(never)],
      ['CreateSecurityGroup', () => driver.shared?.prepare({ build: 'b', spec }, never)],
      [
        'DescribeSubnets',
        () => driver.shared?.prepare({ build: 'b', spec: { ...spec, subnet: subnetA ?? '' } }, never),
      ],
    ];
    for (const [action, ask] of asks) {
      switchOn({ action, how });
      expect(await thrown(ask() ?? Promise.resolve()), action).toMatchObject({ verdict: 'again' });
    }
  });
});

describe('what is listed', () => {
  test('is ours and may cost something, on all pages', async () => {
    const driver = await open();
    const made = [];
    for (const name of ['in_a', 'in_b', 'in_c', 'in_d', 'in_e'])
      made.push(await driver.create(askOf({ token: name, instance: `main-x/${name}` }), never));
    const [a, b, c, d, e] = made.map(({ cloudId }) => endpoint.instances.get(cloudId));
    if (!a || !b || !c || !d || !e) throw new Error('five were made');
    a.state = 'stopped';
    b.state = 'shutting-down';
    b.shutdown = 5;
    c.state = 'terminated';
    // Somebody else's.
    d.tags.delete('signalbox:instance');
    endpoint.switches.pageSize = 1;
    const listed = await driver.list(never);
    expect(listed.map(({ cloudId }) => cloudId)).toEqual([a.id, e.id]);
    expect(await driver.get(b.id, never)).toBeNull();
    expect(await driver.get(c.id, never)).toBeNull();
    expect(await driver.get(d.id, never)).toBeNull();
    expect(await driver.find('main-x/in_b', never)).toBeNull();
  });
});

describe('images', () => {
  test('to choose from are our own with a role; active unless they say otherwise or are not ready', async () => {
    endpoint.images.clear();
    endpoint.switches.pageSize = 2;
    const add = (id: string, tags: Record<string, string>, rest: object = {}) =>
      endpoint.addImage({ id, tags, ...rest });
    add('ami-0000000a', { role: 'worker' }, { name: 'worker-1', createdAt: '2026-02-01T00:00:00.000Z' });
    add('ami-0000000b', { role: 'worker', active: 'true' });
    add('ami-0000000c', { role: 'web', active: 'False' });
    add('ami-0000000d', { role: 'web', active: 'true' }, { state: 'pending' });
    add('ami-0000000e', {});
    add('ami-0000000f', { role: 'worker' }, { owner: 'amazon' });
    const listed = await (await images()).list(never);
    expect(listed.map(({ id, role, isActive, state }) => `${id.at(-1)} ${role} ${isActive} ${state}`)).toEqual([
      'a worker true available',
      'b worker true available',
      'c web false available',
      'd web false pending',
    ]);
    expect(listed[0]).toEqual({
      ...{ id: 'ami-0000000a', role: 'worker', name: 'worker-1', isActive: true, state: 'available' },
      createdAt: '2026-02-01T00:00:00.000Z',
    });
  });

  test('are found by id whoever owns them', async () => {
    endpoint.addImage({ id: 'ami-0000000f', owner: 'amazon' });
    expect(await (await images()).get('ami-0000000f', never)).toMatchObject({ id: 'ami-0000000f', role: null });
    for (const id of ['ami-00000bad', 'debian', '']) expect(await (await images()).get(id, never)).toBeNull();
  });
});

describe('the security group of a build', () => {
  const group = (): { vpc: string; rules: Set<string>; name: string; tags: Map<string, string> } => {
    const [only, ...others] = endpoint.groups.values();
    expect(others).toEqual([]);
    if (only === undefined) throw new Error('there is no group');
    return only;
  };
  const ask = { build: 'main-x/bd_1', spec };

  test('lets in SSH from private networks alone, unless something else is set', async () => {
    await (await shared()).prepare(ask, never);
    expect([...group().rules]).toEqual(['tcp 22-22 10.0.0.0/8', 'tcp 22-22 172.16.0.0/12', 'tcp 22-22 192.168.0.0/16']);
    await (await shared({ sshFrom: ['0.0.0.0/0', 'fd00::/8'] })).prepare({ ...ask, build: 'b' }, never);
    expect([...(endpoint.groups.values().toArray()[1]?.rules ?? [])]).toEqual([
      'tcp 22-22 0.0.0.0/0',
      'tcp 22-22 fd00::/8',
    ]);
    await (await shared({ sshFrom: [] })).prepare({ ...ask, build: 'c' }, never);
    expect(endpoint.groups.values().toArray()[2]?.rules.size).toBe(0);
    expect(await thrown((await shared({ sshFrom: ['here'] })).prepare({ ...ask, build: 'd' }, never))).toMatchObject({
      verdict: 'give up',
    });
  });

  test('is tagged as it is made, with our tag and those that are set', async () => {
    await (await shared({ tags: { team: 'ci' } })).prepare(ask, never);
    expect(Object.fromEntries(group().tags)).toEqual({ 'signalbox:build': 'main-x/bd_1', team: 'ci' });
    expect(endpoint.asked('CreateTags')).toEqual([]);
  });

  test('is none where the build names one', async () => {
    const named = { ...spec, securityGroup: 'sg-00000001' };
    expect(await (await shared()).prepare({ ...ask, spec: named }, never)).toEqual({});
    expect(endpoint.requests).toEqual([]);
  });

  test.each([
    ['the default one', {}, {}, 'vpc-00000001'],
    ['that of the first subnet', { subnets: [elsewhere ?? ''] }, {}, 'vpc-00000002'],
    ['the one that is set', { subnets: [subnetA ?? ''], vpc: 'vpc-00000002' }, {}, 'vpc-00000002'],
    ['that of the build’s own subnet', { vpc: 'vpc-00000001' }, { subnet: elsewhere }, 'vpc-00000002'],
  ])('is of a VPC: %s', async (_, options: Ec2Options, change: object, vpc) => {
    const things = await shared(options);
    const prepared = await things.prepare({ ...ask, spec: { ...spec, ...change } }, never);
    expect(group().vpc).toBe(vpc);
    expect(await things.prepare({ ...ask, spec: { ...spec, ...change } }, never)).toEqual(prepared);
  });

  test.each([
    'CreateSecurityGroup',
    'AuthorizeSecurityGroupIngress',
  ])('is the same one when the answer to %s is lost', async (action) => {
    switchOn({ action, when: 'after', how: 'cut' });
    const things = await shared();
    expect(await thrown(things.prepare(ask, never))).toMatchObject({ verdict: 'again' });
    expect(await things.prepare(ask, never)).toEqual({ group: [...endpoint.groups.keys()][0] });
    expect(group().rules.size).toBe(3);
  });

  test('gets the rules that it lacks', async () => {
    await (await shared({ sshFrom: ['172.16.0.0/12'] })).prepare(ask, never);
    await (await shared()).prepare(ask, never);
    expect(group().rules.size).toBe(3);
  });

  test('is waited for where EC2 does not know it yet', async () => {
    endpoint.switches.groupLag = 2;
    const things = await shared();
    const rules = await thrown(things.prepare(ask, never));
    const listing = await thrown(things.prepare(ask, never));
    for (const error of [rules, listing]) expect(error).toMatchObject({ verdict: 'again' });
    expect([rules.message, listing.message]).toEqual([
      expect.stringMatching(/not known everywhere yet/),
      expect.stringMatching(/not listed yet/),
    ]);
    expect(await things.prepare(ask, never)).toEqual({ group: [...endpoint.groups.keys()][0] });
    expect(group().rules.size).toBe(3);
  });

  test('is never somebody else’s of the same name', async () => {
    await (await shared()).prepare(ask, never);
    group().tags.clear();
    expect(await thrown((await shared()).prepare(ask, never))).toMatchObject({ verdict: 'again' });
    expect(await (await shared()).list(never)).toEqual([]);
  });

  test('is another one in each VPC', async () => {
    const things = await shared();
    const there = { ...spec, subnet: elsewhere ?? '' };
    const [here, other] = [await things.prepare(ask, never), await things.prepare({ ...ask, spec: there }, never)];
    expect(other).not.toEqual(here);
    expect(await things.prepare({ ...ask, spec: there }, never)).toEqual(other);
    expect(await things.prepare({ ...ask, spec: { ...spec, subnet: subnetB ?? '' } }, never)).toEqual(here);
  });

  test('is listed on all pages, and once', async () => {
    const things = await shared();
    endpoint.switches.pageSize = 1;
    for (const build of ['a/1', 'a/2', 'b/1']) await things.prepare({ build, spec }, never);
    expect((await things.list(never)).map(({ build }) => build)).toEqual(['a/1', 'a/2', 'b/1']);
  });

  test('has a name that EC2 takes, of any build', async () => {
    const builds = [
      'main-x/bd_1',
      'main-x/BD_1',
      'main-x/ü',
      'main-x/ö',
      'x'.repeat(240),
      `${'x'.repeat(240)}y`,
      'a"b\n<c>',
      ...['a*', 'a?', 'a\\*'],
    ];
    const things = await shared();
    const prepared = [];
    for (const build of builds) prepared.push(await things.prepare({ build, spec }, never));
    expect((await things.list(never)).length).toBe(builds.length);
    for (const [at, build] of builds.entries())
      expect(await things.prepare({ build, spec }, never)).toEqual(prepared[at]);
    expect(groupName('main-x/bd_1')).toMatch(/^signalbox main-x\/bd_1 [0-9a-f]{12}$/);
  });
});

describe('settings that are missing or wrong', () => {
  const failing = async (change: Record<string, string | undefined>): Promise<DriverError> => {
    for (const [name, value] of Object.entries(change)) vi.stubEnv(name, value);
    return thrown((await open()).create(askOf(), never));
  };

  test('are told by the first ask, and not before', async () => {
    const noKey = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined };
    expect(await failing(noKey)).toMatchObject({
      verdict: 'give up',
      message: expect.stringMatching(/^there are no AWS credentials to ask EC2 with: /),
    });
  });

  test.each([
    [{ AWS_REGION: undefined }, /in which region to ask EC2: set AWS_REGION/],
    [{ AWS_ENDPOINT_URL_EC2: 'nonsense' }, /AWS_ENDPOINT_URL_EC2.* is wrong/],
    [{ AWS_PROFILE: 'nobody', AWS_ACCESS_KEY_ID: undefined }, /^there are no AWS credentials/],
    [{ AWS_REGION: 'eu nowhere' }, /^AWS_REGION is wrong: .*eu nowhere/],
    [
      { AWS_WEB_IDENTITY_TOKEN_FILE: '/nowhere', AWS_ROLE_ARN: 'arn:aws:iam::1:role/x', AWS_ACCESS_KEY_ID: undefined },
      /^the AWS credentials cannot be read: .*nowhere/,
    ],
  ])('%j is said so', async (change, message) => {
    const error = await failing(change);
    expect(error).toMatchObject({ verdict: 'give up', message: expect.stringMatching(message) });
    expect(endpoint.requests).toEqual([]);
  });

  test('have been right once EC2 has answered: what is missing then will pass', () => {
    const missing = Object.assign(new Error('Could not load credentials'), { name: 'CredentialsProviderError' });
    const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND ec2.eu-x'), { code: 'ENOTFOUND' });
    for (const error of [missing, unknown])
      expect([false, true].map((hasAnswered) => driverError('x', error, hasAnswered).verdict)).toEqual([
        'give up',
        'again',
      ]);
  });

  test('have been right: credentials that cannot be renewed just now will be', async () => {
    const keys = { AccessKeyId: 'AKIATEST', SecretAccessKey: 'b', Token: 't', Expiration: new Date(0).toISOString() };
    const agent = createServer((_, response) => void response.end(JSON.stringify(keys))).listen(0, '127.0.0.1');
    await once(agent, 'listening');
    const { port } = agent.address() as AddressInfo;
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `http://127.0.0.1:${port}/keys`);
    const driver = await open();
    expect(await driver.list(never)).toEqual([]);
    agent.closeAllConnections();
    await new Promise((resolve) => agent.close(resolve));
    expect(await thrown(driver.list(never))).toMatchObject({
      verdict: 'again',
      message: expect.stringMatching(/no AWS credentials/),
    });
  });

  test('of the clock are mended by the SDK, and asked again', () => {
    const skewed = {
      name: 'AuthFailure',
      $fault: 'client',
      $metadata: { httpStatusCode: 401, clockSkewCorrected: true },
    };
    expect(driverError('x', Object.assign(new Error('late'), skewed), false).verdict).toBe('again');
  });
});
