// Lists of the API come in pages; this gathers them, up to a bound.

import type { Outcome } from '../../client/outcome.ts';
import type { Page } from '../../client/types.ts';

const PAGE = 500;

export interface Gathered<Item> {
  readonly items: readonly Item[];
  readonly asOf: Page<Item>['asOf'];
  /** There are more than were asked for. */
  readonly more: boolean;
}

/** Up to `most` items; `read` asks for one page and throws where it is refused. */
export async function gather<Item>(
  read: (query: { limit: number; cursor?: string }) => Promise<Outcome<Page<Item>>>,
  need: (outcome: Outcome<Page<Item>>) => Page<Item>,
  most = Number.POSITIVE_INFINITY,
): Promise<Gathered<Item>> {
  const items: Item[] = [];
  let cursor: string | undefined;
  while (true) {
    const limit = Math.min(PAGE, most - items.length);
    const page: Page<Item> = need(await read(cursor === undefined ? { limit } : { limit, cursor }));
    items.push(...page.items);
    const done = page.next === null || items.length >= most;
    if (done) return { items, asOf: page.asOf, more: page.next !== null };
    cursor = page.next ?? undefined;
  }
}
