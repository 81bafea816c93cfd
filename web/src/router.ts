// Where the person is: the browser's own address and history, as a value that screens watch. Links are plain <a href>, so that
// opening in a new tab, copying and a middle click work as everywhere; those to our own screens are followed without a load.

import { Cell } from './cell.ts';
import { pathOf, type Route, routeOf } from './routes.ts';

export interface Place {
  readonly route: Route;
  /** What follows the path: `?q=uat`, or nothing. */
  readonly search: string;
}

const here = (): Place => ({ route: routeOf(location.pathname), search: location.search });

export const place = new Cell<Place>(here());

export function go(route: Route, search = ''): void {
  history.pushState({ within: true }, '', pathOf(route) + search);
  place.set(here());
  scrollTo(0, 0);
}

/** The same screen with other filters: no new entry in the history, since Back should leave the screen. */
export function replaceSearch(search: string): void {
  if (search === location.search) return;
  history.replaceState(history.state, '', location.pathname + search);
  place.set(here());
}

/** To where one came from, or to the board where that was elsewhere. */
export function back(): void {
  if (history.state?.within === true) history.back();
  else go({ screen: 'board' });
}

export function startRouter(): void {
  addEventListener('popstate', () => place.set(here()));
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest?.('a');
    if (link == null || link.target !== '' || link.origin !== location.origin || link.hasAttribute('download')) return;
    const route = routeOf(link.pathname);
    if (route.screen === 'unknown') return;
    event.preventDefault();
    go(route, link.search);
  });
}
