// The dashboard starts here. It is a client of /v1 like any other: src/client asks, src/core/access.ts says what may be offered.

import { render } from 'preact';
import { access, startAccess } from './access.ts';
import { startMine } from './actions/mine.ts';
import { restartFeed, startFeed, stopFeed } from './live/feed.ts';
import { startRouter } from './router.ts';
import { App } from './shell/app.tsx';
import { startKeys } from './ui/keys.ts';
import './style/tokens.css';
import './style/base.css';
import './style/frame.css';
import './style/table.css';

startRouter();
startKeys();
startFeed();
startMine();
access.watch(({ state }) => {
  if (state === 'in') restartFeed();
  else if (state === 'signIn') stopFeed();
});
startAccess();
render(<App />, document.getElementById('page') as HTMLElement);
