// EC2, as far as Signalbox asks it: an HTTP server that speaks the Query protocol to the real SDK, keeps all in memory, and has
// faults that can be switched on. What it refuses, it refuses with the codes and the status of EC2. In tests: startEc2Endpoint().
// For a shell: `node test/provision/ec2-endpoint.ts --port 4599` prints its URL; `GET /state` shows what is there, and
// `PUT /switches` with some of the switches as JSON changes them.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';

export interface FakeInstance {
  readonly id: string;
  readonly token: string | null;
  readonly type: string;
  readonly image: string;
  readonly subnet: string;
  readonly groups: readonly string[];
  readonly keyName: string | null;
  /** Name or ARN. */
  readonly profile: string | null;
  readonly userData: Buffer | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: Map<string, string>;
  readonly volumeTags: ReadonlyMap<string, string>;
  readonly launchTime: string;
  state: 'pending' | 'running' | 'shutting-down' | 'terminated' | 'stopping' | 'stopped';
  /** Answers of which it is left out still. */
  unlisted: number;
  /** Looks until it is terminated. */
  shutdown: number;
}

export interface FakeGroup {
  readonly id: string;
  readonly name: string;
  readonly vpc: string;
  readonly tags: Map<string, string>;
  /** `tcp 22-22 10.0.0.0/8`. */
  readonly rules: Set<string>;
  unlisted: number;
}

export interface FakeImage {
  readonly id: string;
  readonly owner: 'self' | 'amazon';
  readonly name: string;
  readonly tags: Map<string, string>;
  state: string;
  readonly createdAt: string;
}

export interface Fault {
  /** Which question: RunInstances. */
  readonly action: string;
  /** `after`: it is done, and its answer is lost. Default `before`. */
  readonly when?: 'before' | 'after';
  /** `hang`: no answer ever. `cut`: the connection ends. `garbage`: 200 and no XML. Else an error of EC2. */
  readonly how:
    | 'hang'
    | 'cut'
    | 'garbage'
    | 'empty'
    | { readonly status: number; readonly code: string; readonly message?: string };
  /** How often; default 1. */
  times?: number;
}

export interface Switches {
  /** Taken in their order. */
  faults: Fault[];
  /** Types, or `type@subnet`, of which there are none: the code that says so. */
  noRoom: Record<string, string>;
  /** How many answers know nothing of an instance that was just made. */
  instanceLag: number;
  /** How many answers know nothing of a group that was just made. */
  groupLag: number;
  /** How many looks at an instance that was terminated still show it shutting down, and in its group. */
  shutdownLag: number;
  /** At most this many in one answer. */
  pageSize: number;
  /** The only access key that is right; null: any. */
  accessKey: string | null;
}

export interface Request {
  readonly action: string;
  readonly params: Readonly<Record<string, string>>;
}

const defaults: Switches = {
  ...{ faults: [], noRoom: {}, instanceLag: 0, groupLag: 0, shutdownLag: 0, pageSize: 1000, accessKey: null },
};
const namespace = 'http://ec2.amazonaws.com/doc/2016-11-15/';
const idPattern = /^[a-z]+-[0-9a-f]{8}(?:[0-9a-f]{9})?$/;
const userDataAtMost = 16_384;

class Refusal extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

type Params = Readonly<Record<string, string>>;

export class Ec2Endpoint {
  readonly switches: Switches = structuredClone(defaults);
  readonly instances = new Map<string, FakeInstance>();
  readonly groups = new Map<string, FakeGroup>();
  readonly images = new Map<string, FakeImage>();
  /** Subnets, and the VPC and the zone of each. The first one is the default. */
  readonly subnets = new Map([
    ['subnet-0000000a', { vpc: 'vpc-00000001', zone: 'eu-test-1a' }],
    ['subnet-0000000b', { vpc: 'vpc-00000001', zone: 'eu-test-1b' }],
    ['subnet-0000000c', { vpc: 'vpc-00000002', zone: 'eu-test-1a' }],
  ]);
  readonly requests: Request[] = [];
  readonly #launches = new Map<string, { asked: string; id: string }>();
  readonly #server: Server;
  #made = 0;
  url = '';

  constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.addImage({ id: 'ami-00000001', tags: { role: 'worker' } });
  }

  async listen(port: number): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  addImage(image: Partial<Omit<FakeImage, 'tags'>> & { id: string; tags?: Record<string, string> }): FakeImage {
    const { tags = {}, ...rest } = image;
    const row = {
      owner: 'self',
      name: image.id,
      state: 'available',
      createdAt: '2026-01-01T00:00:00.000Z',
      ...rest,
    } as const;
    const made: FakeImage = { ...row, tags: new Map(Object.entries(tags)) };
    this.images.set(made.id, made);
    return made;
  }

  /** What costs something. */
  get alive(): FakeInstance[] {
    return [...this.instances.values()].filter(({ state }) => state !== 'terminated' && state !== 'shutting-down');
  }

  asked(action: string): Params[] {
    return this.requests.filter((request) => request.action === action).map(({ params }) => params);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    if (request.url === '/state') return void response.end(JSON.stringify(this.#state(), null, 2));
    if (request.url === '/switches') {
      Object.assign(this.switches, JSON.parse(body));
      return void response.end(JSON.stringify(this.switches));
    }
    const { Action: action = '', Version, ...params } = Object.fromEntries(new URLSearchParams(body));
    this.requests.push({ action, params });
    const fault = this.#faultOf(action);
    try {
      if (fault !== null && fault.when !== 'after') return failBy(fault, request, response);
      this.#authorize(request.headers.authorization);
      const answer = this.#answer(action, params);
      if (fault !== null) return failBy(fault, request, response);
      const xml = element(`${action}Response`, { requestId: `req-${this.requests.length}`, ...answer });
      answerWith(response, 200, xml.replace('Response>', `Response xmlns="${namespace}">`));
    } catch (error) {
      if (error instanceof Refusal) answerWith(response, error.status, errorOf(error.code, error.message));
      else answerWith(response, 500, errorOf('InternalError', String((error as Error).stack)));
    }
  }

  #faultOf(action: string): Fault | null {
    const { faults } = this.switches;
    const at = faults.findIndex((each) => each.action === action);
    const fault = faults[at];
    if (fault === undefined) return null;
    fault.times = (fault.times ?? 1) - 1;
    if (fault.times <= 0) faults.splice(at, 1);
    return fault;
  }

  #authorize(header: string | undefined): void {
    const key = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/[^/]+\/ec2\/aws4_request, /.exec(header ?? '')?.[1];
    if (key === undefined)
      throw new Refusal('MissingAuthenticationToken', 'Request is missing Authentication Token', 403);
    const { accessKey } = this.switches;
    if (accessKey !== null && key !== accessKey)
      throw new Refusal('AuthFailure', 'AWS was not able to validate the provided access credentials', 401);
  }

  #answer(action: string, params: Params): Tree {
    switch (action) {
      case 'RunInstances':
        return this.#run(params);
      case 'DescribeInstances':
        return this.#describeInstances(params);
      case 'TerminateInstances':
        return this.#terminate(params);
      case 'DescribeImages':
        return this.#describeImages(params);
      case 'DescribeSubnets':
        return this.#describeSubnets(params);
      case 'CreateSecurityGroup':
        return this.#createGroup(params);
      case 'AuthorizeSecurityGroupIngress':
        return this.#letIn(params);
      case 'DescribeSecurityGroups':
        return this.#describeGroups(params);
      case 'DeleteSecurityGroup':
        return this.#deleteGroup(params);
      case 'CreateTags':
        return this.#tag(params);
      default:
        throw new Refusal('InvalidAction', `The action ${action} is not valid for this web service.`);
    }
  }

  // --- instances

  #run(params: Params): Tree {
    const { ClientToken: token = null, ...asked } = params;
    const fingerprint = createHash('sha256')
      .update(JSON.stringify(Object.entries(asked).sort()))
      .digest('hex');
    if (token !== null) {
      if (token.length > 64) throw new Refusal('InvalidParameterValue', 'Value for clientToken is longer than 64');
      const known = this.#launches.get(token);
      if (known !== undefined && known.asked !== fingerprint)
        throw new Refusal(
          'IdempotentParameterMismatch',
          'The client token you have provided is associated with a resource that is already deleted, or arguments on this request ' +
            'are inconsistent with arguments used in previous requests using this client token.',
        );
      if (known !== undefined) return this.#reservation(this.#instance(known.id));
    }
    if (asked.MinCount !== '1' || asked.MaxCount !== '1')
      throw new Refusal('InvalidParameterValue', 'one at a time here');
    const { InstanceType: type = 'm1.small', ImageId: image = '' } = asked;
    const subnet = asked.SubnetId ?? [...this.subnets.keys()][0] ?? '';
    if (!/^[a-z][a-z0-9-]*\.[a-z0-9-]+$/.test(type))
      throw new Refusal('InvalidParameterValue', `Invalid value '${type}' for InstanceType.`);
    this.#image(image);
    const vpc = this.#subnet(subnet).vpc;
    const groups = listOf(asked, 'SecurityGroupId').map((id) => this.#group(id));
    for (const group of groups) {
      if (isHidden(group)) throw noGroup(group.id);
      if (group.vpc !== vpc)
        throw new Refusal(
          'InvalidParameter',
          `Security group ${group.id} and subnet ${subnet} belong to different networks.`,
        );
    }
    const userData = asked.UserData === undefined ? null : Buffer.from(asked.UserData, 'base64');
    if (userData !== null && userData.toString('base64') !== asked.UserData)
      throw new Refusal('InvalidParameterValue', 'Invalid BASE64 encoding of user data');
    if (userData !== null && userData.length > userDataAtMost)
      throw new Refusal('InvalidParameterValue', 'User data is limited to 16384 bytes');
    const code = this.switches.noRoom[`${type}@${subnet}`] ?? this.switches.noRoom[type];
    if (code !== undefined)
      throw new Refusal(
        code,
        `We currently do not have sufficient ${type} capacity here.`,
        code.startsWith('Insufficient') ? 500 : 400,
      );
    const instance: FakeInstance = {
      ...{ id: this.#newId('i'), token, type, image, subnet, userData, groups: groups.map(({ id }) => id) },
      keyName: asked.KeyName ?? null,
      profile: asked['IamInstanceProfile.Name'] ?? asked['IamInstanceProfile.Arn'] ?? null,
      metadata: under(asked, 'MetadataOptions.'),
      tags: tagsOf(asked, 'instance'),
      volumeTags: tagsOf(asked, 'volume'),
      ...{ launchTime: new Date().toISOString(), state: 'pending', unlisted: this.switches.instanceLag, shutdown: 0 },
    };
    this.instances.set(instance.id, instance);
    if (token !== null) this.#launches.set(token, { asked: fingerprint, id: instance.id });
    return this.#reservation(instance);
  }

  #describeInstances(params: Params): Tree {
    const ids = listOf(params, 'InstanceId');
    if (ids.length > 0) {
      const found = ids.map((id) => this.#instance(id));
      for (const instance of found) if (isHidden(instance)) throw noInstance(instance.id);
      return { reservationSet: found.map((instance) => this.#reservation(this.#looked(instance))) };
    }
    const listed = [...this.instances.values()].filter((instance) => !isHidden(instance));
    const wanted = filterOf<FakeInstance>(params, {
      'instance-state-name': ({ state }) => state,
      'client-token': ({ token }) => token ?? '',
      'instance.group-id': ({ groups }) => groups[0] ?? '',
    });
    return this.#page('reservationSet', listed.map((each) => this.#looked(each)).filter(wanted), params, (instance) =>
      this.#reservation(instance),
    );
  }

  /** Time passes by being looked at. */
  #looked(instance: FakeInstance): FakeInstance {
    if (instance.state === 'pending') instance.state = 'running';
    else if (instance.state === 'shutting-down' && instance.shutdown-- <= 0) instance.state = 'terminated';
    return instance;
  }

  #terminate(params: Params): Tree {
    const found = listOf(params, 'InstanceId').map((id) => this.#instance(id));
    for (const instance of found) if (isHidden(instance)) throw noInstance(instance.id);
    for (const instance of found) {
      if (instance.state === 'terminated' || instance.state === 'shutting-down') continue;
      instance.shutdown = this.switches.shutdownLag;
      instance.state = instance.shutdown > 0 ? 'shutting-down' : 'terminated';
    }
    return { instancesSet: found.map(({ id, state }) => ({ instanceId: id, currentState: { name: state } })) };
  }

  #instance(id: string): FakeInstance {
    if (!idPattern.test(id)) throw new Refusal('InvalidInstanceID.Malformed', `Invalid id: "${id}"`);
    const instance = this.instances.get(id);
    if (instance === undefined) throw noInstance(id);
    return instance;
  }

  #reservation(instance: FakeInstance): Tree {
    const { id, type, image, subnet, groups, state, tags, launchTime } = instance;
    const isOn = state === 'running';
    const host = Number.parseInt(id.slice(-2), 16);
    const shown: Tree = {
      ...{
        instanceId: id,
        imageId: image,
        instanceType: type,
        launchTime,
        subnetId: subnet,
        instanceState: { name: state },
      },
      privateIpAddress: `10.0.0.${host}`,
      ...(isOn ? { ipAddress: `203.0.113.${host}` } : {}),
      placement: { availabilityZone: this.#subnet(subnet).zone },
      groupSet: groups.map((group) => ({ groupId: group, groupName: this.groups.get(group)?.name ?? '' })),
      tagSet: tagSet(tags),
    };
    return { reservationId: `r-${id.slice(2)}`, ownerId: '000000000001', instancesSet: [shown] };
  }

  // --- images and subnets

  #describeImages(params: Params): Tree {
    const ids = listOf(params, 'ImageId');
    const owners = listOf(params, 'Owner');
    const found = ids.length > 0 ? ids.map((id) => this.#image(id)) : [...this.images.values()];
    const wanted = filterOf<FakeImage>(params, { state: ({ state }) => state });
    const owned = found.filter(({ owner }) => owners.length === 0 || owners.includes(owner));
    return this.#page('imagesSet', owned.filter(wanted), params, ({ id, name, state, createdAt, tags }) => ({
      ...{ imageId: id, name, imageState: state, creationDate: createdAt, tagSet: tagSet(tags) },
    }));
  }

  #image(id: string): FakeImage {
    if (!idPattern.test(id)) throw new Refusal('InvalidAMIID.Malformed', `Invalid id: "${id}"`);
    const image = this.images.get(id);
    if (image === undefined) throw new Refusal('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`);
    return image;
  }

  #describeSubnets(params: Params): Tree {
    const shown = listOf(params, 'SubnetId').map((id) => ({ subnetId: id, vpcId: this.#subnet(id).vpc }));
    return { subnetSet: shown };
  }

  #subnet(id: string): { vpc: string; zone: string } {
    const subnet = this.subnets.get(id);
    if (subnet === undefined) throw new Refusal('InvalidSubnetID.NotFound', `The subnet ID '${id}' does not exist`);
    return subnet;
  }

  // --- security groups

  #createGroup(params: Params): Tree {
    const { GroupName: name = '', GroupDescription: description = '' } = params;
    const vpc = params.VpcId ?? this.#subnet([...this.subnets.keys()][0] ?? '').vpc;
    const allowed = /^(?!sg-)[\w .:/()#,@[\]+=&;{}!$*-]{1,255}$/;
    if (!allowed.test(name) || !allowed.test(description))
      throw new Refusal('InvalidParameterValue', `Value (${name}) for parameter GroupName is invalid.`);
    const same = [...this.groups.values()].find(
      (group) => group.vpc === vpc && group.name.toLowerCase() === name.toLowerCase(),
    );
    if (same !== undefined)
      throw new Refusal('InvalidGroup.Duplicate', `The security group '${name}' already exists for VPC '${vpc}'`);
    const id = this.#newId('sg');
    const tags = tagsOf(params, 'security-group');
    this.groups.set(id, { id, name, vpc, tags, rules: new Set(), unlisted: this.switches.groupLag });
    return { return: 'true', groupId: id, tagSet: tagSet(tags) };
  }

  #letIn(params: Params): Tree {
    const group = this.#group(params.GroupId ?? '');
    if (isHidden(group)) throw noGroup(group.id);
    const rules = [...new Set(Object.keys(params).map((key) => /^IpPermissions\.\d+\./.exec(key)?.[0] ?? ''))]
      .filter((prefix) => prefix !== '')
      .flatMap((prefix) => {
        const { IpProtocol: protocol, FromPort: from, ToPort: to, ...rest } = under(params, prefix);
        const ranges = Object.entries(rest).filter(([key]) => /^(?:IpRanges|Groups|Ipv6Ranges)\.\d+\.Cidr/.test(key));
        return ranges.map(([key, range]) => {
          if (key.endsWith('Ipv6') !== range.includes(':'))
            throw new Refusal('InvalidParameterValue', `CIDR block ${range} is malformed`);
          return `${protocol} ${from}-${to} ${range}`;
        });
      });
    if (rules.length === 0) throw new Refusal('MissingParameter', 'no rules');
    for (const rule of rules) {
      if (!/ (?:\d+\.\d+\.\d+\.\d+|[0-9a-f:]+)\/\d+$/.test(rule))
        throw new Refusal('InvalidParameterValue', `CIDR block ${rule.split(' ')[2]} is malformed`);
      if (group.rules.has(rule))
        throw new Refusal('InvalidPermission.Duplicate', `the specified rule "${rule}" already exists`);
    }
    for (const rule of rules) group.rules.add(rule);
    return { return: 'true' };
  }

  #describeGroups(params: Params): Tree {
    const ids = listOf(params, 'GroupId');
    const found = ids.length > 0 ? ids.map((id) => this.#group(id)) : [...this.groups.values()];
    const listed = found.filter((group) => !isHidden(group));
    const wanted = filterOf<FakeGroup>(params, { 'group-name': ({ name }) => name, 'vpc-id': ({ vpc }) => vpc });
    return this.#page('securityGroupInfo', listed.filter(wanted), params, ({ id, name, vpc, tags }) => ({
      ...{ groupId: id, groupName: name, vpcId: vpc, tagSet: tagSet(tags) },
    }));
  }

  #deleteGroup(params: Params): Tree {
    const group = this.#group(params.GroupId ?? '');
    const uses = [...this.instances.values()].filter(({ groups }) => groups.includes(group.id));
    for (const instance of uses) if (instance.state === 'shutting-down') this.#looked(instance);
    if (uses.some(({ state }) => state !== 'terminated'))
      throw new Refusal('DependencyViolation', `resource ${group.id} has a dependent object`);
    this.groups.delete(group.id);
    return { return: 'true', groupId: group.id };
  }

  #group(id: string): FakeGroup {
    if (!idPattern.test(id)) throw new Refusal('InvalidGroupId.Malformed', `Invalid id: "${id}"`);
    const group = this.groups.get(id);
    if (group === undefined) throw noGroup(id);
    return group;
  }

  #tag(params: Params): Tree {
    for (const id of listOf(params, 'ResourceId')) {
      const { tags } = id.startsWith('sg-')
        ? this.#group(id)
        : id.startsWith('ami-')
          ? this.#image(id)
          : this.#instance(id);
      for (const [key, value] of pairsOf(params, 'Tag')) tags.set(key, value);
    }
    return { return: 'true' };
  }

  #page<T>(name: string, all: readonly T[], params: Params, shown: (each: T) => Tree): Tree {
    const from = Number(params.NextToken ?? '0');
    const to = from + Math.min(Number(params.MaxResults ?? '1000'), this.switches.pageSize);
    return { [name]: all.slice(from, to).map(shown), ...(to < all.length ? { nextToken: String(to) } : {}) };
  }

  #newId(kind: string): string {
    this.#made++;
    return `${kind}-${this.#made.toString(16).padStart(17, '0')}`;
  }

  #state(): object {
    const plain = (row: FakeInstance | FakeGroup) => ({
      ...row,
      tags: Object.fromEntries(row.tags),
      ...('rules' in row
        ? { rules: [...row.rules] }
        : { userData: row.userData?.toString() ?? null, volumeTags: undefined }),
    });
    return { instances: [...this.instances.values()].map(plain), groups: [...this.groups.values()].map(plain) };
  }
}

export function startEc2Endpoint(port = 0): Promise<Ec2Endpoint> {
  return new Ec2Endpoint().listen(port);
}

/** What the SDK reads of its surroundings, so that it asks this endpoint and nothing else. */
export function ec2Environment(url: string): Record<string, string> {
  return {
    ...{
      AWS_ENDPOINT_URL_EC2: url,
      AWS_REGION: 'eu-test-1',
      AWS_ACCESS_KEY_ID: 'AKIATEST',
      AWS_SECRET_ACCESS_KEY: 'secret',
    },
    ...{ AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' },
  };
}

/** Behind itself: each look at it brings the time nearer when it shows. */
function isHidden(row: { unlisted: number }): boolean {
  if (row.unlisted <= 0) return false;
  row.unlisted--;
  return true;
}

function noInstance(id: string): Refusal {
  return new Refusal('InvalidInstanceID.NotFound', `The instance ID '${id}' does not exist`);
}

function noGroup(id: string): Refusal {
  return new Refusal('InvalidGroup.NotFound', `The security group '${id}' does not exist`);
}

function failBy({ how }: Fault, request: IncomingMessage, response: ServerResponse): void {
  if (how === 'hang') return;
  if (how === 'cut') request.socket.destroy();
  else if (how === 'garbage') response.end('<html><body>not what you asked for');
  else if (how === 'empty') response.end();
  else answerWith(response, how.status, errorOf(how.code, how.message ?? `${how.code} was switched on`));
}

function answerWith(response: ServerResponse, status: number, xml: string): void {
  response
    .writeHead(status, { 'content-type': 'text/xml;charset=UTF-8' })
    .end(`<?xml version="1.0" encoding="UTF-8"?>\n${xml}`);
}

// --- the Query protocol

/** A list is `<item>`s. */
type Tree = { readonly [name: string]: string | Tree | readonly Tree[] };

function element(name: string, value: string | Tree | readonly Tree[]): string {
  if (typeof value === 'string')
    return `<${name}>${value.replace(/[&<>"\r\n]/g, (sign) => `&#${sign.charCodeAt(0)};`)}</${name}>`;
  const inner = Array.isArray(value)
    ? value.map((item) => element('item', item))
    : Object.entries(value).map(([key, each]) => element(key, each));
  return `<${name}>${inner.join('')}</${name}>`;
}

function errorOf(code: string, message: string): string {
  return element('Response', { Errors: { Error: { Code: code, Message: message } }, RequestID: 'req-0' });
}

/** `InstanceId.1=…&InstanceId.2=…`. */
function listOf(params: Params, name: string): string[] {
  return Object.entries(params).flatMap(([key, value]) => (new RegExp(`^${name}\\.\\d+$`).test(key) ? [value] : []));
}

function under(params: Params, prefix: string): Record<string, string> {
  const found = Object.entries(params).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(found.map(([key, value]) => [key.slice(prefix.length), value]));
}

/** `Tag.1.Key=…&Tag.1.Value=…`. */
function pairsOf(params: Params, name: string): [string, string][] {
  return Object.entries(params).flatMap(([key, value]): [string, string][] => {
    const start = new RegExp(`^${name}\\.\\d+\\.Key$`).test(key) ? key.slice(0, -'Key'.length) : null;
    return start === null ? [] : [[value, params[`${start}Value`] ?? '']];
  });
}

function tagsOf(params: Params, type: string): Map<string, string> {
  for (let at = 1; ; at++) {
    const asked = under(params, `TagSpecification.${at}.`);
    if (asked.ResourceType === undefined) return new Map();
    if (asked.ResourceType !== type) continue;
    const tags = new Map(pairsOf(asked, 'Tag'));
    for (const [key, value] of tags)
      if (key.length > 128 || value.length > 256 || key.startsWith('aws:'))
        throw new Refusal('InvalidParameterValue', `Tag ${key} is not allowed`);
    return tags;
  }
}

function tagSet(tags: ReadonlyMap<string, string>): Tree[] {
  return Array.from(tags, ([key, value]) => ({ key, value }));
}

/** `*` and `?` stand for others, unless a `\` is before them. */
function fits(values: readonly string[], value: string): boolean {
  const signs: Readonly<Record<string, string>> = { '*': '.*', '?': '.' };
  return values.some((wanted) => {
    const pattern = wanted.replace(/\\?./gs, (sign) => signs[sign] ?? sign.slice(-1).replace(/\W/, '\\$&'));
    return new RegExp(`^${pattern}$`, 's').test(value);
  });
}

function filterOf<T extends { readonly tags: ReadonlyMap<string, string> }>(
  params: Params,
  fields: Readonly<Record<string, (row: T) => string>>,
): (row: T) => boolean {
  const filters: ((row: T) => boolean)[] = [];
  for (let at = 1; ; at++) {
    const name = params[`Filter.${at}.Name`];
    if (name === undefined) return (row) => filters.every((filter) => filter(row));
    const values = listOf(params, `Filter\\.${at}\\.Value`);
    const field = fields[name];
    if (name === 'tag-key') filters.push(({ tags }) => values.some((key) => tags.has(key)));
    else if (name.startsWith('tag:')) filters.push(({ tags }) => fits(values, tags.get(name.slice(4)) ?? '\0'));
    else if (field !== undefined) filters.push((row) => fits(values, field(row)));
    else throw new Refusal('InvalidParameterValue', `The filter '${name}' is invalid`);
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { port: { type: 'string', default: '0' } } });
  const endpoint = await startEc2Endpoint(Number(values.port));
  console.log(endpoint.url);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void endpoint.close());
}
