// Who holds a machine: a machine of a pool is an environment, and whoever holds that holds the machine.

import type { Lease } from '../../../src/client/types.ts';
import type { Instance } from '../../../src/client/types-machines.ts';
import { environments } from '../live/tables.ts';
import { pathOf } from '../routes.ts';
import { HolderName } from '../ui/holder.tsx';

export function holdersOf({ environment }: Instance): readonly Lease[] {
  return environment === null ? [] : (environments.get(environment)?.held ?? []);
}

export function Holders({ leases }: { leases: readonly Lease[] }) {
  return leases.map((lease, index) => (
    <span key={lease.id}>
      {index > 0 && ', '}
      <HolderName holder={lease.holder} />
    </span>
  ));
}

export function EnvironmentLink({ name }: { name: string }) {
  return (
    <a href={pathOf({ screen: 'environment', name })}>
      <bdi>{name}</bdi>
    </a>
  );
}

/** Ids of the leases on it: with others another person would be hurt than the dialog has said. */
export const leaseIds = (leases: readonly Lease[]): string =>
  leases
    .map(({ id }) => id)
    .toSorted()
    .join(' ');
