// From what was set to a driver.

import { CommandDriver } from './command.ts';
import type { Driver } from './driver.ts';
import { openEc2Driver } from './ec2/open.ts';
import type { Ec2Options } from './ec2/options.ts';

export type DriverChoice = { readonly kind: 'command'; readonly program: string } | { readonly kind: 'ec2' };

/** A machine may take a while to be made. */
const commandAnswersWithinMs = 5 * 60 * 1000;

/** null: no machines are made. Nothing is asked of it yet. */
export async function openDriver(choice: DriverChoice | null, ec2: Ec2Options = {}): Promise<Driver | null> {
  if (choice === null) return null;
  return choice.kind === 'ec2' ? openEc2Driver(ec2) : new CommandDriver(choice.program, commandAnswersWithinMs);
}
