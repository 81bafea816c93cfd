// Who set, broke or waits for something: the job where it was said, else the key.

import type { Holder } from '../../../src/client/types.ts';
import { HolderName } from '../ui/holder.tsx';
import { Since } from '../ui/time.tsx';
import type { Waiter } from './waiting.ts';

const named = 2;

export function Who({ by, holder }: { by: string | null; holder: Holder }) {
  return <HolderName holder={{ ...holder, name: holder.name ?? by }} />;
}

/** `3 wait, longest 12m: shop #1841 ↗, api #77 ↗, +1`. */
export function Waiting({ waiters, waiting }: { waiters: readonly Waiter[]; waiting: number }) {
  const longest = waiters[0];
  return (
    <>
      <span class="queue">
        {waiting} {waiting === 1 ? 'waits' : 'wait'}
        {longest !== undefined && (
          <>
            {waiting === 1 ? ' ' : ', longest '}
            <Since at={longest.since} />
          </>
        )}
      </span>
      {waiters.slice(0, named).map((waiter, index) => (
        <span key={waiter.id}>
          {index === 0 ? ': ' : ', '}
          <Who {...waiter} />
        </span>
      ))}
      {waiters.length > 0 && waiting > named && (
        <span class="second">, +{waiting - Math.min(named, waiters.length)}</span>
      )}
    </>
  );
}

const listed = 100;

/** Each of them, for a dialog. */
export function WaiterList({ waiters, label }: { waiters: readonly Waiter[]; label: string }) {
  return (
    <ul class="people" aria-label={label}>
      {waiters.slice(0, listed).map((waiter) => (
        <li key={waiter.id}>
          <Who {...waiter} />{' '}
          <span class="second">
            since <Since at={waiter.since} />
            {waiter.isForMore && ', with other things'}
          </span>
        </li>
      ))}
      {waiters.length > listed && <li class="second">and {waiters.length - listed} more</li>}
    </ul>
  );
}
