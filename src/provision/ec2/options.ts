// What may be set for the driver `ec2`. Where EC2 is and who asks (region, endpoint, credentials) is none of it: that the SDK finds
// out by itself, from AWS_REGION, AWS_PROFILE and the rest of its usual chain.

export interface Ec2Options {
  /** For a type of instance, others to take when there is no room for it, in their order. Default: none. */
  readonly fallbackTypes?: Readonly<Record<string, readonly string[]>>;
  /** Where machines are put whose build names no subnet; the next one when there is no room. All of one VPC. Default: AWS chooses. */
  readonly subnets?: readonly string[];
  /** CIDR ranges, IPv4 or IPv6, that may reach TCP 22 of machines. Default: private networks alone. Empty: nobody. */
  readonly sshFrom?: readonly string[];
  /** The VPC of the security groups of builds that name no subnet. Default: that of `subnets`, else the default VPC. */
  readonly vpc?: string | null;
  /** Put on all that is made, beside our own tags, which win. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Name of a key pair. */
  readonly keyName?: string | null;
  /** Name or ARN of an instance profile. */
  readonly instanceProfile?: string | null;
}

/** For tests, which need not wait as long. */
export interface Ec2Patience {
  /** How long one answer may take. Default 60 s. */
  readonly timeoutMs?: number;
  /** How often the SDK asks by itself, all but the launches. Default: AWS_MAX_ATTEMPTS, else 3. */
  readonly attempts?: number;
}

export type Ec2Settings = Required<Ec2Options>;

/** 0.0.0.0/0 would open each machine to the whole internet because somebody forgot a setting; who needs that can say so. */
const privateNetworks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];

export function ec2Settings(given: Ec2Options): Ec2Settings {
  return {
    fallbackTypes: given.fallbackTypes ?? {},
    subnets: given.subnets ?? [],
    sshFrom: given.sshFrom ?? privateNetworks,
    vpc: given.vpc ?? null,
    tags: given.tags ?? {},
    keyName: given.keyName ?? null,
    instanceProfile: given.instanceProfile ?? null,
  };
}
