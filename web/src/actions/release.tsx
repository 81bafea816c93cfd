// Giving back what one holds, or what somebody has forgotten; leaving the queue, or taking somebody's request out of it.
//
// Must always hold: a request is only taken out of the queue while it waits; to whom somebody else's place is taken away from, a
// reason is told.

import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Outcome } from '../../../src/client/outcome.ts';
import type { Lease } from '../../../src/client/types.ts';
import { api } from '../api.ts';
import { listen } from '../live/feed.ts';
import { ActionDialog } from '../ui/dialog.tsx';
import { HolderName } from '../ui/holder.tsx';
import { Since } from '../ui/time.tsx';
import { HistoryLink, Names, plural, Reason, Who } from './fields.tsx';
import { openDialog, useGuard } from './frame.tsx';
import { forgetMine, isMine, secretOf } from './mine.ts';
import { noLongerHeld, openRevoke } from './revoke.tsx';

/** One's own, or with `force` any. */
export function openRelease(lease: Lease, environment: string): void {
  openDialog((close) => <Release lease={lease} environment={environment} close={close} />);
}

/** A waiting one: one's own, or with `force` any. */
export function openCancel(lease: Lease, environment: string): void {
  openDialog((close) => <Cancel lease={lease} environment={environment} close={close} />);
}

interface Props {
  readonly lease: Lease;
  readonly environment: string;
  readonly close: () => void;
}

function Release({ lease, environment, close }: Props) {
  const isOwn = isMine(lease.id);
  const { now, overtaken, guarded } = useGuard(environment, (row) => noLongerHeld(lease, row));
  const names = lease.granted.map((each) => each.environment);
  const waiting = now?.waiting ?? 0;
  const act = () =>
    guarded(async () => {
      const answer = await api().release(lease.id, { secret: secretOf(lease.id) });
      if (answer.ok) forgetMine(lease.id);
      return answer;
    });
  return (
    <ActionDialog
      title={
        <>
          Release <Names names={names} />
          {!isOwn && (
            <>
              {' '}
              for <Who lease={lease} />
            </>
          )}
          ?
        </>
      }
      verb="Release"
      going="Releasing…"
      keep="Keep"
      isHarmful={!isOwn}
      overtaken={overtaken}
      act={act}
      done={() => (
        <>
          <p>Released. {waiting > 0 ? 'The next in line gets it.' : 'Nobody waits for it.'}</p>
          <HistoryLink subject={environment} close={close} />
        </>
      )}
      close={close}
    >
      <p>
        {isOwn ? 'You have' : <HolderName holder={lease.holder} />}
        {!isOwn && ' has'} had it for <Since at={lease.grantedAt ?? lease.queuedAt} />.{' '}
        {waiting > 0
          ? `${plural(waiting, 'request waits', 'requests wait')} for it: the first of them gets it at once.`
          : 'Nobody waits for it.'}
      </p>
      {!isOwn && (
        <p>
          For what its holder is done with and has only forgotten to release: no reason is told. From a job that still
          runs,{' '}
          <button type="button" class="link" onClick={() => openRevoke(lease, environment)}>
            take it away
          </button>{' '}
          with a reason.
        </p>
      )}
    </ActionDialog>
  );
}

function Cancel({ lease, environment, close }: Props) {
  const isOwn = isMine(lease.id);
  const [reason, setReason] = useState('');
  const [overtaken, setOvertaken] = useState<ComponentChildren>(null);
  useEffect(
    () =>
      listen({
        row: ({ kind, id, row }) => {
          const now = kind === 'leases' && id === lease.id ? (row as Lease | null) : null;
          if (now !== null && now.state !== 'waiting') setOvertaken(<NotWaiting lease={now} />);
        },
      }),
    [],
  );
  const act = async (): Promise<Outcome<unknown> | null> => {
    const secret = secretOf(lease.id);
    const now = await api().lease(lease.id, { secret });
    if (!now.ok) return now;
    if (now.value.state !== 'waiting') {
      setOvertaken(<NotWaiting lease={now.value} />);
      return null;
    }
    const answer = isOwn
      ? await api().release(lease.id, { secret })
      : await api().revoke(lease.id, { reason: reason.trim() });
    if (answer.ok) forgetMine(lease.id);
    return answer;
  };
  return (
    <ActionDialog
      title={
        isOwn ? (
          <>
            Leave the queue of <bdi>{environment}</bdi>?
          </>
        ) : (
          <>
            Take <Who lease={lease} /> out of the queue of <bdi>{environment}</bdi>?
          </>
        )
      }
      verb={isOwn ? 'Leave the queue' : 'Cancel the request'}
      going={isOwn ? 'Leaving…' : 'Cancelling…'}
      keep="Keep waiting"
      isHarmful={!isOwn}
      isReady={isOwn || reason.trim() !== ''}
      overtaken={overtaken}
      act={act}
      done={() => (
        <>
          <p>{isOwn ? 'You wait no longer.' : 'The request was taken out of the queue; who waited is told why.'}</p>
          <HistoryLink subject={environment} close={close} />
        </>
      )}
      close={close}
    >
      <p>
        {isOwn ? 'You have' : <HolderName holder={lease.holder} />}
        {!isOwn && ' has'} waited for <Since at={lease.queuedAt} />
        {lease.position !== null && `, as number ${lease.position} in line`}. The place is lost
        {isOwn ? '.' : ', and the job that waits fails.'}
      </p>
      {!isOwn && (
        <Reason
          label={
            <>
              Reason (shown to <Who lease={lease} />)
            </>
          }
          value={reason}
          change={setReason}
        />
      )}
    </ActionDialog>
  );
}

/** It was granted, or ended, while one thought about it. */
function NotWaiting({ lease }: { lease: Lease }) {
  if (lease.state === 'held')
    return (
      <>
        It waits no longer: <Who lease={lease} /> has got it meanwhile. Nothing was done.
      </>
    );
  return (
    <>
      It waits no longer
      {lease.end !== null && (
        <>
          : it was {lease.end.how.replaceAll('_', ' ')} by <bdi>{lease.end.by}</bdi>
        </>
      )}
      . Nothing was done.
    </>
  );
}
