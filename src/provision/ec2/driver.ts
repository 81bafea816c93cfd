// The driver `ec2`. What always holds, beside the contract of drivers:
//   - a machine carries our tags from its first moment on, so that none is ever made that nobody would find again (B3);
//   - it answers its metadata service only to whoever has a session token (IMDSv2);
//   - EC2 is behind itself: of what was made just now it may say that there is no such thing. What this driver has made is there
//     until EC2 has shown it once.

import {
  DescribeInstancesCommand,
  type DescribeInstancesCommandInput,
  type Instance,
  paginateDescribeInstances,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import type { BuildSpec, Facts } from '../../core/rows.ts';
import { type CreateAsk, type Driver, DriverError, type Made } from '../driver.ts';
import { Cloud, stated } from './cloud.ts';
import { codeOf } from './errors.ts';
import { Ec2Groups, groupNotThere } from './groups.ts';
import { Ec2Images } from './images.ts';
import type { Ec2Patience, Ec2Settings } from './options.ts';
import { instanceTag, machineTags, tagged, tagOf } from './tags.ts';

const pageSize = 500;
/** Of those that EC2 has not shown yet. */
const rememberAtMost = 1_000;
const notThere = new Set(['InvalidInstanceID.NotFound', 'InvalidInstanceID.Malformed']);
/** What costs something, or may again. */
const alive = ['pending', 'running', 'stopping', 'stopped'];

export class Ec2Driver implements Driver {
  readonly name = 'ec2';
  readonly images: Ec2Images;
  readonly shared: Ec2Groups;
  readonly #cloud: Cloud;
  readonly #settings: Ec2Settings;
  readonly #unseen = new Map<string, Made>();

  constructor(settings: Ec2Settings, patience: Ec2Patience) {
    this.#cloud = new Cloud(patience);
    this.#settings = settings;
    this.images = new Ec2Images(this.#cloud);
    this.shared = new Ec2Groups(this.#cloud, settings);
  }

  choices(spec: BuildSpec): number {
    return this.#choicesOf(spec).length;
  }

  async create(ask: CreateAsk, signal: AbortSignal): Promise<Made> {
    const asked = this.#launchOf(ask);
    try {
      const { Instances } = await this.#cloud.launch('RunInstances', signal, (client, options) =>
        client.send(new RunInstancesCommand(asked), options),
      );
      const made = stated(madeOf(stated(Instances?.[0]), ask.instance) ?? undefined);
      this.#remember(made);
      return made;
    } catch (error) {
      return this.#otherwise(ask, error, signal);
    }
  }

  async get(cloudId: string, signal: AbortSignal): Promise<Made | null> {
    try {
      const [instance] = await this.#describe({ InstanceIds: [cloudId] }, signal);
      if (instance !== undefined) return isAlive(instance) ? madeOf(instance, null) : null;
    } catch (error) {
      if (!notThere.has(codeOf(error) ?? '')) throw error;
    }
    return this.#unseen.get(cloudId) ?? null;
  }

  async find(instance: string, signal: AbortSignal): Promise<Made | null> {
    const found = await this.#living([{ Name: `tag:${instanceTag}`, Values: [instance] }], signal);
    // In a filter some signs stand for others.
    const known = found.find((made) => made.instance === instance);
    return known ?? this.#unseen.values().find((made) => made.instance === instance) ?? null;
  }

  list(signal: AbortSignal): Promise<readonly Made[]> {
    return this.#living([{ Name: 'tag-key', Values: [instanceTag] }], signal);
  }

  async delete(cloudId: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#cloud.ask('TerminateInstances', signal, (client, options) =>
        client.send(new TerminateInstancesCommand({ InstanceIds: [cloudId] }), options),
      );
    } catch (error) {
      if (!notThere.has(codeOf(error) ?? '')) throw error;
      // It is there, and EC2 does not know it yet.
      if (this.#unseen.has(cloudId))
        throw new DriverError('again', `${cloudId} was just made, and is not known everywhere yet`, { cause: error });
    }
    this.#unseen.delete(cloudId);
  }

  /** The type that is wanted in each place, then the other types. */
  #choicesOf(spec: BuildSpec): { type: string; subnet: string | null }[] {
    const { fallbackTypes, subnets } = this.#settings;
    const others = Object.hasOwn(fallbackTypes, spec.instanceType) ? (fallbackTypes[spec.instanceType] ?? []) : [];
    const places = spec.subnet !== null ? [spec.subnet] : subnets.length > 0 ? subnets : [null];
    return [...new Set([spec.instanceType, ...others])].flatMap((type) => places.map((subnet) => ({ type, subnet })));
  }

  /** The same for the same ask: whatever differs is refused together with its token. */
  #launchOf(ask: CreateAsk): RunInstancesCommandInput {
    const { spec, image, prepared, userData } = ask;
    const { keyName, instanceProfile, tags } = this.#settings;
    const choice = this.#choicesOf(spec)[ask.choice];
    if (choice === undefined)
      throw new DriverError('give up', `there is no choice ${ask.choice} of type and subnet for ${spec.instanceType}`);
    if (image === null)
      throw new DriverError('give up', 'a machine of EC2 needs an image: name one, or tag one with its role');
    const group = spec.securityGroup ?? prepared.group;
    return {
      ...{ MinCount: 1, MaxCount: 1, ClientToken: ask.token, ImageId: image },
      InstanceType: choice.type as RunInstancesCommandInput['InstanceType'] & string,
      MetadataOptions: { HttpEndpoint: 'enabled', HttpTokens: 'required' },
      TagSpecifications: tagged({ ...tags, ...machineTags(ask) }, 'instance', 'volume'),
      ...(choice.subnet === null ? {} : { SubnetId: choice.subnet }),
      ...(group === undefined ? {} : { SecurityGroupIds: [group] }),
      ...(userData === null ? {} : { UserData: Buffer.from(userData, 'utf8').toString('base64') }),
      ...(keyName === null ? {} : { KeyName: keyName }),
      ...(instanceProfile === null ? {} : { IamInstanceProfile: profileOf(instanceProfile) }),
    };
  }

  /** Of a launch that was refused: the machine after all, or what to do. */
  async #otherwise(ask: CreateAsk, error: unknown, signal: AbortSignal): Promise<Made> {
    const code = codeOf(error) ?? '';
    if (groupNotThere.has(code) && ask.spec.securityGroup === null)
      throw new DriverError(
        'again',
        'RunInstances: the security group was just made, and is not known everywhere yet',
        {
          cause: error,
        },
      );
    if (code !== 'IdempotentParameterMismatch') throw error;
    // With this token something was launched before, as it was asked for then: other settings, or another script, since. That is
    // the machine of this ask. Where it is not to be seen, it may be so only for now: nobody can say that nothing was made.
    const known = await this.find(ask.instance, signal);
    if (known !== null) return known;
    throw new DriverError('again', `RunInstances: something else was launched with the token of ${ask.instance}`, {
      cause: error,
    });
  }

  async #living(filters: NonNullable<DescribeInstancesCommandInput['Filters']>, signal: AbortSignal): Promise<Made[]> {
    const asked = { Filters: [...filters, { Name: 'instance-state-name', Values: alive }] };
    return (await this.#describe(asked, signal)).flatMap((instance) => madeOf(instance, null) ?? []);
  }

  async #describe(asked: DescribeInstancesCommandInput, signal: AbortSignal): Promise<Instance[]> {
    const found = await this.#cloud.ask('DescribeInstances', signal, async (client, options) => {
      // By id there are no pages.
      if (asked.InstanceIds !== undefined)
        return instancesOf(await client.send(new DescribeInstancesCommand(asked), options));
      const all: Instance[] = [];
      for await (const page of paginateDescribeInstances({ client, pageSize }, asked, options))
        all.push(...instancesOf(page));
      return all;
    });
    for (const { InstanceId } of found) this.#unseen.delete(InstanceId ?? '');
    return found;
  }

  #remember(made: Made): void {
    this.#unseen.set(made.cloudId, made);
    const [oldest] = this.#unseen.keys();
    if (this.#unseen.size > rememberAtMost && oldest !== undefined) this.#unseen.delete(oldest);
  }
}

function instancesOf({ Reservations }: { Reservations?: { Instances?: Instance[] }[] }): Instance[] {
  return stated(Reservations).flatMap(({ Instances = [] }) => Instances);
}

function isAlive({ State }: Instance): boolean {
  return alive.includes(State?.Name ?? '');
}

/** `asked`: our id of it, where it is known without its tag. What has no tag of ours is none of ours. */
function madeOf(instance: Instance, asked: string | null): Made | null {
  const ours = tagOf(instance.Tags, instanceTag) ?? asked;
  return instance.InstanceId === undefined || ours === null
    ? null
    : { cloudId: instance.InstanceId, instance: ours, facts: factsOf(instance) };
}

function factsOf(instance: Instance): Facts {
  const facts = {
    ip: instance.PublicIpAddress ?? instance.Ipv6Address,
    privateIp: instance.PrivateIpAddress,
    type: instance.InstanceType,
    image: instance.ImageId,
    zone: instance.Placement?.AvailabilityZone,
    launchTime: instance.LaunchTime?.toISOString(),
    subnet: instance.SubnetId,
    group: instance.SecurityGroups?.[0]?.GroupId,
  };
  const known = Object.entries(facts).filter(
    (fact): fact is [string, string] => fact[1] !== undefined && fact[1] !== '',
  );
  return Object.fromEntries(known);
}

function profileOf(profile: string): { Arn: string } | { Name: string } {
  return profile.startsWith('arn:') ? { Arn: profile } : { Name: profile };
}
