// Who holds something: the name, linked to the job where there is one.
//
// Must always hold: an address of others is a link only where it is http or https; a name of others is text, however it is written.

import type { Holder } from '../../../src/client/types.ts';

export function HolderName({ holder }: { holder: Holder }) {
  const name = <bdi>{holder.name ?? 'somebody'}</bdi>;
  const href = webAddress(holder.url);
  if (href === null) return name;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer" title={href}>
      {name}
      <span aria-hidden="true"> ↗</span>
    </a>
  );
}

export function webAddress(url: string | null): string | null {
  if (url === null || !URL.canParse(url)) return null;
  const { protocol, href } = new URL(url);
  return protocol === 'https:' || protocol === 'http:' ? href : null;
}
