// Probes, what was waited for in vain, and waits for other things than signals, barriers and probes.

import { formatDuration } from '../../../src/cli/text/durations.ts';
import type { OpenWait, WaitList } from '../../../src/client/types.ts';
import { pathOf } from '../routes.ts';
import { type Shape, State } from '../ui/state.tsx';
import { Since } from '../ui/time.tsx';
import { SmallTable } from './small-table.tsx';
import { Who } from './who.tsx';

type Probe = WaitList['probes'][number];
type TimedOut = WaitList['timedOut'][number];

const looks: Readonly<Record<string, Shape>> = {
  up: 'held',
  unready: 'partly',
  down: 'waiting',
  misconfigured: 'failed',
};

function Text({ text }: { text: string }) {
  return (
    <span title={text}>
      <bdi>{text}</bdi>
    </span>
  );
}

export function Probes({ rows }: { rows: readonly Probe[] }) {
  return (
    <SmallTable
      label="Probes"
      rows={rows}
      keyOf={({ target, since }) => `${target} ${since}`}
      columns={[
        {
          id: 'meet-state',
          title: 'State',
          cell: ({ state }) => <State shape={looks[state ?? ''] ?? 'cleaning'} word={state ?? 'not tried yet'} />,
        },
        { id: 'meet-name', title: 'Target', isName: true, cell: ({ target }) => <Text text={target} /> },
        { id: 'meet-says', title: 'Last answer', cell: ({ detail }) => <Text text={detail ?? '–'} /> },
        {
          id: 'meet-tries',
          title: 'Tries',
          cell: ({ tries, since, triedAt }) => (
            <>
              {tries} in <Since at={since} />
              {triedAt !== null && (
                <span class="second">
                  , last <Since at={triedAt} /> ago
                </span>
              )}
            </>
          ),
        },
        {
          id: 'meet-count',
          title: 'Waiting',
          cell: ({ waiting }) => (
            <span class="queue">
              {waiting} {waiting === 1 ? 'waits' : 'wait'}
            </span>
          ),
        },
      ]}
    />
  );
}

export function InVain({ rows }: { rows: readonly TimedOut[] }) {
  return (
    <SmallTable
      label="Timed out in the last hour"
      rows={rows}
      keyOf={({ target, since, at, by, holder }) => `${target} ${since} ${at} ${by} ${holder.name}`}
      columns={[
        { id: 'meet-name', title: 'Waited for', isName: true, cell: ({ target }) => <Text text={target} /> },
        { id: 'meet-by', title: 'Who', cell: (row) => <Who {...row} /> },
        { id: 'meet-says', title: 'How it was', cell: ({ detail }) => <Text text={detail} /> },
        {
          id: 'meet-tries',
          title: 'Waited',
          cell: ({ since, at }) => (
            <>
              {formatDuration(Date.parse(at) - Date.parse(since))}
              <span class="second">
                , until <Since at={at} /> ago
              </span>
            </>
          ),
        },
      ]}
    />
  );
}

/** Which conditions of a wait are shown nowhere else. */
export function otherWaits(open: readonly OpenWait[]): OpenWait[] {
  return open.flatMap((wait) => {
    const conditions = wait.conditions.filter(
      ({ target, state }) => state === 'pending' && /^(?:env|lease|instance):/.test(target),
    );
    return conditions.length === 0 ? [] : [{ ...wait, conditions }];
  });
}

export function Others({ rows }: { rows: readonly OpenWait[] }) {
  return (
    <SmallTable
      label="Waits for environments, leases and machines"
      rows={rows}
      keyOf={({ id }) => id}
      columns={[
        {
          id: 'meet-name',
          title: 'Waited for',
          isName: true,
          cell: ({ conditions, mode }) =>
            conditions.map(({ target }, index) => (
              <span key={target}>
                {index > 0 && (mode === 'any' ? ' or ' : ' and ')}
                <Target target={target} />
              </span>
            )),
        },
        { id: 'meet-by', title: 'Who', cell: (row) => <Who {...row} /> },
        {
          id: 'meet-says',
          title: 'How it is',
          cell: ({ conditions }) => <Text text={conditions.map(({ detail }) => detail).join(', ')} />,
        },
        { id: 'meet-time', title: 'Since', cell: ({ since }) => <Since at={since} /> },
      ]}
    />
  );
}

function Target({ target }: { target: string }) {
  const name = /^env:(.*)$/s.exec(target)?.[1];
  if (name === undefined) return <Text text={target} />;
  return (
    <a href={pathOf({ screen: 'environment', name })}>
      <bdi>{target}</bdi>
    </a>
  );
}
