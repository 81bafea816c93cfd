// The security group of a build: made before the first of its machines, and known again by its name and tag however often it is
// asked for. What always holds: it carries our tag from its first moment on (B6), and lets in nothing but TCP 22 from where that
// is allowed.

import { createHash } from 'node:crypto';
import {
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DeleteSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  type Filter,
  type IpPermission,
  paginateDescribeSecurityGroups,
} from '@aws-sdk/client-ec2';
import type { BuildSpec, Facts } from '../../core/rows.ts';
import { DriverError, type SharedThing, type SharedThings } from '../driver.ts';
import { type Cloud, stated } from './cloud.ts';
import { codeOf } from './errors.ts';
import type { Ec2Settings } from './options.ts';
import { buildTag, tagged, tagOf } from './tags.ts';

const pageSize = 500;
const ssh = 22;
/** EC2 takes some more in a name; * in a filter stands for anything. */
const notInNames = /[^\w .:/()#,@[\]+=&;{}!$-]/g;
const readableAtMost = 180;
export const groupNotThere = new Set([
  ...[
    'InvalidGroup.NotFound',
    'InvalidGroupId.Malformed',
    'InvalidGroupId.NotFound',
    'InvalidSecurityGroupID.NotFound',
  ],
]);

export class Ec2Groups implements SharedThings {
  readonly #cloud: Cloud;
  readonly #settings: Ec2Settings;

  constructor(cloud: Cloud, settings: Ec2Settings) {
    this.#cloud = cloud;
    this.#settings = settings;
  }

  async prepare(
    { build, spec }: { readonly build: string; readonly spec: BuildSpec },
    signal: AbortSignal,
  ): Promise<Facts> {
    if (spec.securityGroup !== null) return {};
    const vpc = await this.#vpcOf(spec, signal);
    const group = await this.#make(build, vpc, signal);
    // Each time: whoever made it may have died before it came to this.
    await this.#letIn(group, signal);
    return { group };
  }

  list(signal: AbortSignal): Promise<readonly SharedThing[]> {
    const asked = { Filters: [{ Name: 'tag-key', Values: [buildTag] }] };
    return this.#cloud.ask('DescribeSecurityGroups', signal, async (client, options) => {
      const found: SharedThing[] = [];
      for await (const page of paginateDescribeSecurityGroups({ client, pageSize }, asked, options))
        for (const { GroupId, Tags } of stated(page.SecurityGroups)) {
          const build = tagOf(Tags, buildTag);
          if (GroupId !== undefined && build !== null) found.push({ id: GroupId, build });
        }
      return found;
    });
  }

  async delete(id: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#cloud.ask('DeleteSecurityGroup', signal, (client, options) =>
        client.send(new DeleteSecurityGroupCommand({ GroupId: id }), options),
      );
    } catch (error) {
      if (!groupNotThere.has(codeOf(error) ?? '')) throw error;
    }
  }

  /** A group serves one VPC alone. null: the default one. */
  async #vpcOf(spec: BuildSpec, signal: AbortSignal): Promise<string | null> {
    if (spec.subnet === null && this.#settings.vpc !== null) return this.#settings.vpc;
    const subnet = spec.subnet ?? this.#settings.subnets[0];
    if (subnet === undefined) return null;
    const { Subnets } = await this.#cloud.ask('DescribeSubnets', signal, (client, options) =>
      client.send(new DescribeSubnetsCommand({ SubnetIds: [subnet] }), options),
    );
    return stated(stated(Subnets)[0]?.VpcId);
  }

  async #make(build: string, vpc: string | null, signal: AbortSignal): Promise<string> {
    const name = groupName(build);
    const asked = {
      GroupName: name,
      Description: 'Made by Signalbox for the machines of a build',
      TagSpecifications: tagged({ ...this.#settings.tags, [buildTag]: build }, 'security-group'),
      ...(vpc === null ? {} : { VpcId: vpc }),
    };
    try {
      const { GroupId } = await this.#cloud.ask('CreateSecurityGroup', signal, (client, options) =>
        client.send(new CreateSecurityGroupCommand(asked), options),
      );
      return stated(GroupId);
    } catch (error) {
      if (codeOf(error) !== 'InvalidGroup.Duplicate') throw error;
      return this.#known(name, build, vpc, signal);
    }
  }

  /** The one that was made by an earlier ask. */
  async #known(name: string, build: string, vpc: string | null, signal: AbortSignal): Promise<string> {
    const filters: Filter[] = [
      { Name: 'group-name', Values: [name] },
      ...(vpc === null ? [] : [{ Name: 'vpc-id', Values: [vpc] }]),
    ];
    const { SecurityGroups } = await this.#cloud.ask('DescribeSecurityGroups', signal, (client, options) =>
      client.send(new DescribeSecurityGroupsCommand({ Filters: filters }), options),
    );
    // Somebody else's group of this name is not for us.
    const group = stated(SecurityGroups).find(({ Tags }) => tagOf(Tags, buildTag) === build)?.GroupId;
    if (group === undefined) throw new DriverError('again', `the security group ${name} is there, but not listed yet`);
    return group;
  }

  async #letIn(group: string, signal: AbortSignal): Promise<void> {
    const rules = this.#settings.sshFrom.map(sshRule);
    if (rules.length === 0 || (await this.#authorize(group, rules, signal)) === 'done') return;
    // Of several none is added when one is there already.
    for (const rule of rules) await this.#authorize(group, [rule], signal);
  }

  async #authorize(group: string, rules: IpPermission[], signal: AbortSignal): Promise<'done' | 'some were there'> {
    try {
      await this.#cloud.ask('AuthorizeSecurityGroupIngress', signal, (client, options) =>
        client.send(new AuthorizeSecurityGroupIngressCommand({ GroupId: group, IpPermissions: rules }), options),
      );
      return 'done';
    } catch (error) {
      const code = codeOf(error) ?? '';
      if (code === 'InvalidPermission.Duplicate') return 'some were there';
      if (!groupNotThere.has(code)) throw error;
      throw new DriverError('again', `the security group ${group} was just made, and is not known everywhere yet`, {
        cause: error,
      });
    }
  }
}

/** EC2 does not tell names apart that differ in case alone, and refuses some characters: the end tells them apart. */
export function groupName(build: string): string {
  const end = createHash('sha256').update(build).digest('hex').slice(0, 12);
  return `signalbox ${build.replace(notInNames, '-').slice(0, readableAtMost)} ${end}`;
}

function sshRule(from: string): IpPermission {
  const range = from.includes(':') ? { Ipv6Ranges: [{ CidrIpv6: from }] } : { IpRanges: [{ CidrIp: from }] };
  return { IpProtocol: 'tcp', FromPort: ssh, ToPort: ssh, ...range };
}
