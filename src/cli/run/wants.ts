// `run uat db --label kind=db,site=eu:2`: what is asked for, from names and labels, and how people call it.

import type { Labels } from '../../client/types.ts';
import { usage } from '../text/errors.ts';
import { foreign } from '../text/sanitize.ts';

export type AskedWant = { readonly environment: string } | { readonly labels: Labels; readonly count: number };

/** One `--label`: labels that one environment must all have, and after a colon how many such environments. */
export function parseLabels(written: string): AskedWant {
  const [, selector = written, count = '1'] = /^(.*):(\d+)$/.exec(written) ?? [];
  const labels: Record<string, string> = {};
  for (const pair of selector.split(',')) {
    const [, name, value] = /^\s*([^=\s]+)=([^=]*?)\s*$/.exec(pair) ?? [];
    if (name === undefined || value === undefined || value === '') {
      throw usage(`--label ${foreign(written)}: "${foreign(pair)}" is not name=value.`, ...forms);
    }
    if (Object.hasOwn(labels, name))
      throw usage(`--label ${foreign(written)}: ${foreign(name)} is there twice.`, ...forms);
    labels[name] = value;
  }
  if (Number(count) < 1)
    throw usage(`--label ${foreign(written)}: at least one environment has to be wanted.`, ...forms);
  return { labels, count: Number(count) };
}

const forms = [
  'One environment with a label: --label kind=db   two of them: --label kind=db:2',
  'With several labels at once: --label kind=db,site=eu   and one more of another kind: give --label again',
];

export function wantsOf(names: readonly string[], labels: readonly string[]): AskedWant[] {
  return [...names.map((environment) => ({ environment })), ...labels.map(parseLabels)];
}

/** `uat + db`, `kind=db ×2`. */
export function wantWords(wants: readonly AskedWant[]): string {
  return wants
    .map((want) => {
      if ('environment' in want) return foreign(want.environment);
      const pairs = Object.entries(want.labels).map(([name, value]) => `${name}=${value}`);
      return foreign(`${pairs.join(',')}${want.count === 1 ? '' : ` ×${want.count}`}`);
    })
    .join(' + ');
}
