// The map of the dashboard: which addresses there are, and the only place where they are built and read. A new screen gets a line
// in `Route`, one in `pathOf`, one in `routeOf`, and one in screens.tsx.

export type Route =
  | { readonly screen: 'board' }
  | { readonly screen: 'environment'; readonly name: string }
  | { readonly screen: 'meet' }
  | { readonly screen: 'machines' }
  | { readonly screen: 'history' }
  | { readonly screen: 'unknown'; readonly path: string };

export type Screen = Route['screen'];

/** The screens of the bar on top, with the letter that follows `g`. */
export const mainScreens = [
  { screen: 'board', title: 'Board', letter: 'b' },
  { screen: 'meet', title: 'Meet', letter: 'm' },
  { screen: 'machines', title: 'Machines', letter: 'i' },
  { screen: 'history', title: 'History', letter: 'h' },
] as const;

export function pathOf(route: Route): string {
  switch (route.screen) {
    case 'board':
      return '/';
    case 'environment':
      return `/environments/${encodeURIComponent(route.name)}`;
    case 'unknown':
      return route.path;
    default:
      return `/${route.screen}`;
  }
}

export function routeOf(path: string): Route {
  const [, first = '', ...rest] = path.replace(/(.)\/+$/, '$1').split('/');
  const more = rest.join('/');
  if (first === '' || (first === 'environments' && more === '')) return { screen: 'board' };
  if (first === 'environments') {
    const name = decoded(more);
    return name === null ? { screen: 'unknown', path } : { screen: 'environment', name };
  }
  if (more === '' && (first === 'meet' || first === 'machines' || first === 'history')) return { screen: first };
  return { screen: 'unknown', path };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
