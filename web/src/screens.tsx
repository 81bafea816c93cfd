// Which component shows which screen. Screens that are not looked at first are loaded when they are opened (`later`).

import type { ComponentChildren } from 'preact';
import { Board } from './board/board.tsx';
import { pathOf, type Route } from './routes.ts';
import { later } from './ui/later.tsx';

const EnvironmentPage = later(() => import('./environment/environment.tsx').then((file) => file.EnvironmentPage));
const Machines = later(() => import('./machines/machines.tsx').then((file) => file.Machines));
const History = later(() => import('./history/history.tsx').then((file) => file.History));
const Meet = later(() => import('./meet/meet.tsx').then((file) => file.Meet));

export function titleOf(route: Route): string {
  switch (route.screen) {
    case 'environment':
      return route.name;
    case 'unknown':
      return 'Not found';
    default:
      return route.screen[0]?.toUpperCase() + route.screen.slice(1);
  }
}

export function screenOf(route: Route): ComponentChildren {
  switch (route.screen) {
    case 'board':
      return <Board />;
    case 'environment':
      return <EnvironmentPage key={route.name} name={route.name} />;
    case 'meet':
      return <Meet />;
    case 'machines':
      return <Machines />;
    case 'history':
      return <History />;
    case 'unknown':
      return (
        <div class="empty">
          <h1>Nothing is here</h1>
          <p>
            <code>{route.path}</code> is no page. <a href={pathOf({ screen: 'board' })}>To the board</a>
          </p>
        </div>
      );
  }
}
