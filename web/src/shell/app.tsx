// The frame of every screen: where one can go, whether the page is live, who one is.

import { useEffect, useState } from 'preact/hooks';
import { access, findAccess, person } from '../access.ts';
import { Dialogs } from '../actions/frame.tsx';
import { useCell } from '../cell.ts';
import { back, go, place } from '../router.ts';
import { mainScreens, pathOf, type Screen } from '../routes.ts';
import { screenOf, titleOf } from '../screens.tsx';
import { signOut } from '../session.ts';
import { onKeys } from '../ui/keys.ts';
import { Problem } from '../ui/problem.tsx';
import { Help } from './help.tsx';
import { LinkBar, LinkWord } from './link-bar.tsx';
import { NewerBar } from './newer.tsx';
import { SignIn } from './sign-in.tsx';

export function App() {
  const { route } = useCell(place);
  const state = useCell(access);
  const who = useCell(person);
  const [isHelping, setHelping] = useState(false);
  const title = titleOf(route);
  useEffect(() => {
    document.title = route.screen === 'board' ? 'Signalbox' : `${title} · Signalbox`;
  }, [route, title]);
  useEffect(
    () =>
      onKeys({
        ...Object.fromEntries(mainScreens.map(({ letter, screen }) => [`g ${letter}`, () => go({ screen })])),
        '/': () => document.querySelector<HTMLElement>('[data-search]')?.focus(),
        '?': () => setHelping(true),
        Escape: leave,
      }),
    [],
  );
  return (
    <>
      <header class="top">
        <a class="brand" href={pathOf({ screen: 'board' })}>
          Signalbox
        </a>
        <nav aria-label="Screens">
          <Links screen={route.screen} />
        </nav>
        <div class="right">
          {who !== null && <LinkWord />}
          <button type="button" class="plain person" aria-label="Keys" onClick={() => setHelping(true)}>
            ?
          </button>
          {who?.me.keys && !who.me.anonymous && (
            <span class="person">
              <bdi>{who.me.name}</bdi>
              {who.me.space !== 'main' && <span class="second"> · {who.me.space}</span>}{' '}
            </span>
          )}
          {who?.me.keys && !who.me.anonymous && (
            <button type="button" onClick={signOut}>
              Sign out
            </button>
          )}
          {who?.me.keys && who.me.anonymous && (
            <button type="button" onClick={() => access.set({ state: 'signIn', problem: null })}>
              Sign in
            </button>
          )}
        </div>
      </header>
      {who !== null && <LinkBar />}
      <NewerBar />
      <main id="main" tabIndex={-1}>
        {who === null && state.state === 'failed' && (
          <Problem what="Signalbox could not be asked." failure={state.failure} again={() => void findAccess()} />
        )}
        {who !== null && screenOf(route)}
      </main>
      <nav class="phone-bar" aria-label="Screens at the bottom">
        <Links screen={route.screen} />
      </nav>
      {isHelping && <Help close={() => setHelping(false)} />}
      {who !== null && <Dialogs />}
      <SignIn />
    </>
  );
}

function Links({ screen: here }: { screen: Screen }) {
  return mainScreens.map(({ screen, title }) => (
    <a key={screen} href={pathOf({ screen })} aria-current={screen === here ? 'page' : undefined}>
      {title}
    </a>
  ));
}

/** Out of the field or the row that has the focus, else to where one came from. */
function leave(): void {
  const focused = document.activeElement as HTMLElement | null;
  if (focused !== null && focused !== document.body && focused.id !== 'main') focused.blur();
  else if (place.value.route.screen !== 'board') back();
}
