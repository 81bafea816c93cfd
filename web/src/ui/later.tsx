// A screen whose code is loaded when it is opened, so that the first look at the board does not wait for it.
//
// Must always hold: one that could not be loaded says so and can be tried again; after a first time it is there at once.

import type { FunctionComponent } from 'preact';
import { useEffect, useState } from 'preact/hooks';

export function later<Props>(load: () => Promise<FunctionComponent<Props>>): FunctionComponent<Props> {
  let loaded: FunctionComponent<Props> | null = null;
  return function Later(props) {
    const [, repaint] = useState(0);
    const [hasFailed, setFailed] = useState(false);
    useEffect(() => {
      if (loaded !== null || hasFailed) return;
      load().then(
        (screen) => {
          loaded = screen;
          repaint((count) => count + 1);
        },
        () => setFailed(true),
      );
    }, [hasFailed]);
    const Screen = loaded;
    if (Screen !== null) return <Screen {...props} />;
    if (!hasFailed) return null;
    return (
      <div class="notice" role="alert">
        <strong>This page could not be loaded.</strong>
        <span>The server does not answer, or has a newer one: then reload.</span>
        <button type="button" onClick={() => setFailed(false)}>
          Try again
        </button>
        <button type="button" onClick={() => location.reload()}>
          Reload
        </button>
      </div>
    );
  };
}
