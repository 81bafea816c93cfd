// The page of one environment: who holds it and whether that job is alive, who waits and for what, what was, and whether another
// one would pay. Links from a CI log lead here, perhaps before the environment is there: then the page waits for it.

import { useEffect, useState } from 'preact/hooks';
import type { Environment } from '../../../src/client/types.ts';
import { person } from '../access.ts';
import { actionsOnEnvironment } from '../actions/open.ts';
import { lookOf } from '../board/model.ts';
import { useCell } from '../cell.ts';
import { useRow } from '../live/rows.ts';
import { environments, freezes } from '../live/tables.ts';
import { place } from '../router.ts';
import { pathOf } from '../routes.ts';
import { useAnswer } from '../ui/answer.ts';
import { Problem } from '../ui/problem.tsx';
import { State } from '../ui/state.tsx';
import { Actions } from './actions.tsx';
import { Facts } from './facts.tsx';
import { Figures } from './figures.tsx';
import { Holders } from './holders.tsx';
import { Marked } from './marked.tsx';
import { Queue } from './queue.tsx';
import { firstAsked, useQueue } from './queue-list.ts';
import { Recent } from './recent.tsx';
import { Timeline } from './timeline/timeline.tsx';
import './environment.css';

/** With several holders what can be done to each stands beside it. */
const seen = 4;

export function EnvironmentPage({ name }: { name: string }) {
  useEffect(() => {
    environments.want();
    freezes.want();
  }, []);
  // What may be done is asked of the person of now.
  useCell(person);
  const known = useRow(environments, name);
  const loading = useCell(environments.loading);
  const { search } = useCell(place);
  const marked = new URLSearchParams(search).get('lease');
  // It alone is there sooner than the list of all.
  const { value, failure, again } = useAnswer((client, signal) => client.environment(name, { signal }), name);
  const [limit, setLimit] = useState(firstAsked);
  const queue = useQueue(name, limit);
  const row = known ?? (loading.state === 'ready' ? null : value);
  const isMissing = row === null && (loading.state === 'ready' || isUnknown(failure));
  const reload = () => {
    void environments.load();
    again();
  };
  return (
    <div class="environment">
      <p>
        <a href={pathOf({ screen: 'board' })}>
          <span aria-hidden="true">← </span>Board
        </a>
      </p>
      <Head name={name} row={row} />
      {marked !== null && <Marked id={marked} name={name} row={row} queue={queue} />}
      {row !== null && (
        <>
          <Facts row={row} />
          <Holders row={row} marked={marked} />
          <Queue row={row} marked={marked} queue={queue} limit={limit} setLimit={setLimit} />
          <Timeline row={row} />
          <Figures row={row} />
        </>
      )}
      {isMissing && <Missing name={name} nearest={nearestOf(failure)} />}
      {row === null && !isMissing && (loading.state === 'failed' || failure !== null) && (
        <Problem
          what="It could not be loaded."
          failure={failure ?? (loading as Extract<typeof loading, { state: 'failed' }>).failure}
          again={reload}
        />
      )}
      {(row !== null || isMissing) && <Recent name={name} />}
    </div>
  );
}

function Head({ name, row }: { name: string; row: Environment | null }) {
  const look = row === null ? null : lookOf(row);
  return (
    <div class="environment-head">
      <h1>
        <bdi>{name}</bdi>
      </h1>
      {look !== null && <State shape={look.shape} word={look.word} />}
      {row !== null && <Actions of={name} items={actionsOnEnvironment(row)} max={row.held.length > 1 ? 0 : seen} />}
    </div>
  );
}

function Missing({ name, nearest }: { name: string; nearest: string | null }) {
  return (
    <div class="empty missing">
      <p>
        <bdi>{name}</bdi> is not there, or your key may not see it. This page shows it as soon as somebody asks for it.
      </p>
      {nearest !== null && (
        <p>
          There is{' '}
          <a href={pathOf({ screen: 'environment', name: nearest })}>
            <bdi>{nearest}</bdi>
          </a>
          .
        </p>
      )}
    </div>
  );
}

type Failed = ReturnType<typeof useAnswer>['failure'];

function isUnknown(failure: Failed): boolean {
  return failure?.kind === 'problem' && failure.status === 404;
}

function nearestOf(failure: Failed): string | null {
  const nearest = failure?.kind === 'problem' ? failure.problem.nearest : null;
  return typeof nearest === 'string' ? nearest : null;
}
