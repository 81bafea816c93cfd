// What is asked for, from names and labels on a command line to the `wants` of a request; the same for acquire and run.

import type { LeaseRequest } from '../client/types.ts';
import { integerArgument, labelsArgument } from './text/arguments.ts';
import { usage } from './text/errors.ts';
import { wantsText } from './text/leases.ts';

type Wants = NonNullable<LeaseRequest['wants']>;

/** Each name is one want, and each `--label` (`kind=db,site=eu`) is one too, for `count` environments that carry all of these. */
export function wantsArgument(names: readonly string[], labels: readonly string[], count: string | undefined): Wants {
  if (names.length === 0 && labels.length === 0)
    throw usage('which environment?', 'Give its name, or --label kind=db for any one that carries it.');
  if (count !== undefined && labels.length === 0) throw usage('--count is for --label: how many that carry it.');
  const number = count === undefined ? 1 : integerArgument(count, '--count', 1, 64);
  return [
    ...names.map((environment) => ({ environment })),
    ...labels.map((written) => ({ labels: labelsArgument([written]), count: number })),
  ];
}

/** `uat, kind=db ×2`, made fit to be shown. */
export function wantsShown(wants: Wants): string {
  return wantsText(wants.map((want) => ('labels' in want ? { labels: want.labels, count: want.count ?? 1 } : want)));
}
