// The one door to the driver `ec2`: the SDK behind it is large, and is loaded by whoever uses it alone.

import type { Driver } from '../driver.ts';
import { type Ec2Options, type Ec2Patience, ec2Settings } from './options.ts';

/** Asks AWS nothing: missing credentials are found out by the first build, and a server starts without them. */
export async function openEc2Driver(options: Ec2Options = {}, patience: Ec2Patience = {}): Promise<Driver> {
  const { Ec2Driver } = await import('./driver.ts');
  return new Ec2Driver(ec2Settings(options), patience);
}
