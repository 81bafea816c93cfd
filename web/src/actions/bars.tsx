// What stands above the board while it counts: freezes that are on, and what one holds or waits for oneself.

import { useEffect, useMemo } from 'preact/hooks';
import { useCell } from '../cell.ts';
import { freezes } from '../live/tables.ts';
import { pathOf } from '../routes.ts';
import { State } from '../ui/state.tsx';
import { Left } from '../ui/time.tsx';
import { Names } from './fields.tsx';
import { FreezeWords, openEndFreeze } from './freeze-all.tsx';
import { useMayFreezeAll } from './may.ts';
import { forgetMine, isOver, type Mine, mine } from './mine.ts';
import { openCancel, openRelease } from './release.tsx';
import './actions.css';

/** More than these are folded away. */
const shownFreezes = 3;

/** Who has frozen what, why and until when; and what ends it. Nothing where nothing is frozen. */
export function FreezeBar() {
  useEffect(() => freezes.want(), []);
  const version = useCell(freezes.version);
  const mayEnd = useMayFreezeAll();
  const on = useMemo(() => [...freezes.all()].sort((a, b) => (a.at < b.at ? -1 : 1)), [version]);
  if (on.length === 0) return null;
  const list = (
    <ul>
      {on.map((freeze) => (
        <li key={freeze.name}>
          <State shape="frozen" word="frozen" />
          <span>
            <FreezeWords freeze={freeze} />
          </span>
          {mayEnd && (
            <button
              type="button"
              aria-label={`End it… the freeze ${freeze.name}`}
              onClick={() => openEndFreeze(freeze)}
            >
              End it…
            </button>
          )}
        </li>
      ))}
    </ul>
  );
  return (
    <section class="notes" aria-label="Freezes that are on">
      {on.length <= shownFreezes ? (
        list
      ) : (
        <details>
          <summary>{on.length} freezes are on</summary>
          {list}
        </details>
      )}
    </section>
  );
}

/** What was reserved from this browser, with what gives it back. */
export function MineBar() {
  const all = useCell(mine);
  if (all.length === 0) return null;
  return (
    <section class="notes" aria-label="Yours">
      <ul>
        {all.map((one) => (
          <li key={one.id}>
            <One one={one} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function One({ one }: { one: Mine }) {
  const { lease, environments } = one;
  const name = environments[0] ?? '';
  const links = environments.length > 1 ? <Names names={environments} /> : <bdi>{name}</bdi>;
  const link = <a href={pathOf({ screen: 'environment', name })}>{links}</a>;
  if (lease.state === 'waiting')
    return (
      <>
        <State shape="waiting" word="waiting" />
        <span>
          You wait for {link}
          {lease.position !== null && `, as number ${lease.position} in line`}.
          {one.isKept && ' This tab keeps your place.'}
        </span>
        <button type="button" aria-label={`Leave… the queue of ${name}`} onClick={() => openCancel(lease, name)}>
          Leave…
        </button>
      </>
    );
  if (!isOver(lease))
    return (
      <>
        <State shape="held" word="yours" />
        <span>
          {link} is yours
          {lease.expiresAt === null ? (
            ' until you release it'
          ) : (
            <>
              , <Left until={lease.expiresAt} /> left
            </>
          )}
          .
          {lease.revoking !== null && (
            <span class="error-text">
              {' '}
              <bdi>{lease.revoking.by}</bdi> takes it away: “<bdi>{lease.revoking.reason}</bdi>”.
            </span>
          )}
        </span>
        <button type="button" aria-label={`Release… ${name}`} onClick={() => openRelease(lease, name)}>
          Release…
        </button>
      </>
    );
  return (
    <>
      <State shape="failed" word="over" />
      <span>
        {link} is no longer yours
        {lease.end !== null && (
          <>
            : {lease.end.how.replaceAll('_', ' ')} by <bdi>{lease.end.by}</bdi>
            {lease.end.reason && (
              <>
                , “<bdi>{lease.end.reason}</bdi>”
              </>
            )}
          </>
        )}
        .
      </span>
      <button type="button" aria-label={`Understood: ${name} is no longer yours`} onClick={() => forgetMine(one.id)}>
        Understood
      </button>
    </>
  );
}
