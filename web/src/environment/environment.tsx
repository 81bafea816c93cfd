// The page of one environment: what the board's row says, and who is who.

import { useEffect } from 'preact/hooks';
import { lookOf } from '../board/model.ts';
import { useCell } from '../cell.ts';
import { useRow } from '../live/rows.ts';
import { environments } from '../live/tables.ts';
import { pathOf } from '../routes.ts';
import { HolderName } from '../ui/holder.tsx';
import { Problem } from '../ui/problem.tsx';
import { State } from '../ui/state.tsx';
import { Left, Since } from '../ui/time.tsx';

export function EnvironmentPage({ name }: { name: string }) {
  useEffect(() => environments.want(), []);
  const row = useRow(environments, name);
  const loading = useCell(environments.loading);
  const board = (
    <a href={pathOf({ screen: 'board' })}>
      <span aria-hidden="true">← </span>Board
    </a>
  );
  if (row === null)
    return (
      <div class="empty">
        <p>{board}</p>
        <h1>
          <bdi>{name}</bdi>
        </h1>
        {loading.state === 'ready' && <p>There is no such environment, or your key may not see it.</p>}
        {loading.state === 'failed' && (
          <Problem what="It could not be loaded." failure={loading.failure} again={() => void environments.load()} />
        )}
      </div>
    );
  const { shape, word } = lookOf(row);
  return (
    <div class="empty">
      <p>{board}</p>
      <h1>
        <bdi>{name}</bdi> <State shape={shape} word={word} />
      </h1>
      <ul class="commands">
        {row.held.map((lease) => (
          <li key={lease.id}>
            <span>
              held by <HolderName holder={lease.holder} /> {lease.grantedAt && <Since at={lease.grantedAt} />}
              {lease.expiresAt && (
                <>
                  {' · '}
                  <Left until={lease.expiresAt} /> left
                </>
              )}
            </span>
          </li>
        ))}
      </ul>
      <p class="second">{row.waiting === 0 ? 'Nobody waits.' : `${row.waiting} waiting`}</p>
    </div>
  );
}
